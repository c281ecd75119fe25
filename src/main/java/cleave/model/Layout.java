package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Collects what a decoder is made of while its family declares it: the names and shapes of the
/// stored weights, the sites that can be decomposed, and the parts in order.
///
/// Weights go by the names of the model's file without what all of them begin with (`transformer.`,
/// `model.`). A site goes by the name of its weight without `.weight`. It can be selected as well
/// by the full name of the file, and by one that is the same for all families: `blocks.N.attn.q`,
/// `.k`, `.v`, `.qkv` where the three are one matrix, `.o`, and `blocks.N.mlp.gate`, `.in`, `.out`,
/// `embed`, `unembed`.
public final class Layout {
    private static final double DEVIATION = 0.02; // of fresh weights

    private enum Role {
        MATRIX,
        WRITES,
        ONES,
        ZEROS
    }

    private record Stored(Role role, long[] shape) {}

    private final String title;
    private final String prefix;
    private final int length;
    private final SortedMap<String, Stored> stored = new TreeMap<>();
    private final SequencedMap<String, Site> sites = new LinkedHashMap<>();
    private final List<Block> blocks = new ArrayList<>();
    private @Nullable Site embedding;
    private Optional<String> positions = Optional.empty();
    private Norm norm = Norm.NONE;
    private @Nullable Projection head;
    private String headWeight = "";
    private int block;

    /// An empty layout.
    ///
    /// @param title what the network is called in messages, such as `a GPT-2`
    /// @param prefix what the names of a published file begin with, or nothing
    /// @param length the longest sequence
    public Layout(String title, String prefix, int length) {
        this.title = title;
        this.prefix = prefix;
        this.length = length;
    }

    /// Declares the token embedding `name.weight [tokens, width]`, a site that reads tokens.
    public void embedding(String name, int tokens, int width) {
        put(name + ".weight", Role.MATRIX, tokens, width);
        List<String> aliases = new ArrayList<>(List.of("embed"));
        if (!prefix.isEmpty()) {
            aliases.add(prefix + name);
        }
        embedding = Site.ofTokens(name, name + ".weight", tokens, width, aliases);
        sites.put(name, embedding);
    }

    /// Declares a table of positions `name.weight [rows, width]` that is added to the embedding.
    public void positions(String name, int rows, int width) {
        positions = Optional.of(name + ".weight");
        put(positions.get(), Role.MATRIX, rows, width);
    }

    /// Declares a layer norm: `name.weight` and `name.bias` `[width]`.
    public Norm layerNorm(String name, int width, double epsilon) {
        put(name + ".weight", Role.ONES, width);
        put(name + ".bias", Role.ZEROS, width);
        return Norm.layer(name, epsilon);
    }

    /// Declares a root mean square norm: `name.weight [width]`.
    public Norm rmsNorm(String name, int width, double epsilon) {
        put(name + ".weight", Role.ONES, width);
        return Norm.rms(name, epsilon);
    }

    /// How a matrix is stored.
    public enum Order {
        /// `[d_out, d_in]`, as most files have it.
        OUTPUT_FIRST,
        /// `[d_in, d_out]`, as GPT-2's files have it.
        INPUT_FIRST
    }

    /// Declares a matrix of the block that comes next, stored output first.
    ///
    /// @param name in the file, without `.weight`
    /// @param part the name of the site that all families share, such as `attn.q`
    /// @param dIn width of its input
    /// @param dOut width of its output
    /// @param bias whether `name.bias [dOut]` is added
    public Projection map(String name, String part, long dIn, long dOut, boolean bias) {
        return map(name, part, dIn, dOut, bias, Order.OUTPUT_FIRST);
    }

    /// Declares a matrix of the block that comes next.
    public Projection map(
            String name, String part, long dIn, long dOut, boolean bias, Order order) {
        store(name, part, dIn, dOut, bias, order);
        return projection(name, part, name, 0, dIn, dOut, bias, order);
    }

    /// Declares one matrix of the block that comes next to queries, keys and values, which is a
    /// site as a whole and in its parts `name.q`, `name.k` and `name.v`.
    ///
    /// @param name in the file, without `.weight`
    /// @param width of its input
    /// @param queries width of the queries
    /// @param keys width of the keys, and of the values
    public Projections fused(
            String name, int width, int queries, int keys, boolean bias, Order order) {
        long all = queries + 2L * keys;
        store(name, "attn.qkv", width, all, bias, order);
        return new Projections.Fused(
                projection(name, "attn.qkv", name, 0, width, all, bias, order),
                new Projections.Split(
                        projection(name + ".q", "attn.q", name, 0, width, queries, bias, order),
                        projection(name + ".k", "attn.k", name, queries, width, keys, bias, order),
                        projection(
                                name + ".v",
                                "attn.v",
                                name,
                                (long) queries + keys,
                                width,
                                keys,
                                bias,
                                order)));
    }

    /// Declares that the block of the matrices so far ends here.
    public void add(Block made) {
        blocks.add(made);
        block++;
    }

    /// Declares the norm before the head.
    public void last(Norm made) {
        norm = made;
    }

    /// Declares the head, which gives logits: the token embedding when tied, else `name.weight
    /// [tokens, width]` of its own.
    ///
    /// @param bias whether `name.bias [tokens]` is added
    public void head(String name, int tokens, int width, boolean tied, boolean bias) {
        headWeight = tied ? embedding() : name + ".weight";
        if (!tied) {
            put(headWeight, Role.MATRIX, tokens, width);
        }
        if (bias) {
            put(name + ".bias", Role.ZEROS, tokens);
        }
        Site site =
                new Site(
                        name,
                        Math.max(0, block - 1),
                        new Site.Stored(headWeight, false, 0),
                        width,
                        tokens,
                        Optional.empty(),
                        List.of("unembed"));
        sites.put(name, site);
        head = new Projection(site, bias ? Optional.of(name + ".bias") : Optional.empty());
    }

    private void store(String name, String part, long dIn, long dOut, boolean bias, Order order) {
        Role role = part.endsWith(".o") || part.endsWith(".out") ? Role.WRITES : Role.MATRIX;
        if (order == Order.INPUT_FIRST) {
            put(name + ".weight", role, dIn, dOut);
        } else {
            put(name + ".weight", role, dOut, dIn);
        }
        if (bias) {
            put(name + ".bias", Role.ZEROS, dOut);
        }
    }

    private Projection projection(
            String name,
            String part,
            String map,
            long first,
            long dIn,
            long dOut,
            boolean bias,
            Order order) {
        List<String> aliases = new ArrayList<>(List.of("blocks.%d.%s".formatted(block, part)));
        if (!prefix.isEmpty()) {
            aliases.add(prefix + name);
        }
        Site site =
                new Site(
                        name,
                        block,
                        new Site.Stored(map + ".weight", order == Order.INPUT_FIRST, first),
                        dIn,
                        dOut,
                        Optional.empty(),
                        aliases);
        sites.put(name, site);
        return new Projection(site, bias ? Optional.of(map + ".bias") : Optional.empty());
    }

    private void put(String name, Role role, long... shape) {
        if (stored.put(name, new Stored(role, shape)) != null) {
            throw new IllegalArgumentException("weight must be declared once, got " + name);
        }
    }

    /// What the network is called in messages.
    String title() {
        return title;
    }

    /// The longest sequence.
    int length() {
        return length;
    }

    /// The name of the token embedding.
    String embedding() {
        return embedding == null ? "" : embedding.stored().tensor();
    }

    /// The weight that gives logits, the token embedding's where the two are tied.
    String headWeight() {
        return headWeight;
    }

    /// The names and shapes of the weights.
    public SortedMap<String, long[]> weights() {
        SortedMap<String, long[]> shapes = new TreeMap<>();
        stored.forEach((name, each) -> shapes.put(name, each.shape().clone()));
        return shapes;
    }

    /// Fresh weights, as GPT-2's: matrices and embeddings normal with deviation 0.02, those that
    /// write to the residual stream smaller by `sqrt(2 layers)`; norms one; biases zero.
    public SortedMap<String, Tensor> initial(long seed) {
        return Weights.initial(weights(), seed, this::fresh);
    }

    private Tensor fresh(String name, long[] shape, Draws.Key key) {
        return switch (Objects.requireNonNull(stored.get(name)).role()) {
            case ZEROS -> Tensors.zeros(Type.FLOAT, shape);
            case ONES -> Tensors.ones(Type.FLOAT, shape);
            case MATRIX -> key.normal(DEVIATION, Type.FLOAT, shape);
            case WRITES ->
                    key.normal(DEVIATION / Math.sqrt(2.0 * blocks.size()), Type.FLOAT, shape);
        };
    }

    /// The parts of the network.
    Decoder.Parts parts() {
        if (blocks.isEmpty() || embedding == null || head == null) {
            throw new IllegalArgumentException(
                    "layout must have an embedding, a block and a head, got %s, %d, %s"
                            .formatted(embedding, blocks.size(), head));
        }
        return new Decoder.Parts(
                List.copyOf(sites.values()),
                length,
                embedding,
                positions,
                Collections.unmodifiableList(new ArrayList<>(blocks)),
                norm,
                head);
    }
}
