/// Tensors on the native engine.
@org.jspecify.annotations.NullMarked
package cleave.tensor;
