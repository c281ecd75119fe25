/// The training step as the specification says it, for reading beside the paper and for holding
/// every faster path to it.
@org.jspecify.annotations.NullMarked
package cleave.reference;
