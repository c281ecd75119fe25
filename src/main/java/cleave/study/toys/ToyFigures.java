package cleave.study.toys;

import cleave.analysis.Importances;
import cleave.analysis.Matrices;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Divergence;
import cleave.loss.Losses;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.ResidualMlp;
import cleave.model.SparseFeatures;
import cleave.model.Target;
import cleave.model.Task;
import cleave.study.toys.ToySolution.SiteSolution;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// How far the decomposition of a toy is from the solution that is known (spec A7 to A9).
///
/// @param answered features that the target itself answers within 0.3 of the right value when they
///   alone are active
/// @param sites by name, in site order
/// @param recovery of the first weight's columns by all subcomponents
/// @param recoveryOfLarge the same by those above the size cut
/// @param contributions of neurons; residual MLPs only
/// @param losses on fresh examples
public record ToyFigures(
        int answered,
        SequencedMap<String, SiteFigures> sites,
        FeatureRecovery recovery,
        FeatureRecovery recoveryOfLarge,
        Optional<NeuronContributions> contributions,
        ToyLosses losses) {

    /// A subcomponent fires where its lower importance is above this.
    public static final double THRESHOLD = 0.1;

    private static final double WIDE_TOLERANCE = 0.2;
    private static final double NEAR = 0.3;
    private static final int EXAMPLES = 20_000;
    private static final int SLICE_ROWS = 500;

    /// One site against its solution.
    ///
    /// @param solution what is known
    /// @param importances on single features, `[feature][C]`
    /// @param sizes `[C]` (spec A7)
    /// @param live subcomponents that fire for a single feature and are above the size cut
    /// @param error wrong importances at tolerance 0.1
    /// @param wideError the same at tolerance 0.2
    /// @param l0 subcomponents that fire, mean over fresh examples
    public record SiteFigures(
            SiteSolution solution,
            double[][] importances,
            double[] sizes,
            int live,
            int error,
            int wideError,
            double l0) {}

    /// Faithfulness (spec L3) and reconstruction losses of all sites together (spec L2).
    public record ToyLosses(
            double faithfulness,
            double importanceReconstruction,
            double stochasticReconstruction) {}

    /// Measures a decomposition of every site of a toy.
    ///
    /// @param task the toy's own, on the evaluation stream
    public static ToyFigures of(Decomposition decomposition, Task task, ToySolution solution) {
        if (!(task instanceof SparseFeatures features)) {
            throw new IllegalArgumentException(
                    "task must be one of sparse features, got stream " + task.stream());
        }
        Sums sums = new Sums(decomposition, features);
        for (int first = 0; first < EXAMPLES; first += SLICE_ROWS) {
            sums.add(first, SLICE_ROWS);
        }
        List<double[][]> importances = onProbes(decomposition, features);
        SequencedMap<String, SiteFigures> sites = new LinkedHashMap<>();
        for (int i = 0; i < decomposition.sites().size(); i++) {
            DecomposedSite site = decomposition.sites().get(i);
            SiteSolution known = solution.sites().get(site.name());
            if (known == null) {
                throw new UserError("no solution is known of site " + site.name());
            }
            sites.put(
                    site.name(),
                    figures(known, importances.get(i), sizes(decomposition, site), sums.l0(i)));
        }
        return new ToyFigures(
                answered(decomposition.target(), features),
                sites,
                recovery(decomposition, 0),
                recovery(decomposition, sites.firstEntry().getValue().solution().cut()),
                decomposition.target() instanceof ResidualMlp model
                        ? Optional.of(NeuronContributions.of(decomposition, model))
                        : Optional.empty(),
                sums.losses());
    }

    private static SiteFigures figures(
            SiteSolution known, double[][] importances, double[] sizes, double l0) {
        int live = 0;
        for (int c = 0; c < sizes.length; c++) {
            int column = c;
            boolean fires = Arrays.stream(importances).anyMatch(row -> row[column] > THRESHOLD);
            live += fires && sizes[c] > known.cut() ? 1 : 0;
        }
        return new SiteFigures(
                known,
                importances,
                sizes,
                live,
                error(known, importances, THRESHOLD),
                error(known, importances, WIDE_TOLERANCE),
                l0);
    }

    private static int error(SiteSolution known, double[][] importances, double tolerance) {
        return switch (known.form()) {
            case IDENTITY -> ImportanceError.identity(importances, tolerance);
            case DENSE -> ImportanceError.dense(importances, known.columns(), 1, tolerance);
        };
    }

    private static double[] sizes(Decomposition decomposition, DecomposedSite site) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Subcomponents all = decomposition.subcomponents(site);
                    return FeatureRecovery.sizes(Matrices.of(all.V()), Matrices.of(all.U()));
                }));
    }

    private static FeatureRecovery recovery(Decomposition decomposition, double cut) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Subcomponents all =
                            decomposition.subcomponents(decomposition.sites().getFirst());
                    double[][] V = Matrices.of(all.V());
                    double[][] U = Matrices.of(all.U());
                    double[] sizes = FeatureRecovery.sizes(V, U);
                    return FeatureRecovery.of(V, U, Matrices.of(all.W()), c -> sizes[c] >= cut);
                }));
    }

    /// The lower importances of each site when one feature alone is active, `[feature][C]`.
    private static List<double[][]> onProbes(Decomposition decomposition, SparseFeatures features) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Batch batch = features.probes().batch();
                    Clean clean = decomposition.target().clean(batch);
                    return Importances.asInTraining(decomposition, clean, batch).stream()
                            .map(g -> Matrices.of(g.squeeze(1)))
                            .toList();
                }));
    }

    private static int answered(Target target, SparseFeatures features) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Task.Examples probes = features.probes();
                    double[][] outputs =
                            Matrices.of(target.clean(probes.batch()).outputs().squeeze(1));
                    double[][] right = Matrices.of(probes.labels().squeeze(1));
                    int answered = 0;
                    for (int i = 0; i < outputs.length; i++) {
                        answered += Math.abs(outputs[i][i] - right[i][i]) < NEAR ? 1 : 0;
                    }
                    return answered;
                }));
    }

    /// Sums over fresh examples.
    private static final class Sums {
        private final Decomposition decomposition;
        private final SparseFeatures features;
        private final double[] firing;
        private double importance;
        private double stochastic;
        private int examples;

        Sums(Decomposition decomposition, SparseFeatures features) {
            this.decomposition = decomposition;
            this.features = features;
            firing = new double[decomposition.sites().size()];
        }

        void add(int first, int rows) {
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        Batch batch =
                                features.examples(0, Draws.Purpose.EVALUATION, first, rows).batch();
                        Clean clean = decomposition.target().clean(batch);
                        List<Tensor> lower = Importances.asInTraining(decomposition, clean, batch);
                        for (int i = 0; i < firing.length; i++) {
                            firing[i] += Tensors.number(lower.get(i).gt(THRESHOLD).sum());
                        }
                        Divergence divergence =
                                Divergence.from(
                                        decomposition.target().outputs(), clean.outputs(), null);
                        MaskedForward forward =
                                new MaskedForward(
                                        decomposition, batch, clean, lower, WeightDelta.NONE);
                        importance += sum(forward, divergence, new Masking.Importance(), first);
                        stochastic += sum(forward, divergence, new Masking.Stochastic(), first);
                        examples += rows;
                        return true;
                    }));
        }

        private static double sum(
                MaskedForward forward, Divergence divergence, Masking masks, long step) {
            return Tensors.number(
                    divergence.sum(
                            forward.passes(masks, new Routing.All(), new MaskDraws(0, step, 0, 0))
                                    .getFirst()
                                    .get()
                                    .outputs()));
        }

        double l0(int site) {
            return firing[site] / examples;
        }

        ToyLosses losses() {
            double faithfulness =
                    Scopes.run(() ->
                            Scopes.withoutGradient(() ->
                                    Tensors.number(Losses.faithfulness(decomposition, false))));
            return new ToyLosses(faithfulness, importance / examples, stochastic / examples);
        }
    }

    /// Every figure by name, as thresholds and kept rows name them.
    public SequencedMap<String, Double> numbers() {
        SequencedMap<String, Double> numbers = new LinkedHashMap<>();
        numbers.put("answered", (double) answered);
        numbers.put("mmcs", recovery.mmcs());
        numbers.put("ml2r", recovery.ml2r());
        numbers.put("mmcs_of_large", recoveryOfLarge.mmcs());
        numbers.put("ml2r_of_large", recoveryOfLarge.ml2r());
        sites.forEach((name, site) -> {
            numbers.put("live." + name, (double) site.live());
            numbers.put("error." + name, (double) site.error());
            numbers.put("wide_error." + name, (double) site.wideError());
            numbers.put("l0." + name, site.l0());
        });
        contributions.ifPresent(found -> numbers.put("contributions", found.correlation()));
        numbers.put("faithfulness", losses.faithfulness());
        numbers.put("importance_reconstruction", losses.importanceReconstruction());
        numbers.put("stochastic_reconstruction", losses.stochasticReconstruction());
        return numbers;
    }
}
