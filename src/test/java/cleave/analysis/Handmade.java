package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.model.InductionTransformer;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Site;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/// A small target with a decomposition whose every number is known. Made and used inside a scope.
///
/// Eight tokens (0 BOS, 1 to 6 ordinary, 7 s) with embeddings of 10 along one axis each; two
/// layers; no position code. `C = 10`: subcomponent c < 8 reads axis c and writes what W writes for
/// it, so these sum to W exactly; 8 and 9 are zero. Importances are 0 unless told otherwise.
public final class Handmade implements AutoCloseable {
    public static final int TOKENS = 8;
    public static final int C = 10;
    public static final int LENGTH = 8;

    private static final Shape SHAPE =
            new Shape(TOKENS - 2, LENGTH, TOKENS, 2, Code.LEARNED, Added.AFTER, false);

    private final InductionTransformer target;
    private final SortedMap<String, Tensor> tensors = new TreeMap<>();
    private final Map<String, double[]> reads = new TreeMap<>(); // [8, C] of each site
    private final Map<String, double[]> outputs = new TreeMap<>(); // [C]
    private final Map<String, double[]> biases = new TreeMap<>(); // [C]

    /// A target with random matrices, except those named, which are zero.
    public Handmade(String... zeroMatrices) {
        SortedMap<String, Tensor> weights = SHAPE.initial(7);
        weights.put("embedding", diagonal(10));
        weights.put("positions", Tensors.zeros(Type.FLOAT, LENGTH, TOKENS));
        for (String name : zeroMatrices) {
            weights.put(name, Tensors.zeros(Type.FLOAT, TOKENS, TOKENS));
        }
        target = new InductionTransformer(SHAPE, weights, () -> {});
        for (Site site : target.sites()) {
            reads.put(site.name(), new double[TOKENS * C]);
            outputs.put(site.name(), new double[C]);
            biases.put(site.name(), new double[C]);
        }
    }

    /// All matrices zero: the output depends on the last token alone.
    public static Handmade empty() {
        return new Handmade(
                SHAPE.weights().keySet().stream()
                        .filter(name -> name.startsWith("blocks."))
                        .toArray(String[]::new));
    }

    static Tensor diagonal(double value) {
        double[] values = new double[TOKENS * TOKENS];
        for (int i = 0; i < TOKENS; i++) {
            values[i * TOKENS + i] = value;
        }
        return Tensors.of(values, Type.FLOAT, TOKENS, TOKENS);
    }

    /// Sets the importance of a subcomponent of layer 0 to `value` at this token. The gate's hidden
    /// unit is gelu(10) = 10 there and gelu(0) = 0 elsewhere.
    Handmade fires(String site, int c, int token, double value) {
        of(reads, site)[token * C + c] = 1;
        of(outputs, site)[c] = value / 10;
        return this;
    }

    /// Sets the importance of a subcomponent to `value` at every position.
    public Handmade always(String site, int c, double value) {
        of(biases, site)[c] = value;
        return this;
    }

    /// Sets all importances to 1.
    Handmade allOn() {
        biases.values().forEach(bias -> java.util.Arrays.fill(bias, 1));
        return this;
    }

    public Target target() {
        return target;
    }

    public Decomposition decomposition() {
        return decomposition(Leak.SIGN_GATED);
    }

    public Decomposition decomposition(Leak leak) {
        List<DecomposedSite> sites =
                target.sites().stream().map(site -> new DecomposedSite(site, C)).toList();
        for (DecomposedSite site : sites) {
            String name = site.name();
            double[] W = Tensors.toDoubles(target.weight(site.site())); // [8, 8]
            double[] V = new double[TOKENS * C];
            double[] U = new double[C * TOKENS];
            for (int c = 0; c < TOKENS; c++) {
                V[c * C + c] = 1;
                for (int out = 0; out < TOKENS; out++) {
                    U[c * TOKENS + out] = W[out * TOKENS + c];
                }
            }
            put(name + ".V", V, TOKENS, C);
            put(name + ".U", U, C, TOKENS);
            put(name + ".gate.hidden", of(reads, name), TOKENS, C);
            put(name + ".gate.hidden_bias", new double[C], C);
            put(name + ".gate.output", of(outputs, name), C, 1);
            put(name + ".gate.output_bias", of(biases, name), C);
        }
        return new Decomposition(target, sites, new VectorMlp(1), leak, tensors);
    }

    private void put(String name, double[] values, long... shape) {
        tensors.put(name, Tensors.of(values, Type.FLOAT, shape));
    }

    private static double[] of(Map<String, double[]> values, String site) {
        return Objects.requireNonNull(values.get(site));
    }

    @Override
    public void close() {
        target.close();
    }
}
