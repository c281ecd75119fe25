/// From importances to masks of a forward pass: sources and routing (spec M1 to M4).
///
/// What is compared with the target under these masks belongs to loss.
@org.jspecify.annotations.NullMarked
package cleave.mask;
