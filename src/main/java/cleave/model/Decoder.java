package cleave.model;

import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.engine.Products;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A transformer that predicts the next token, made of parts: an embedding, blocks, a final norm
/// and a head. What it runs, and how a pass starts and ends, is the same for every family: a
/// [Layout] says what a family is made of.
///
/// Matrices may be kept in bfloat16; everything is computed in the type of the other weights.
///
/// Of attention patterns, `Clean` and `Forward` hold one per head, block by block.
public class Decoder implements Target {

    /// What the network is made of.
    ///
    /// @param sites in canonical order
    /// @param length longest sequence
    /// @param embedding the token embedding `[tokens, d]`
    /// @param positions name of the position embedding `[length, d]` that is added to it
    /// @param blocks in order
    /// @param norm before the head
    /// @param head the map to logits `[tokens, d]`
    record Parts(
            List<Site> sites,
            int length,
            Site embedding,
            Optional<String> positions,
            List<Block> blocks,
            Norm norm,
            Projection head) {}

    private final SortedMap<String, Tensor> weights;
    private final Parts parts;
    private final SequencedMap<String, Site> byName = new LinkedHashMap<>();
    private final Type type;
    private final CausalMask mask;
    private final RotaryTables angles;
    private final Runnable onClose;
    private final Engine libtorch;
    private Products products = Products.EXACT;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public Decoder(Layout layout, SortedMap<String, Tensor> weights, Runnable onClose) {
        Weights.checkKept(layout.title(), layout.weights(), weights);
        this(layout.parts(), weights, onClose);
    }

    /// A target over weights that were checked.
    Decoder(Parts parts, SortedMap<String, Tensor> weights, Runnable onClose) {
        this.parts = parts;
        this.weights = weights;
        this.onClose = onClose;
        parts.sites()
                .forEach(site -> {
                    byName.put(site.name(), site);
                    site.aliases().forEach(alias -> byName.putIfAbsent(alias, site));
                });
        this.type = Weights.computed(weights);
        this.libtorch = Engines.libtorch(Products.EXACT, weights.firstEntry().getValue().device());
        this.mask = new CausalMask(parts.length(), type);
        this.angles = new RotaryTables(parts.length(), type);
    }

    @Override
    public final List<Site> sites() {
        return parts.sites();
    }

    @Override
    public final int patternsOfBlock() {
        return parts.blocks().stream()
                .mapToInt(block -> block.attention().heads().count())
                .max()
                .orElse(1);
    }

    @Override
    public final Site site(String name) {
        Site site = byName.get(name);
        if (site == null) {
            throw new IllegalArgumentException(
                    "site must be one of %s, got %s"
                            .formatted(parts.sites().stream().map(Site::name).toList(), name));
        }
        return site;
    }

    @Override
    public final SortedMap<String, Tensor> weights() {
        return weights;
    }

    @Override
    public final Type type() {
        return type;
    }

    @Override
    public final Products products() {
        return products;
    }

    @Override
    public final void use(Products other) {
        products.close();
        products = other;
    }

    @Override
    public final Outputs outputs() {
        return Outputs.LOGITS;
    }

    @Override
    public final int maximumLength() {
        return parts.length();
    }

    @Override
    public final Clean clean(Batch batch) {
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        List<Tensor> blockInputs = new ArrayList<>();
        List<Tensor> attention = new ArrayList<>();
        Pass pass =
                new Pass(
                        this,
                        batch,
                        Map.of(),
                        null,
                        inputs,
                        attention,
                        mask,
                        angles,
                        libtorch,
                        Held.NOTHING);
        Tensor residual = embed(pass, batch);
        for (Block block : parts.blocks()) {
            blockInputs.add(residual);
            residual = block.of(pass, residual);
        }
        Tensor index = batch.losses().index();
        Tensor outputs = unembed(pass, Positions.select(residual, index), index);
        Site head = parts.head().site();
        if (byName.containsKey(head.name())) {
            inputs.put(head.name(), parts.norm().of(pass, residual)); // everywhere, as the others
        } else {
            inputs.remove(head.name());
        }
        return new Clean(outputs, inputs, blockInputs, attention);
    }

    @Override
    public final Forward forward(
            Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        return forward(batch, replaced, from, libtorch, Held.NOTHING);
    }

    @Override
    public final Forward forward(
            Batch batch, Map<String, Replacement> replaced, @Nullable Clean from, Held held) {
        return forward(batch, replaced, from, libtorch, held);
    }

    /// Attention patterns that a kernel made have no graph.
    @Override
    public final Forward differentiated(
            Engine engine, Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        return forward(batch, replaced, from, engine, Held.NOTHING);
    }

    private Forward forward(
            Batch batch,
            Map<String, Replacement> replaced,
            @Nullable Clean from,
            Engine engine,
            Held held) {
        requireDisjoint(replaced);
        int last = parts.blocks().size() - 1;
        int first = firstBlock(replaced, from, last);
        List<Tensor> attention = new ArrayList<>();
        Pass all =
                new Pass(this, batch, replaced, null, null, attention, mask, angles, engine, held);
        // Only the loss positions leave the last block, so only their queries are computed.
        Tensor index = batch.losses().index();
        Pass some =
                new Pass(this, batch, replaced, index, null, attention, mask, angles, engine, held);
        Tensor residual =
                from == null || all.replaces(parts.embedding())
                        ? embed(all, batch)
                        : from.blockInputs().get(first);
        for (int at = first; at < last; at++) {
            residual = parts.blocks().get(at).of(all, residual);
        }
        residual = parts.blocks().get(last).of(some, residual);
        // A product or a sum of products comes last, which keeps what it reads alone.
        return new Forward(unembed(some, residual, index), attention, true);
    }

    @Override
    public final int attentionLayers() {
        return parts.blocks().size();
    }

    @Override
    public final Optional<Scores> scores(int layer) {
        SelfAttention attention = parts.blocks().get(layer).attention();
        return attention.queryNorm().equals(Norm.NONE) && attention.keyNorm().equals(Norm.NONE)
                ? Optional.of(new Scores(attention, this::pass))
                : Optional.empty();
    }

    /// A pass of one sequence of so many positions, of which some leave a block.
    private Pass pass(int length, Tensor queries) {
        Batch batch =
                new Batch(
                        "positions",
                        0,
                        Tensors.zeros(Type.LONG, 1, length),
                        null,
                        new Batch.LossPositions(queries, null));
        return new Pass(
                this,
                batch,
                Map.of(),
                queries,
                null,
                new ArrayList<>(),
                mask,
                angles,
                Engines.LIBTORCH,
                Held.NOTHING);
    }

    /// Refuses a site that is replaced together with a part of it.
    private void requireDisjoint(Map<String, Replacement> replaced) {
        List<Site> sites = replaced.keySet().stream().map(this::site).toList();
        for (Site site : sites) {
            if (sites.stream().anyMatch(part -> !part.equals(site) && site.holds(part))) {
                throw new IllegalArgumentException(
                        "replaced sites must not overlap, got %s and a part of it"
                                .formatted(site.name()));
            }
        }
    }

    private Tensor embed(Pass pass, Batch batch) {
        if (batch.length() > parts.length()) {
            throw new IllegalArgumentException(
                    "input length must be <= %d, got %d".formatted(parts.length(), batch.length()));
        }
        Tensor ids = batch.inputs().unsqueeze(2); // [B, T, 1]
        if (byName.containsKey(parts.embedding().name())) {
            pass.note(parts.embedding(), ids);
        }
        Tensor tokens = pass.output(parts.embedding(), ids, null).to(type); // [B, T, d]
        return parts.positions().isEmpty()
                ? tokens
                : tokens.add(
                        Tensors.named(parts.positions().get(), weights)
                                .narrow(0, 0, batch.length())
                                .to(type));
    }

    @Override
    public final Optional<Tensor> unembedded(Batch batch, Tensor residual) {
        Pass pass =
                new Pass(
                        this,
                        batch,
                        Map.of(),
                        null,
                        null,
                        new ArrayList<>(),
                        mask,
                        angles,
                        libtorch,
                        Held.NOTHING);
        Tensor index = batch.losses().index();
        return Optional.of(unembed(pass, Positions.select(residual, index), index));
    }

    /// Logits `[B, P, tokens]`.
    ///
    /// @param index `[B, P]` the positions of the rows of `residual`
    private Tensor unembed(Pass pass, Tensor residual, Tensor index) {
        return parts.head().of(pass, parts.norm().of(pass, residual), index);
    }

    @Override
    public void close() {
        products.close();
        mask.close();
        angles.close();
        onClose.run();
    }
}
