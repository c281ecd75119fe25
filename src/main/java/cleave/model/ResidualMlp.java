package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The residual MLP (SPD; spec B3): `r = x E`, in each layer `r += ReLU(r in^T) out^T`, at the end
/// `y = r E^T`. There is no bias; E is random with rows of unit length and never trained.
///
/// Weights: `embedding [features, width]`, `layers.I.in [neurons, width]`, `layers.I.out [width,
/// neurons]`. Sites: `mlp_in0`, `mlp_out0`, `mlp_in1`, ..., each a block of its own.
public final class ResidualMlp extends StoredTarget {
    /// The name of the frozen embedding.
    public static final String EMBEDDING = "embedding";

    private static final String IN = "mlp_in";
    private static final String OUT = "mlp_out";

    /// The shape of the network.
    ///
    /// @param features number of inputs and outputs
    /// @param width of the residual stream
    /// @param layers how many
    /// @param neurons of each layer
    public record Shape(int features, int width, int layers, int neurons) {

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            SortedMap<String, long[]> shapes = new TreeMap<>();
            shapes.put(EMBEDDING, new long[] {features, width});
            for (int layer = 0; layer < layers; layer++) {
                shapes.put("layers.%d.in".formatted(layer), new long[] {neurons, width});
                shapes.put("layers.%d.out".formatted(layer), new long[] {width, neurons});
            }
            return shapes;
        }

        /// Fresh weights: normal rows of unit length for E, uniform within `1 / sqrt(fan_in)` for
        /// the others.
        public SortedMap<String, Tensor> initial(long seed) {
            Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with("target");
            SortedMap<String, Tensor> weights = new TreeMap<>();
            weights()
                    .forEach((name, shape) ->
                            weights.put(
                                    name,
                                    name.equals(EMBEDDING)
                                            ? embedding(key.with(name), shape)
                                            : key.with(name)
                                                    .within(
                                                            1 / Math.sqrt((double) shape[1]),
                                                            Type.FLOAT,
                                                            shape)));
            return weights;
        }

        private static Tensor embedding(Draws.Key key, long... shape) {
            return Scopes.keep(() -> {
                Tensor normal = key.normal(1, Type.FLOAT, shape);
                Tensor squares = normal.mul(normal).sum(new long[] {1}, true);
                return normal.div(squares.sqrt());
            });
        }
    }

    private final Shape shape;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public ResidualMlp(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        super(sites(shape), weights, onClose);
        this.shape = shape;
        Weights.check("a residual MLP", EMBEDDING, shape.weights(), weights);
    }

    private static List<Site> sites(Shape shape) {
        List<Site> all = new ArrayList<>();
        for (int layer = 0; layer < shape.layers(); layer++) {
            all.add(
                    Site.whole(
                            IN + layer,
                            2 * layer,
                            "layers.%d.in".formatted(layer),
                            shape.width(),
                            shape.neurons()));
            all.add(
                    Site.whole(
                            OUT + layer,
                            2 * layer + 1,
                            "layers.%d.out".formatted(layer),
                            shape.neurons(),
                            shape.width()));
        }
        return all;
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }

    /// The site that reads the residual stream in a layer.
    public Site in(int layer) {
        return site(IN + layer);
    }

    /// The site that writes to the residual stream in a layer.
    public Site out(int layer) {
        return site(OUT + layer);
    }

    @Override
    public Outputs outputs() {
        return Outputs.VALUES;
    }

    @Override
    public int maximumLength() {
        return 1;
    }

    private Tensor embedding() {
        return Tensors.named(EMBEDDING, weights());
    }

    private Tensor embed(Batch batch) {
        return batch.inputs().to(type()).matmul(embedding()); // [B, 1, width]
    }

    @Override
    public Clean clean(Batch batch) {
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        List<Tensor> blockInputs = new ArrayList<>();
        Tensor residual = embed(batch);
        for (int layer = 0; layer < shape.layers(); layer++) {
            // Both blocks of a layer start from the same residual stream.
            blockInputs.add(residual);
            blockInputs.add(residual);
            Tensor neurons = neurons(layer, residual, Map.of());
            inputs.put(IN + layer, residual);
            inputs.put(OUT + layer, neurons);
            residual = residual.add(map(out(layer), neurons, Map.of()));
        }
        return new Clean(unembed(batch, residual), inputs, blockInputs, List.of());
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        int first = firstBlock(replaced, from, sites().size() - 1);
        Tensor residual = from == null ? embed(batch) : from.blockInputs().get(first);
        for (int layer = first / 2; layer < shape.layers(); layer++) {
            Tensor neurons =
                    from != null && 2 * layer < first
                            ? Tensors.named(OUT + layer, from.inputs())
                            : neurons(layer, residual, replaced);
            residual = residual.add(map(out(layer), neurons, replaced));
        }
        return new Forward(unembed(batch, residual), List.of());
    }

    private Tensor neurons(int layer, Tensor residual, Map<String, Replacement> replaced) {
        return map(in(layer), residual, replaced).relu(); // [B, 1, neurons]
    }

    private Tensor unembed(Batch batch, Tensor residual) {
        return Positions.select(residual, batch.losses().index())
                .matmul(embedding().t()); // [B, P, features]
    }
}
