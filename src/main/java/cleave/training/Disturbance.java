package cleave.training;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.config.NotEmpty;
import cleave.config.Range;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// What is done to the outputs of some sites while a target is trained, and never after: the model
/// learns to stand it (spec T5).
///
/// Where outputs are dropped at positions drawn anew for every sequence, nothing can rest on what a
/// site gives at positions that do not matter. Where numbers are added, nothing can rest on small
/// differences.
///
/// @param pattern a glob of the sites
/// @param dropped share of the positions at which a site's output is zero
/// @param noise numbers uniform within this bound of zero are added to each output
public record Disturbance(
        @NotEmpty String pattern,
        @Range(min = 0, max = 0.99) @Default("0.0") double dropped,
        @AtLeast(0) @Default("0.0") double noise) {

    /// The disturbed map of a site.
    ///
    /// @param site its name
    /// @param step `(seed, DISTURBANCE, step)`
    /// @param first number of the slice's first example
    /// @param rows sequences of the slice
    /// @param length their positions T
    Replacement of(String site, Draws.Key step, long first, int rows, int length) {
        return (input, weight, positions) -> {
            Tensor output = input.matmul(weight.t()); // [B, T, d_out], or [B, P, d_out]
            Type type = Tensors.type(output);
            if (dropped > 0) {
                float[] drawn = drawn(site, "dropped", step, first, rows, length);
                for (int i = 0; i < drawn.length; i++) {
                    drawn[i] = drawn[i] < dropped ? 0 : 1;
                }
                output =
                        output.mul(
                                Positions.select(
                                        Tensors.of(drawn, type, rows, length, 1), positions));
            }
            if (noise > 0) {
                int outputs = Math.toIntExact(output.size(2));
                float[] drawn = drawn(site, "noise", step, first, rows, length * outputs);
                for (int i = 0; i < drawn.length; i++) {
                    drawn[i] = (float) ((2 * drawn[i] - 1) * noise);
                }
                output =
                        output.add(
                                Positions.select(
                                        Tensors.of(drawn, type, rows, length, outputs), positions));
            }
            return output;
        };
    }

    /// Numbers uniform in `[0, 1)`, `[rows, count]`.
    private static float[] drawn(
            String site, String what, Draws.Key step, long first, int rows, int count) {
        float[] all = new float[rows * count];
        for (int row = 0; row < rows; row++) {
            step.with(first + row).with(site).with(what).uniforms(all, row * count, count);
        }
        return all;
    }
}
