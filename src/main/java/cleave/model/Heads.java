package cleave.model;

import cleave.engine.Attention;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// How queries read values; the pass notes the pattern of each head.
public sealed interface Heads {
    /// One head as wide as the stream, by the pass's engine.
    Heads ONE = new One();

    /// What the queries read, `[B, Q, heads d_head]`.
    Tensor mixed(Pass pass, Projections.Mapped mapped);

    /// How many there are.
    int count();

    /// So many heads that share the width, with scores scaled by `1 / sqrt(d_head)`.
    static Heads of(int count) {
        return of(count, count);
    }

    /// Heads of which `count / keys` read the same keys and values.
    ///
    /// @param count heads of queries
    /// @param keys heads of keys and values
    static Many of(int count, int keys) {
        return new Many(count, keys, true, CausalMask.ALL);
    }

    /// One head.
    record One() implements Heads {
        @Override
        public Tensor mixed(Pass pass, Projections.Mapped mapped) {
            Attention.Head head =
                    pass.engine()
                            .attention(
                                    mapped.q(),
                                    mapped.k(),
                                    mapped.v(),
                                    pass.queries(),
                                    pass.isCausal(),
                                    () -> pass.hidden(CausalMask.ALL));
            pass.note(head.pattern()); // [B, Q, T]
            return pass.held().attention()
                    ? pass.products().product(head.pattern().detach(), mapped.v())
                    : head.mixed();
        }

        @Override
        public int count() {
            return 1;
        }
    }

    /// Several heads.
    ///
    /// @param count heads of queries
    /// @param keys heads of keys and values, each read by `count / keys` heads of queries
    /// @param scaled whether scores are divided by `sqrt(d_head)`
    /// @param window how many positions a query sees, itself and those right before it
    record Many(int count, int keys, boolean scaled, int window) implements Heads {
        /// Checks the sizes.
        public Many {
            if (keys < 1 || count % keys != 0 || window < 1) {
                throw new IllegalArgumentException(
                        "heads must be a multiple of those of keys, and the window >= 1, got %d, %d, %d"
                                .formatted(count, keys, window));
            }
        }

        /// The same with scores as they are.
        public Many unscaled() {
            return new Many(count, keys, false, window);
        }

        /// The same seeing so many positions only.
        public Many within(int positions) {
            return new Many(count, keys, scaled, positions);
        }

        @Override
        public Tensor mixed(Pass pass, Projections.Mapped mapped) {
            Tensor q = split(mapped.q(), count); // [B, H, Q, d_head]
            Tensor k = repeated(split(mapped.k(), keys)); // [B, H, T, d_head]
            Tensor v = repeated(split(mapped.v(), keys)); // [B, H, T, d_head]
            Tensor hidden = pass.hidden(window);
            Tensor scores =
                    (hidden.ndimension() == 3 ? hidden.unsqueeze(1) : hidden)
                            .add(
                                    pass.products().product(q, k.transpose(2, 3)),
                                    scaled ? 1 / Math.sqrt(q.size(3)) : 1);
            Tensor found = Tensors.softmax(scores); // [B, H, Q, T]
            Tensor pattern = pass.held().attention() ? found.detach() : found;
            for (int head = 0; head < count; head++) {
                pass.note(pattern.select(1, head));
            }
            return pass.products()
                    .product(pattern, v)
                    .transpose(1, 2)
                    .contiguous() // [B, Q, H, d_head]
                    .flatten(2, 3);
        }

        private static Tensor split(Tensor x, int heads) {
            return x.reshape(x.size(0), x.size(1), heads, x.size(2) / heads).transpose(1, 2);
        }

        /// Each head of keys as often as it is read, `[B, H, T, d_head]`.
        private Tensor repeated(Tensor x) {
            return count == keys
                    ? x
                    : x.unsqueeze(2)
                            .expand(x.size(0), keys, count / keys, x.size(2), x.size(3))
                            .reshape(x.size(0), count, x.size(2), x.size(3));
        }
    }
}
