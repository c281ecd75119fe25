/// What a user may bring, each part in one file: a loss, a masking, an importance function and a
/// model. Cleave knows none of them.
@org.jspecify.annotations.NullMarked
package cleave.own;
