package cleave.model;

import cleave.engine.Attention;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// How queries read values; the pass notes the pattern of each head.
@FunctionalInterface
interface Heads {
    /// One head as wide as the stream, by the pass's engine.
    Heads ONE =
            (pass, mapped) -> {
                Attention.Head head =
                        pass.engine()
                                .attention(
                                        mapped.q(),
                                        mapped.k(),
                                        mapped.v(),
                                        pass.queries(),
                                        pass.isCausal(),
                                        pass::hidden);
                pass.note(head.pattern()); // [B, Q, T]
                return head.mixed();
            };

    /// What the queries read, `[B, Q, d]`.
    Tensor mixed(Pass pass, Projections.Mapped mapped);

    /// So many heads that share the width, with scores scaled by `1 / sqrt(d_head)`.
    static Heads of(int count) {
        return (pass, mapped) -> {
            Tensor q = split(mapped.q(), count); // [B, H, Q, d_head]
            Tensor k = split(mapped.k(), count); // [B, H, T, d_head]
            Tensor v = split(mapped.v(), count); // [B, H, T, d_head]
            Tensor hidden = pass.hidden();
            Tensor scores =
                    (hidden.ndimension() == 3 ? hidden.unsqueeze(1) : hidden)
                            .add(
                                    pass.products().product(q, k.transpose(2, 3)),
                                    1 / Math.sqrt(q.size(3)));
            Tensor pattern = Tensors.softmax(scores); // [B, H, Q, T]
            for (int head = 0; head < count; head++) {
                pass.note(pattern.select(1, head));
            }
            Tensor mixed =
                    pass.products()
                            .product(pattern, v)
                            .transpose(1, 2)
                            .contiguous(); // [B, Q, H, d_head]
            return mixed.view(mixed.size(0), mixed.size(1), mapped.v().size(2));
        };
    }

    private static Tensor split(Tensor x, int count) {
        return x.reshape(x.size(0), x.size(1), count, x.size(2) / count).transpose(1, 2);
    }
}
