package cleave.subcomponent;

import static cleave.kernel.Lanes.ONE;
import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.ZERO;
import static cleave.kernel.Lanes.load;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;

/// How a site's masks come from its importances g in one pass over a slice (spec M1), with the way
/// back to g, by rows of `[N, C]`.
///
/// Rows are written in whole vectors, beyond their end too.
public sealed interface SliceMask {

    /// Writes a row of masks.
    ///
    /// @param g of the row and on
    /// @param at where it begins
    /// @param to where the mask begins in `mask`
    /// @param C how many there are
    void fill(float[] g, int at, int C, float[] mask, int to);

    /// Adds what a row of the masks' gradient means for g.
    ///
    /// @param gradient of the masks, zero beyond C, from `from` on
    void back(float[] gradient, int from, int C, float[] toG, int at);

    /// Masks `g`.
    record Importance() implements SliceMask {
        @Override
        public void fill(float[] g, int at, int C, float[] mask, int to) {
            System.arraycopy(g, at, mask, to, C);
        }

        @Override
        public void back(float[] gradient, int from, int C, float[] toG, int at) {
            add(gradient, from, C, toG, at);
        }
    }

    /// Masks `g + (1 - g) r`.
    ///
    /// @param r sources `[N, C]` and a vector more
    record Stochastic(float[] r) implements SliceMask {
        @Override
        public void fill(float[] g, int at, int C, float[] mask, int to) {
            for (int c = 0; c < C; c += WIDTH) {
                FloatVector source = load(r, at + c);
                ONE.sub(source).fma(load(g, at + c), source).intoArray(mask, to + c);
            }
        }

        @Override
        public void back(float[] gradient, int from, int C, float[] toG, int at) {
            for (int c = 0; c < C; c += WIDTH) {
                FloatVector share = ONE.sub(load(r, at + c));
                share.fma(load(gradient, from + c), load(toG, at + c)).intoArray(toG, at + c);
            }
        }
    }

    /// Masks `1` where `r < g`, else `0`, with the gradient of g.
    ///
    /// @param r sources `[N, C]` and a vector more
    record Binary(float[] r) implements SliceMask {
        @Override
        public void fill(float[] g, int at, int C, float[] mask, int to) {
            for (int c = 0; c < C; c += WIDTH) {
                ZERO.blend(ONE, load(r, at + c).compare(LT, load(g, at + c)))
                        .intoArray(mask, to + c);
            }
        }

        @Override
        public void back(float[] gradient, int from, int C, float[] toG, int at) {
            add(gradient, from, C, toG, at);
        }
    }

    /// The same masks at every position, without a gradient.
    ///
    /// @param u `[C]`
    record Everywhere(float[] u) implements SliceMask {
        @Override
        public void fill(float[] g, int at, int C, float[] mask, int to) {
            System.arraycopy(u, 0, mask, to, C);
        }

        @Override
        public void back(float[] gradient, int from, int C, float[] toG, int at) {}
    }

    /// The same masks at every position, whose gradient is that of the sequence's largest
    /// importance where they are below 1.
    ///
    /// @param u `[C]`
    /// @param toPeaks where the gradients of each sequence add up
    record Used(float[] u, Peaks toPeaks) implements SliceMask {
        @Override
        public void fill(float[] g, int at, int C, float[] mask, int to) {
            System.arraycopy(u, 0, mask, to, C);
        }

        @Override
        public void back(float[] gradient, int from, int C, float[] toG, int at) {
            int sequence = toPeaks.of(at);
            for (int c = 0; c < C; c += WIDTH) {
                FloatVector open = ZERO.blend(load(gradient, from + c), load(u, c).compare(LT, 1));
                add(open, toPeaks.gradient(), sequence + c);
            }
        }
    }

    /// Gradients of the largest importances of sequences.
    ///
    /// @param gradient `[B, C]` and a panel
    /// @param numbers `T C`, the importances of a sequence
    /// @param C of each position
    record Peaks(float[] gradient, int numbers, int C) {
        /// Where those of a sequence begin.
        ///
        /// @param at a place in its importances
        int of(int at) {
            return at / numbers * C;
        }
    }

    private static void add(float[] gradient, int from, int C, float[] toG, int at) {
        for (int c = 0; c < C; c += WIDTH) {
            add(load(gradient, from + c), toG, at + c);
        }
    }

    private static void add(FloatVector numbers, float[] to, int at) {
        numbers.add(load(to, at)).intoArray(to, at);
    }
}
