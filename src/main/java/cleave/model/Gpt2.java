package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

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
public final class Gpt2 implements Target {

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
    private final SortedMap<String, Tensor> weights;
    private final SequencedMap<String, Site> byName;
    private final List<Site> sites;
    private final CausalMask mask;
    private final Runnable onClose;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public Gpt2(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        this.shape = shape;
        this.weights = weights;
        this.onClose = onClose;
        Weights.check("a GPT-2", TOKENS, shape.weights(), weights);
        this.byName = shape.sites();
        this.sites = List.copyOf(byName.values());
        this.mask = new CausalMask(shape.length(), type());
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }

    @Override
    public List<Site> sites() {
        return sites;
    }

    @Override
    public Site site(String name) {
        Site site = byName.get(name);
        if (site == null) {
            throw new IllegalArgumentException(
                    "site must be one of %s, got %s".formatted(byName.keySet(), name));
        }
        return site;
    }

    @Override
    public SortedMap<String, Tensor> weights() {
        return weights;
    }

    @Override
    public Outputs outputs() {
        return Outputs.LOGITS;
    }

    @Override
    public int maximumLength() {
        return shape.length();
    }

    @Override
    public Clean clean(Batch batch) {
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        List<Tensor> blockInputs = new ArrayList<>();
        List<Tensor> attention = new ArrayList<>();
        Tensor residual = embed(batch);
        for (int layer = 0; layer < shape.layers(); layer++) {
            blockInputs.add(residual);
            residual = new Block(layer, batch, Map.of(), null, inputs, attention).applied(residual);
        }
        Tensor outputs = unembed(Positions.select(residual, batch.losses().index()));
        return new Clean(outputs, inputs, blockInputs, attention);
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        requireDisjoint(replaced);
        int last = shape.layers() - 1;
        int first = firstBlock(replaced, from, last);
        Tensor residual = from == null ? embed(batch) : from.blockInputs().get(first);
        List<Tensor> attention = new ArrayList<>();
        for (int layer = first; layer <= last; layer++) {
            // Only the loss positions leave the last block, so only their queries are computed.
            Tensor queries = layer == last ? batch.losses().index() : null;
            residual =
                    new Block(layer, batch, replaced, queries, new TreeMap<>(), attention)
                            .applied(residual);
        }
        return new Forward(unembed(residual), attention);
    }

    private static void requireDisjoint(Map<String, Replacement> replaced) {
        for (String name : replaced.keySet()) {
            if (name.endsWith(ATTENTION)
                    && PARTS.stream().anyMatch(part -> replaced.containsKey(name + "." + part))) {
                throw new IllegalArgumentException(
                        "replaced sites must not overlap, got %s and a part of it".formatted(name));
            }
        }
    }

    private Tensor embed(Batch batch) {
        if (batch.length() > shape.length()) {
            throw new IllegalArgumentException(
                    "input length must be <= %d, got %d".formatted(shape.length(), batch.length()));
        }
        Tensor tokens =
                named(TOKENS)
                        .index_select(0, batch.inputs().flatten())
                        .view(batch.rows(), batch.length(), shape.width());
        return tokens.add(named(POSITIONS).narrow(0, 0, batch.length())); // [B, T, d]
    }

    private Tensor unembed(Tensor residual) {
        Tensor head = named(shape.tiedHead() ? TOKENS : HEAD);
        return norm("ln_f", residual).matmul(head.t()); // [B, P, tokens]
    }

    private Tensor norm(String name, Tensor x) {
        return Tensors.layerNorm(
                x, named(name + ".weight"), named(name + ".bias"), shape.epsilon());
    }

    private Tensor named(String name) {
        return Tensors.named(name, weights);
    }

    /// One block of one pass.
    private final class Block {
        private final String name;
        private final Batch batch;
        private final Map<String, Replacement> replaced;
        private final @Nullable Tensor queries; // [B, P], those that leave it; null for all T
        private final SortedMap<String, Tensor> inputs; // takes the sites' inputs
        private final List<Tensor> attention; // takes the pattern of each head

        Block(
                int layer,
                Batch batch,
                Map<String, Replacement> replaced,
                @Nullable Tensor queries,
                SortedMap<String, Tensor> inputs,
                List<Tensor> attention) {
            this.name = "h.%d.".formatted(layer);
            this.batch = batch;
            this.replaced = replaced;
            this.queries = queries;
            this.inputs = inputs;
            this.attention = attention;
        }

        /// The block on the residual stream `[B, T, d]`: `[B, Q, d]`.
        Tensor applied(Tensor residual) {
            Tensor middle =
                    Positions.select(residual, queries)
                            .add(attend(norm(name + "ln_1", residual))); // [B, Q, d]
            Tensor neurons =
                    shape.activation()
                            .of(map(FIRST, norm(name + "ln_2", middle))); // [B, Q, neurons]
            return middle.add(map(SECOND, neurons));
        }

        private Tensor attend(Tensor x) {
            Tensor[] qkv = queriesKeysValues(x);
            Tensor q = heads(qkv[0]); // [B, H, Q, d_head]
            Tensor k = heads(qkv[1]); // [B, H, T, d_head]
            Tensor v = heads(qkv[2]); // [B, H, T, d_head]
            Tensor hidden = mask.hidden(batch, queries);
            Tensor scores =
                    (hidden.ndimension() == 3 ? hidden.unsqueeze(1) : hidden)
                            .add(q.matmul(k.transpose(2, 3)), 1 / Math.sqrt(q.size(3)));
            Tensor pattern = Tensors.softmax(scores); // [B, H, Q, T]
            for (int head = 0; head < shape.heads(); head++) {
                attention.add(pattern.select(1, head));
            }
            Tensor mixed = pattern.matmul(v).transpose(1, 2).contiguous(); // [B, Q, H, d_head]
            return map(OUTPUT, mixed.view(x.size(0), mixed.size(1), shape.width()));
        }

        private Tensor heads(Tensor x) {
            long width = shape.width() / shape.heads();
            return x.reshape(x.size(0), x.size(1), shape.heads(), width).transpose(1, 2);
        }

        /// `[B, Q, d]`, `[B, T, d]` and `[B, T, d]`.
        private Tensor[] queriesKeysValues(Tensor x) {
            Site whole = site(name + ATTENTION);
            PARTS.forEach(part -> inputs.put(whole.name() + "." + part, x));
            inputs.put(whole.name(), x);
            if ((queries == null && !isSplit(whole)) || replaced.containsKey(whole.name())) {
                // Keys and values are needed everywhere, and so the whole map is.
                Tensor all = mapped(whole, x, null).add(named(name + ATTENTION + ".bias"));
                Tensor[] qkv = new Tensor[PARTS.size()];
                Arrays.setAll(
                        qkv, part -> all.narrow(2, (long) part * shape.width(), shape.width()));
                qkv[0] = Positions.select(qkv[0], queries);
                return qkv;
            }
            Tensor[] qkv = new Tensor[PARTS.size()];
            for (int part = 0; part < qkv.length; part++) {
                Site site = site(whole.name() + "." + PARTS.get(part));
                Tensor at = part == 0 ? queries : null;
                Tensor bias =
                        named(name + ATTENTION + ".bias")
                                .narrow(0, site.stored().firstOutput(), site.dOut());
                qkv[part] = mapped(site, Positions.select(x, at), at).add(bias);
            }
            return qkv;
        }

        private boolean isSplit(Site whole) {
            return PARTS.stream().anyMatch(part -> replaced.containsKey(whole.name() + "." + part));
        }

        /// One of the block's maps with its bias, at the queries.
        private Tensor map(String map, Tensor x) {
            Site site = site(name + map);
            inputs.put(site.name(), x);
            return mapped(site, x, queries).add(named(name + map + ".bias"));
        }

        private Tensor mapped(Site site, Tensor x, @Nullable Tensor positions) {
            Replacement replacement = replaced.get(site.name());
            return replacement == null
                    ? x.matmul(weight(site).t())
                    : replacement.output(x, weight(site), positions);
        }
    }

    @Override
    public void close() {
        mask.close();
        onClose.run();
    }
}
