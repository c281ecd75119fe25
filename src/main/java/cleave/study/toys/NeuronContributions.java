package cleave.study.toys;

import cleave.analysis.Matrices;
import cleave.decomposition.Decomposition;
import cleave.model.ResidualMlp;
import cleave.model.Site;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What each neuron of a residual MLP adds to a feature's own output, in the target and in one
/// subcomponent of the input matrix (SPD Figure 7; spec A9).
///
/// For feature i and neuron k of a layer: `(E_i . out_k) (in_k . E_i)` in the target, and `(E_i .
/// out'_k) (U_ck V_c . E_i)` of the decomposition, where `out'` is the sum of the subcomponents and
/// c the one with the largest such number.
///
/// @param target `[layer][feature][neuron]`, flat
/// @param decomposed the same of the decomposition
/// @param correlation of the two (Pearson)
public record NeuronContributions(
        List<Double> target, List<Double> decomposed, double correlation) {

    /// Measures a decomposition of every site of a residual MLP.
    public static NeuronContributions of(Decomposition decomposition, ResidualMlp model) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    List<Double> target = new ArrayList<>();
                    List<Double> decomposed = new ArrayList<>();
                    Tensor E = Tensors.named(ResidualMlp.EMBEDDING, model.weights());
                    for (int layer = 0; layer < model.shape().layers(); layer++) {
                        Subcomponents in = of(decomposition, model.in(layer));
                        Subcomponents out = of(decomposition, model.out(layer));
                        double[][] writes = Matrices.of(E.matmul(out.W()));
                        double[][] sums = Matrices.of(E.matmul(out.V().matmul(out.U()).t()));
                        double[][] reads = Matrices.of(E.matmul(in.W().t()));
                        double[][] parts = Matrices.of(E.matmul(in.V()));
                        double[][] U = Matrices.of(in.U());
                        for (int i = 0; i < writes.length; i++) {
                            for (int k = 0; k < writes[i].length; k++) {
                                target.add(writes[i][k] * reads[i][k]);
                            }
                            Arrays.stream(largest(sums[i], parts[i], U)).forEach(decomposed::add);
                        }
                    }
                    return new NeuronContributions(
                            target, decomposed, correlation(target, decomposed));
                }));
    }

    /// The contributions `[neuron]` of the subcomponent that has the largest one.
    ///
    /// @param writes `[neuron]` how much each neuron adds to the feature's output
    /// @param parts `[C]` how much of the feature each subcomponent reads
    /// @param U `[C][neuron]`
    static double[] largest(double[] writes, double[] parts, double[][] U) {
        double[] best = new double[writes.length];
        double most = Double.NEGATIVE_INFINITY;
        for (int c = 0; c < U.length; c++) {
            double[] own = new double[writes.length];
            for (int k = 0; k < own.length; k++) {
                own[k] = writes[k] * U[c][k] * parts[c];
            }
            double peak = Arrays.stream(own).max().orElse(0);
            if (peak > most) {
                most = peak;
                best = own;
            }
        }
        return best;
    }

    /// Pearson's correlation.
    static double correlation(List<Double> x, List<Double> y) {
        double meanX = x.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        double meanY = y.stream().mapToDouble(Double::doubleValue).average().orElse(0);
        double xy = 0;
        double xx = 0;
        double yy = 0;
        for (int i = 0; i < x.size(); i++) {
            double dx = x.get(i) - meanX;
            double dy = y.get(i) - meanY;
            xy += dx * dy;
            xx += dx * dx;
            yy += dy * dy;
        }
        return xy / Math.sqrt(xx * yy);
    }

    private static Subcomponents of(Decomposition decomposition, Site site) {
        return decomposition.subcomponents(decomposition.site(site.name()));
    }
}
