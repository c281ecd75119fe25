package cleave.model;

import cleave.config.AtLeast;
import cleave.engine.Attention;
import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The attention-only transformer of the induction toy ([DST]): one head per layer, no bias, no
/// MLP, no norm. Positions reach queries and keys only.
///
/// Weights: `embedding [tokens, d]`, `unembedding [tokens, d]`, `blocks.I.{query, key, value,
/// output} [d, d]`, and `positions [length, d]` when the position code is learned. Sites: `Q0 K0 V0
/// O0 Q1 ...`.
public final class InductionTransformer implements Target {

    /// Where position codes come from.
    public enum Code {
        /// Sines and cosines of frequencies `10000^(-2i/d)`.
        FIXED,
        /// A trained table.
        LEARNED
    }

    /// Where position codes enter.
    public enum Added {
        /// `q = W x + p`: the weight does not see the code.
        AFTER,
        /// `q = W (x + p)`: the weight carries the code.
        BEFORE
    }

    /// The shape of the network.
    ///
    /// @param vocabulary number of ordinary tokens; the table also holds BOS and s
    /// @param length longest sequence
    /// @param width d, the width of the residual stream
    /// @param layers number of attention layers
    /// @param code where position codes come from
    /// @param added where they enter
    /// @param outputProjection whether attention outputs pass a trained projection O
    public record Shape(
            @AtLeast(1) int vocabulary,
            @AtLeast(1) int length,
            @AtLeast(2) int width,
            @AtLeast(1) int layers,
            Code code,
            Added added,
            boolean outputProjection) {

        /// Checks the sizes.
        public Shape {
            if (vocabulary < 1 || length < 1 || width < 2 || width % 2 == 1 || layers < 1) {
                throw new IllegalArgumentException(
                        "vocabulary, length and layers must be >= 1 and width even and >= 2, got "
                                + List.of(vocabulary, length, layers, width));
            }
        }

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            SortedMap<String, long[]> shapes = new TreeMap<>();
            shapes.put("embedding", new long[] {vocabulary + 2, width});
            shapes.put("unembedding", new long[] {vocabulary + 2, width});
            for (int layer = 0; layer < layers; layer++) {
                for (String matrix : matrices()) {
                    shapes.put("blocks.%d.%s".formatted(layer, matrix), new long[] {width, width});
                }
            }
            if (code == Code.LEARNED) {
                shapes.put("positions", new long[] {length, width});
            }
            return shapes;
        }

        private List<String> matrices() {
            return outputProjection
                    ? List.of("query", "key", "value", "output")
                    : List.of("query", "key", "value");
        }

        /// Fresh weights: embedding standard normal, matrices uniform within `1 / sqrt(d)`, learned
        /// positions normal with deviation 0.1.
        public SortedMap<String, Tensor> initial(long seed) {
            return Weights.initial(weights(), seed, this::fresh);
        }

        private Tensor fresh(String name, long[] shape, Draws.Key key) {
            if (name.equals("embedding")) {
                return key.normal(1, Type.FLOAT, shape);
            }
            if (name.equals("positions")) {
                return key.normal(0.1, Type.FLOAT, shape);
            }
            return key.within(1 / Math.sqrt(width), Type.FLOAT, shape);
        }
    }

    private final Shape shape;
    private final SortedMap<String, Tensor> weights;
    private final List<Site> sites;
    private final Tensor code; // [length, d]
    private final CausalMask mask;
    private final Runnable onClose;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public InductionTransformer(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        this.shape = shape;
        this.weights = weights;
        this.onClose = onClose;
        Weights.check("an induction transformer", "embedding", shape.weights(), weights);
        Type type = Tensors.type(Tensors.named("embedding", weights));
        this.sites = sites(shape);
        this.code = Scopes.own(code(shape, weights, type));
        this.mask = new CausalMask(shape.length(), type);
    }

    private static Tensor code(Shape shape, SortedMap<String, Tensor> weights, Type type) {
        return shape.code() == Code.LEARNED
                ? Tensors.named("positions", weights)
                : Tensors.of(
                        sinusoids(shape.length(), shape.width()),
                        type,
                        shape.length(),
                        shape.width());
    }

    private static List<Site> sites(Shape shape) {
        List<Site> sites = new ArrayList<>();
        for (int layer = 0; layer < shape.layers(); layer++) {
            for (String matrix : shape.matrices()) {
                sites.add(
                        Site.whole(
                                matrix.substring(0, 1).toUpperCase(Locale.ROOT) + layer,
                                layer,
                                "blocks.%d.%s".formatted(layer, matrix),
                                shape.width(),
                                shape.width()));
            }
        }
        return List.copyOf(sites);
    }

    private static double[] sinusoids(int length, int width) {
        double[] table = new double[length * width];
        for (int position = 0; position < length; position++) {
            for (int i = 0; i < width; i += 2) {
                double angle = position * Math.pow(10_000, -(double) i / width);
                table[position * width + i] = Math.sin(angle);
                table[position * width + i + 1] = Math.cos(angle);
            }
        }
        return table;
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
            residual =
                    block(
                            layer,
                            batch,
                            Map.of(),
                            residual,
                            null,
                            inputs,
                            attention,
                            Engines.LIBTORCH);
        }
        Tensor outputs = unembed(Positions.select(residual, batch.losses().index()));
        return new Clean(outputs, inputs, blockInputs, attention);
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        return forward(batch, replaced, from, Engines.LIBTORCH);
    }

    /// Attention patterns that a kernel made have no graph.
    @Override
    public Forward differentiated(
            Engine engine,
            Batch batch,
            Map<String, Replacement> replaced,
            @Nullable Clean from) {
        return forward(batch, replaced, from, engine);
    }

    private Forward forward(
            Batch batch,
            Map<String, Replacement> replaced,
            @Nullable Clean from,
            Engine engine) {
        int last = shape.layers() - 1;
        int first = firstBlock(replaced, from, last);
        Tensor residual = from == null ? embed(batch) : from.blockInputs().get(first);
        List<Tensor> attention = new ArrayList<>();
        for (int layer = first; layer <= last; layer++) {
            // Only the loss positions leave the last block, so only their queries are computed.
            Tensor queries = layer == last ? batch.losses().index() : null;
            residual =
                    block(
                            layer,
                            batch,
                            replaced,
                            residual,
                            queries,
                            new TreeMap<>(),
                            attention,
                            engine);
        }
        return new Forward(unembed(residual), attention);
    }

    private Tensor unembed(Tensor residual) {
        return residual.matmul(Tensors.named("unembedding", weights).t()); // [B, P, tokens]
    }

    private Tensor embed(Batch batch) {
        if (batch.length() > shape.length()) {
            throw new IllegalArgumentException(
                    "input length must be <= %d, got %d".formatted(shape.length(), batch.length()));
        }
        return Tensors.named("embedding", weights)
                .index_select(0, batch.inputs().flatten())
                .view(batch.rows(), batch.length(), shape.width()); // [B, T, d]
    }

    /// One block on the residual stream, at the given queries `[B, P]` or everywhere; notes the
    /// sites' inputs and the attention pattern.
    private Tensor block(
            int layer,
            Batch batch,
            Map<String, Replacement> replaced,
            Tensor residual,
            @Nullable Tensor queries,
            SortedMap<String, Tensor> inputs,
            List<Tensor> attention,
            Engine engine) {
        Tensor positions = code.narrow(0, 0, batch.length()); // [T, d]
        Tensor coded = shape.added() == Added.BEFORE ? residual.add(positions) : residual;
        inputs.put("Q" + layer, coded);
        inputs.put("K" + layer, coded);
        inputs.put("V" + layer, residual);
        Tensor q =
                site(replaced, "Q", layer, Positions.select(coded, queries), queries); // [B, Q, d]
        Tensor k = site(replaced, "K", layer, coded, null); // [B, T, d]
        Tensor v = site(replaced, "V", layer, residual, null); // [B, T, d]
        if (shape.added() == Added.AFTER) {
            q = q.add(queries == null ? positions : Positions.rows(positions, queries));
            k = k.add(positions);
        }
        Attention.Head head =
                engine.attention(
                        q,
                        k,
                        v,
                        queries,
                        batch.valid() == null,
                        () -> mask.hidden(batch, queries));
        attention.add(head.pattern()); // [B, Q, T]
        Tensor mixed = head.mixed(); // [B, Q, d]
        if (shape.outputProjection()) {
            inputs.put("O" + layer, mixed);
            mixed = site(replaced, "O", layer, mixed, queries);
        }
        return Positions.select(residual, queries).add(mixed);
    }

    private Tensor site(
            Map<String, Replacement> replaced,
            String matrix,
            int layer,
            Tensor input,
            @Nullable Tensor positions) {
        Site site = site(matrix + layer);
        Tensor weight = weight(site);
        Replacement replacement = replaced.get(site.name());
        return replacement == null
                ? input.matmul(weight.t())
                : replacement.output(input, weight, positions);
    }

    @Override
    public void close() {
        Scopes.release(code);
        mask.close();
        onClose.run();
    }
}
