/// Tensors on the native engine: operations, lifetimes, shapes, draws and files. The only package
/// that knows JavaCPP and how it frees memory.
///
/// Axes in comments: `B` sequence, `T` position, `P` loss position of a sequence, `C` subcomponent,
/// `d_in` and `d_out` widths of a site, `...` any leading axes. No formula of the method belongs
/// here.
@org.jspecify.annotations.NullMarked
package cleave.tensor;
