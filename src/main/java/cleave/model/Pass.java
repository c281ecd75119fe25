package cleave.model;

import cleave.engine.Engine;
import cleave.engine.Products;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/// What the parts of a transformer share while one pass runs through a block: whose weights they
/// read, which sites are replaced, which positions leave the block, and where they note what a
/// clean pass keeps.
public final class Pass {
    private final Target target;
    private final Batch batch;
    private final Map<String, Replacement> replaced;
    private final @Nullable Tensor queries; // [B, Q]
    private final @Nullable SortedMap<String, Tensor> inputs;
    private final List<Tensor> attention;
    private final CausalMask mask;
    private final Engine engine;
    private final RotaryTables angles;
    private final Held held;
    private final Map<Integer, Tensor> hidden = new HashMap<>(); // by window, once it is asked for

    /// A pass.
    ///
    /// @param queries `[B, Q]` the positions that leave the block; null when they are all T
    /// @param inputs takes the input of each site by name; null when nothing needs them
    /// @param attention takes the patterns
    /// @param angles of rotary position embeddings
    /// @param engine computes attention
    /// @param held what is a constant when the pass is differentiated
    Pass(
            Target target,
            Batch batch,
            Map<String, Replacement> replaced,
            @Nullable Tensor queries,
            @Nullable SortedMap<String, Tensor> inputs,
            List<Tensor> attention,
            CausalMask mask,
            RotaryTables angles,
            Engine engine,
            Held held) {
        this.target = target;
        this.batch = batch;
        this.replaced = replaced;
        this.queries = queries;
        this.inputs = inputs;
        this.attention = attention;
        this.mask = mask;
        this.angles = angles;
        this.engine = engine;
        this.held = held;
    }

    /// The positions that leave the block, `[B, Q]`; null when they are all T.
    public @Nullable Tensor queries() {
        return queries;
    }

    /// The number of positions T.
    public long length() {
        return batch.length();
    }

    /// Rows of `x [B, T, d]` at the queries: `[B, Q, d]`.
    public Tensor atQueries(Tensor x) {
        return Positions.select(x, queries);
    }

    /// The type that is computed in.
    Type type() {
        return target.type();
    }

    /// The stored tensor of this name, in the type that is computed in.
    public Tensor named(String name) {
        return Tensors.named(name, target.weights()).to(target.type());
    }

    /// What is added to scores, as `CausalMask` says: `[T, T]` or `[B, Q, T]`.
    ///
    /// @param window how many positions a query sees
    Tensor hidden(int window) {
        return hidden.computeIfAbsent(window, _ -> mask.hidden(batch, queries, window));
    }

    /// Cosines and sines of rotary position embeddings.
    ///
    /// @param turned how many numbers of a head are turned
    /// @param length how many rows there are
    /// @param positions `[B, P]` the positions of the rows; null when they are all
    RotaryTable.At angles(Rotary rotary, int turned, long length, @Nullable Tensor positions) {
        return angles.of(rotary, turned).at(length(), length, positions);
    }

    /// What is a constant when the pass is differentiated.
    Held held() {
        return held;
    }

    /// What computes attention.
    Engine engine() {
        return engine;
    }

    /// Multiplies large products.
    public Products products() {
        return target.products();
    }

    /// Whether what comes after a query is all that is hidden from it: no position is padding.
    boolean isCausal() {
        return batch.valid() == null;
    }

    /// Keeps the pattern of a head `[B, Q, T]`.
    void note(Tensor pattern) {
        attention.add(pattern);
    }

    /// Keeps the input of a site, in a clean pass.
    void note(Site site, Tensor input) {
        if (inputs != null) {
            inputs.put(site.name(), input);
        }
    }

    /// Whether something stands in for the map of a site.
    boolean replaces(Site site) {
        return replaced.containsKey(site.name());
    }

    /// The output of a site without bias, of its own map or what stands in for it.
    ///
    /// @param input `[B, T, d_in]`, or `[B, P, d_in]` when only some positions are needed
    /// @param positions `[B, P]` the positions of the rows of `input`; null when they are all T
    Tensor output(Site site, Tensor input, @Nullable Tensor positions) {
        Tensor weight = target.weight(site);
        Replacement replacement = replaced.get(site.name());
        return replacement == null
                ? target.products().map(input, weight)
                : replacement.output(input, weight, positions);
    }
}
