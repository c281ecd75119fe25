/// How the large and the repeated work of a step is computed: one interface, and two ways to meet
/// it.
///
/// `Libtorch` computes everything by libtorch, on any device, in any type and shape, and is what
/// the tests hold the other to. `Fused` uses hand-written kernels on vectors of float32 numbers
/// where they pay, and `Libtorch` elsewhere. Which one a run uses is chosen once. Nothing here
/// knows sites, masks or losses: tensors come in and go out.
@org.jspecify.annotations.NullMarked
package cleave.engine;
