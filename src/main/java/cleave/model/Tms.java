package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The toy model of superposition (SPD; spec B2): `y = ReLU(W^T H ... W x + b)` with more features
/// than hidden dimensions.
///
/// Weights: `linear1 [hidden, features]`, which is both W and, transposed, the last map; `hiddenI
/// [hidden, hidden]`, identities that are never trained; `bias [features]`. Sites: `linear1`,
/// `hidden0 ...`, `linear2` (tied to `linear1`), each a block of its own.
public final class Tms extends StoredTarget {
    private static final String FIRST = "linear1";
    private static final String LAST = "linear2";

    /// The shape of the network.
    ///
    /// @param features number of inputs and outputs
    /// @param hidden width of the bottleneck
    /// @param identities number of identity layers within the bottleneck
    public record Shape(int features, int hidden, int identities) {

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            SortedMap<String, long[]> shapes = new TreeMap<>();
            shapes.put(FIRST, new long[] {hidden, features});
            shapes.put("bias", new long[] {features});
            identityNames().forEach(name -> shapes.put(name, new long[] {hidden, hidden}));
            return shapes;
        }

        /// The names of the layers that stay the identity.
        public List<String> identityNames() {
            List<String> names = new ArrayList<>();
            for (int i = 0; i < identities; i++) {
                names.add("hidden" + i);
            }
            return names;
        }

        /// Fresh weights: W uniform within `1 / sqrt(features)`, the bias within `1 / sqrt(hidden)`
        /// or zero.
        public SortedMap<String, Tensor> initial(long seed, boolean zeroBias) {
            Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with("target");
            double bound = zeroBias ? 0 : 1 / Math.sqrt(hidden);
            SortedMap<String, Tensor> weights = new TreeMap<>();
            weights.put(
                    FIRST,
                    key.with(FIRST).within(1 / Math.sqrt(features), Type.FLOAT, hidden, features));
            weights.put("bias", key.with("bias").within(bound, Type.FLOAT, features));
            identityNames().forEach(name -> weights.put(name, identity()));
            return weights;
        }

        private Tensor identity() {
            float[] values = new float[hidden * hidden];
            for (int i = 0; i < hidden; i++) {
                values[i * hidden + i] = 1;
            }
            return Tensors.of(values, Type.FLOAT, hidden, hidden);
        }
    }

    private final Shape shape;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public Tms(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        super(sites(shape), weights, onClose);
        this.shape = shape;
        Weights.check("a toy model of superposition", FIRST, shape.weights(), weights);
    }

    private static List<Site> sites(Shape shape) {
        List<Site> sites = new ArrayList<>();
        sites.add(Site.whole(FIRST, 0, FIRST, shape.features(), shape.hidden()));
        for (String name : shape.identityNames()) {
            sites.add(Site.whole(name, sites.size(), name, shape.hidden(), shape.hidden()));
        }
        sites.add(
                new Site(
                        LAST,
                        sites.size(),
                        new Site.Stored(FIRST, true, 0),
                        shape.hidden(),
                        shape.features(),
                        Optional.of(FIRST)));
        return List.copyOf(sites);
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }

    @Override
    public Outputs outputs() {
        return Outputs.VALUES;
    }

    @Override
    public int maximumLength() {
        return 1;
    }

    @Override
    public Clean clean(Batch batch) {
        List<Tensor> blockInputs = new ArrayList<>();
        Tensor outputs = run(batch, Map.of(), batch.inputs().to(type()), 0, blockInputs);
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        for (Site site : sites()) {
            inputs.put(site.name(), blockInputs.get(site.block()));
        }
        return new Clean(outputs, inputs, blockInputs, List.of());
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        int first = firstBlock(replaced, from, sites().size() - 1);
        Tensor start = from == null ? batch.inputs().to(type()) : from.blockInputs().get(first);
        return new Forward(run(batch, replaced, start, first, new ArrayList<>()), List.of());
    }

    private Tensor run(
            Batch batch,
            Map<String, Replacement> replaced,
            Tensor start,
            int first,
            List<Tensor> blockInputs) {
        Tensor x = start;
        for (Site site : sites().subList(first, sites().size())) {
            blockInputs.add(x);
            x = map(site, x, replaced);
        }
        return Positions.select(
                x.add(Tensors.named("bias", weights())).relu(), batch.losses().index());
    }
}
