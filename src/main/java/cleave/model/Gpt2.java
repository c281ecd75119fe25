package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

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
/// The whole and a part of it cannot be replaced together. Of attention patterns, `Clean` and
/// `Forward` hold one per head, block by block.
public final class Gpt2 extends DecoderTransformer {

    /// The function between the two layers of an MLP.
    public enum Activation {
        /// GELU with the tanh approximation, as in the published models.
        GELU_NEW,
        /// GELU with the normal distribution function.
        GELU,
        /// The positive part.
        RELU;

        private Tensor of(Tensor x) {
            return switch (this) {
                case GELU_NEW -> Tensors.geluTanh(x);
                case GELU -> Tensors.gelu(x);
                case RELU -> x.relu();
            };
        }
    }

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

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            SortedMap<String, long[]> shapes = new TreeMap<>();
            shapes.put(TOKENS, new long[] {tokens, width});
            shapes.put(POSITIONS, new long[] {length, width});
            for (int layer = 0; layer < layers; layer++) {
                String block = "h.%d.".formatted(layer);
                norm(block + "ln_1", shapes);
                map(block + ATTENTION, width, 3L * width, shapes);
                map(block + OUTPUT, width, width, shapes);
                norm(block + "ln_2", shapes);
                map(block + FIRST, width, neurons, shapes);
                map(block + SECOND, neurons, width, shapes);
            }
            norm("ln_f", shapes);
            if (!tiedHead) {
                shapes.put(HEAD, new long[] {tokens, width});
            }
            return shapes;
        }

        private void norm(String name, SortedMap<String, long[]> into) {
            into.put(name + ".weight", new long[] {width});
            into.put(name + ".bias", new long[] {width});
        }

        private static void map(String name, long dIn, long dOut, SortedMap<String, long[]> into) {
            into.put(name + ".weight", new long[] {dIn, dOut});
            into.put(name + ".bias", new long[] {dOut});
        }

        /// How many numbers the weights are.
        public long parameters() {
            return weights().values().stream().mapToLong(Tensors::count).sum();
        }

        /// Fresh weights, as GPT-2's: matrices and embeddings normal with deviation 0.02, those
        /// that write to the residual stream smaller by `sqrt(2 layers)`; norms one; biases zero.
        public SortedMap<String, Tensor> initial(long seed) {
            return Weights.initial(weights(), seed, this::fresh);
        }

        private Tensor fresh(String name, long[] shape, Draws.Key key) {
            if (name.endsWith(".bias")) {
                return Tensors.zeros(Type.FLOAT, shape);
            }
            if (shape.length == 1) {
                return Tensors.ones(Type.FLOAT, shape);
            }
            boolean writes = name.endsWith("c_proj.weight");
            return key.normal(writes ? 0.02 / Math.sqrt(2.0 * layers) : 0.02, Type.FLOAT, shape);
        }

        /// The sites in canonical order, by name.
        SequencedMap<String, Site> sites() {
            SequencedMap<String, Site> sites = new LinkedHashMap<>();
            for (int layer = 0; layer < layers; layer++) {
                String block = "h.%d.".formatted(layer);
                String fused = block + ATTENTION;
                add(fused, layer, fused, 0, width, 3L * width, sites);
                for (int part = 0; part < PARTS.size(); part++) {
                    String name = fused + "." + PARTS.get(part);
                    add(name, layer, fused, (long) part * width, width, width, sites);
                }
                add(block + OUTPUT, layer, block + OUTPUT, 0, width, width, sites);
                add(block + FIRST, layer, block + FIRST, 0, width, neurons, sites);
                add(block + SECOND, layer, block + SECOND, 0, neurons, width, sites);
            }
            return sites;
        }

        private static void add(
                String name,
                int layer,
                String map,
                long firstOutput,
                long dIn,
                long dOut,
                SequencedMap<String, Site> into) {
            into.put(
                    name,
                    new Site(
                            name,
                            layer,
                            new Site.Stored(map + ".weight", true, firstOutput),
                            dIn,
                            dOut,
                            Optional.empty()));
        }
    }

    /// The token embedding, also the head when tied.
    public static final String TOKENS = "wte.weight";

    /// The head, unless tied.
    public static final String HEAD = "lm_head.weight";

    private static final String POSITIONS = "wpe.weight";
    private static final String ATTENTION = "attn.c_attn";
    private static final String OUTPUT = "attn.c_proj";
    private static final String FIRST = "mlp.c_fc";
    private static final String SECOND = "mlp.c_proj";
    private static final List<String> PARTS = List.of("q", "k", "v");

    private final Shape shape;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public Gpt2(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        Weights.check("a GPT-2", TOKENS, shape.weights(), weights);
        super(parts(shape), weights, onClose);
        this.shape = shape;
    }

    private static Parts parts(Shape shape) {
        SequencedMap<String, Site> sites = shape.sites();
        return new Parts(
                List.copyOf(sites.values()),
                shape.length(),
                TOKENS,
                Optional.of(POSITIONS),
                IntStream.range(0, shape.layers())
                        .mapToObj(layer -> block("h.%d.".formatted(layer), shape, sites))
                        .toList(),
                Norm.layer("ln_f", shape.epsilon()),
                shape.tiedHead() ? TOKENS : HEAD);
    }

    private static Block block(String name, Shape shape, Map<String, Site> sites) {
        String fused = name + ATTENTION;
        return new Block(
                Norm.layer(name + "ln_1", shape.epsilon()),
                new SelfAttention(
                        new Projections.Fused(
                                projection(fused, fused, sites),
                                new Projections.Split(
                                        projection(fused + ".q", fused, sites),
                                        projection(fused + ".k", fused, sites),
                                        projection(fused + ".v", fused, sites))),
                        PositionCode.NONE,
                        Heads.of(shape.heads()),
                        Optional.of(projection(name + OUTPUT, name + OUTPUT, sites))),
                Optional.of(
                        new Block.Second(
                                Norm.layer(name + "ln_2", shape.epsilon()),
                                Mlp.twoLayers(
                                        projection(name + FIRST, name + FIRST, sites),
                                        shape.activation()::of,
                                        projection(name + SECOND, name + SECOND, sites)))));
    }

    private static Projection projection(String name, String map, Map<String, Site> sites) {
        return new Projection(Objects.requireNonNull(sites.get(name)), Optional.of(map + ".bias"));
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }
}
