/// Vectors of float32 numbers, native memory and small products, of which the hand-written kernels
/// are made.
///
/// What is computed belongs to the packages that use them.
@org.jspecify.annotations.NullMarked
package cleave.kernel;
