package cleave.engine;

import static cleave.engine.Lanes.ONE;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.store;
import static jdk.incubator.vector.VectorOperators.LT;

import cleave.tensor.Tensor;
import jdk.incubator.vector.FloatVector;

/// How a site's masks come from its importances g in one pass over a slice (spec M1), with the way
/// back to g, by rows of `[N, stride]`.
///
/// Importances, their gradients and sources lie in native memory, rows of C numbers filled up with
/// zeros to whole panels, so that each row begins a line of a cache. Addresses must hold as long as
/// the pass.
public sealed interface SliceMask {

    /// Writes a row of masks.
    ///
    /// @param g address of the first row
    /// @param at where the row begins, in numbers from there
    /// @param stride how many it has
    /// @param to where the row begins in `mask`
    void fill(long g, long at, int stride, float[] mask, int to);

    /// Adds what a row of the masks' gradient means for g.
    ///
    /// @param gradient of the masks, zero beyond C, from `from` on
    /// @param toG address of the first row of the gradients of g
    void back(float[] gradient, int from, int stride, long toG, long at);

    /// Sources of masks `[N, stride]`.
    ///
    /// @param rows the numbers, kept for as long as their address is used
    /// @param address where they lie
    record Sources(Tensor rows, long address) {
        static Sources in(Tensor rows) {
            return new Sources(rows, Kernels.address(rows));
        }
    }

    /// Masks `g`.
    record Importance() implements SliceMask {
        @Override
        public void fill(long g, long at, int stride, float[] mask, int to) {
            Lanes.read(g + bytes(at), mask, to, stride);
        }

        @Override
        public void back(float[] gradient, int from, int stride, long toG, long at) {
            add(gradient, from, stride, toG, at);
        }
    }

    /// Masks `g + (1 - g) r`.
    record Stochastic(Sources sources) implements SliceMask {
        @Override
        public void fill(long g, long at, int stride, float[] mask, int to) {
            long r = sources.address();
            for (int c = 0; c < stride; c += WIDTH) {
                FloatVector source = load(r + bytes(at + c));
                ONE.sub(source).fma(load(g + bytes(at + c)), source).intoArray(mask, to + c);
            }
        }

        @Override
        public void back(float[] gradient, int from, int stride, long toG, long at) {
            long r = sources.address();
            for (int c = 0; c < stride; c += WIDTH) {
                FloatVector share = ONE.sub(load(r + bytes(at + c)));
                long into = toG + bytes(at + c);
                store(share.fma(load(gradient, from + c), load(into)), into);
            }
        }
    }

    /// Masks `1` where `r < g`, else `0`, with the gradient of g.
    record Binary(Sources sources) implements SliceMask {
        @Override
        public void fill(long g, long at, int stride, float[] mask, int to) {
            long r = sources.address();
            for (int c = 0; c < stride; c += WIDTH) {
                var on = load(r + bytes(at + c)).compare(LT, load(g + bytes(at + c)));
                ZERO.blend(ONE, on).intoArray(mask, to + c);
            }
        }

        @Override
        public void back(float[] gradient, int from, int stride, long toG, long at) {
            add(gradient, from, stride, toG, at);
        }
    }

    /// The same masks at every position, without a gradient.
    ///
    /// @param u `[stride]`
    record Everywhere(float[] u) implements SliceMask {
        @Override
        public void fill(long g, long at, int stride, float[] mask, int to) {
            System.arraycopy(u, 0, mask, to, stride);
        }

        @Override
        public void back(float[] gradient, int from, int stride, long toG, long at) {}
    }

    /// The same masks at every position, whose gradient is that of the sequence's largest
    /// importance where they are below 1.
    ///
    /// @param u `[stride]`
    /// @param toPeaks where the gradients of each sequence add up
    record Used(float[] u, Peaks toPeaks) implements SliceMask {
        @Override
        public void fill(long g, long at, int stride, float[] mask, int to) {
            System.arraycopy(u, 0, mask, to, stride);
        }

        @Override
        public void back(float[] gradient, int from, int stride, long toG, long at) {
            int sequence = toPeaks.of(at);
            for (int c = 0; c < stride; c += WIDTH) {
                FloatVector open = ZERO.blend(load(gradient, from + c), load(u, c).compare(LT, 1));
                float[] into = toPeaks.gradient();
                open.add(load(into, sequence + c)).intoArray(into, sequence + c);
            }
        }
    }

    /// Gradients of the largest importances of sequences.
    ///
    /// @param gradient `[B, stride]`
    /// @param numbers `T stride`, the importances of a sequence
    /// @param stride of each position
    record Peaks(float[] gradient, int numbers, int stride) {
        /// Where those of a sequence begin.
        ///
        /// @param at a place in its importances
        int of(long at) {
            return (int) (at / numbers) * stride;
        }
    }

    private static void add(float[] gradient, int from, int stride, long toG, long at) {
        for (int c = 0; c < stride; c += WIDTH) {
            long into = toG + bytes(at + c);
            store(load(gradient, from + c).add(load(into)), into);
        }
    }
}
