package cleave.model;

import static cleave.model.Layout.Order.INPUT_FIRST;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;

/// GPT-2: token and position embeddings, blocks of causal multi-head attention and a two-layer MLP,
/// each behind a layer norm, a final layer norm, and a head that may share the token embedding.
///
/// Weights have the names and layout of the published files: `wte.weight [tokens, d]`, `wpe.weight
/// [length, d]`, for each block I `h.I.ln_1`, `h.I.ln_2` (`weight`, `bias` `[d]`),
/// `h.I.attn.c_attn` (`weight [d, 3 d]`, `bias [3 d]`), `h.I.attn.c_proj` (`weight [d, d]`),
/// `h.I.mlp.c_fc` (`weight [d, neurons]`), `h.I.mlp.c_proj` (`weight [neurons, d]`), then `ln_f`
/// and, unless tied, `lm_head.weight [tokens, d]`. Matrices of blocks are stored input first.
///
/// Sites: `h.I.attn.c_attn`, which is the maps to queries, keys and values as one, and each of them
/// alone, `h.I.attn.c_attn.q`, `.k` and `.v`; `h.I.attn.c_proj`, `h.I.mlp.c_fc`, `h.I.mlp.c_proj`.
/// The whole and a part of it cannot be replaced together. The head is the site `lm_head`.
public final class Gpt2 extends Decoder {

    /// The shape of the network.
    ///
    /// @param tokens size of the vocabulary
    /// @param length longest sequence
    /// @param width d, the width of the residual stream
    /// @param layers number of blocks
    /// @param heads of each block; they share the width
    /// @param neurons of each MLP
    /// @param activation of each MLP
    /// @param epsilon added to the variance in layer norms
    /// @param tiedHead whether the head is the token embedding
    public record Shape(
            int tokens,
            int length,
            int width,
            int layers,
            int heads,
            int neurons,
            Activation activation,
            double epsilon,
            boolean tiedHead) {

        /// Checks the sizes.
        public Shape {
            List<Integer> sizes = List.of(tokens, length, width, layers, heads, neurons);
            if (Collections.min(sizes) < 1 || width % heads != 0) {
                throw new IllegalArgumentException(
                        "tokens, length, width, layers, heads and neurons must be >= 1 and width a multiple of heads, got "
                                + sizes);
            }
            if (!(epsilon > 0)) {
                throw new IllegalArgumentException("epsilon must be > 0, got " + epsilon);
            }
        }

        /// What the network is made of.
        public Layout layout() {
            Layout layout = new Layout("a GPT-2", FAMILY.prefix(), length);
            layout.embedding("wte", tokens, width);
            layout.positions("wpe", length, width);
            for (int layer = 0; layer < layers; layer++) {
                layout.add(block("h.%d.".formatted(layer), layout));
            }
            layout.last(layout.layerNorm("ln_f", width, epsilon));
            layout.head("lm_head", tokens, width, tiedHead, false);
            return layout;
        }

        private Block block(String name, Layout layout) {
            Norm first = layout.layerNorm(name + "ln_1", width, epsilon);
            Projections maps =
                    layout.fused(name + "attn.c_attn", width, width, width, true, INPUT_FIRST);
            Projection output =
                    layout.map(name + "attn.c_proj", "attn.o", width, width, true, INPUT_FIRST);
            Norm second = layout.layerNorm(name + "ln_2", width, epsilon);
            Projection up =
                    layout.map(name + "mlp.c_fc", "mlp.in", width, neurons, true, INPUT_FIRST);
            Projection down =
                    layout.map(name + "mlp.c_proj", "mlp.out", neurons, width, true, INPUT_FIRST);
            return new Block(
                    first,
                    new SelfAttention(
                            maps, PositionCode.NONE, Heads.of(heads), Optional.of(output)),
                    Optional.of(new Block.Second(second, Mlp.twoLayers(up, activation, down))));
        }

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            return layout().weights();
        }

        /// How many numbers the weights are.
        public long parameters() {
            return weights().values().stream().mapToLong(Tensors::count).sum();
        }

        /// Fresh weights, as `Layout.initial` says.
        public SortedMap<String, Tensor> initial(long seed) {
            return layout().initial(seed);
        }
    }

    /// How GPT-2 is read from published files.
    public static final Family FAMILY = new Gpt2Family();

    private final Shape shape;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public Gpt2(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        super(shape.layout(), weights, onClose);
        this.shape = shape;
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }
}
