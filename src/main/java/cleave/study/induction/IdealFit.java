package cleave.study.induction;

import cleave.analysis.Evaluation;
import cleave.analysis.Evaluation.Slice;
import cleave.analysis.Tally;
import cleave.config.Reach;
import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.decomposition.SiteParameters;
import cleave.loss.Divergence;
import cleave.mask.MaskDraws;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.schedule.Schedule;
import cleave.subcomponent.MaskedSite;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.Adam;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// Fits subcomponents with ideal importances to a target: at one token type they are on, at every
/// other position anywhere between off and on (spec N1 to N3). Which gate could give such
/// importances is not asked.
///
/// Tensors of a result live as long as the caller's scope.
final class IdealFit {
    private static final Adam.Settings ADAM = new Adam.Settings(0.9, 0.99, 1e-8, 0);
    private static final double LEARNING_RATE = 0.01;

    /// The share of steps in which the learning rate rises: Adam's first steps know no scale, and
    /// would throw away what a refit starts with.
    private static final double WARMUP = 0.1;

    /// Sequences from which a fit starts; few tokens are missing among them.
    static final int START_ROWS = 512;

    /// The terms that key the draws of evaluation, as of a census' passes (spec A1).
    private static final int STOCHASTIC = 2;

    /// Subcomponents of some sites; all other sites under study have none.
    ///
    /// @param tokens the mark at which each site's are on
    /// @param pieces `SITE.V [d_in, C]` and `SITE.U [C, d_out]`
    record Ideal(SortedMap<String, String> tokens, SortedMap<String, Tensor> pieces) {
        /// The same without those of a site.
        Ideal without(String site) {
            SortedMap<String, String> fewer = new TreeMap<>(tokens);
            SortedMap<String, Tensor> rest = new TreeMap<>(pieces);
            fewer.remove(site);
            rest.remove(SiteParameters.nameOfV(site));
            rest.remove(SiteParameters.nameOfU(site));
            return new Ideal(fewer, rest);
        }

        /// The same with others for a site.
        Ideal with(String site, String token, Subcomponents.Initial subcomponents) {
            SortedMap<String, String> more = new TreeMap<>(tokens);
            SortedMap<String, Tensor> all = new TreeMap<>(pieces);
            more.put(site, token);
            all.put(SiteParameters.nameOfV(site), subcomponents.V());
            all.put(SiteParameters.nameOfU(site), subcomponents.U());
            return new Ideal(more, all);
        }

        private Ideal on(SortedMap<String, Tensor> others) {
            return new Ideal(tokens, others);
        }
    }

    private final Target target;
    private final Task task;
    private final List<String> sites;
    private final Necessity.Settings options;
    private final Task.Examples first;
    private final Clean firstClean;

    /// @param task gives the sequences; evaluation and fitting are keyed apart
    /// @param sites under study; the target's other matrices stay as they are
    IdealFit(Target target, Task task, List<String> sites, Necessity.Settings options) {
        this.target = target;
        this.task = task;
        this.sites = List.copyOf(sites);
        this.options = options;
        first = task.examples(options.seed(), Draws.Purpose.DATA, 0, START_ROWS);
        firstClean = target.clean(first.batch());
    }

    /// The best `rank` subcomponents of a site at a token, by its outputs there alone: with inputs
    /// `X [n, d_in]`, outputs `Y = X W^T` and the first eigenvectors `P [d_out, rank]` of `Y^T Y`,
    /// `U = P^T` and `V = W^T P` (spec N2).
    Subcomponents.Initial start(String site, String token, Tensor weight, int rank) {
        Tensor directions = outputs(site, token, weight).vectors(); // [d_out, d_out]
        Tensor largest = directions.narrow(1, directions.size(1) - rank, rank);
        return new Subcomponents.Initial(
                weight.t().matmul(largest).contiguous(), largest.t().contiguous());
    }

    /// Eigenvectors of `Y^T Y` as columns, and the root mean square of outputs along each, rising.
    record Directions(Tensor vectors, double[] sizes) {}

    /// The directions of a site's outputs at a token under this weight `[d_out, d_in]`.
    Directions outputs(String site, String token, Tensor weight) {
        Tensor at = Tensors.named(token, first.marks()).unsqueeze(1); // [B, 1]
        Tensor x = Positions.select(Tensors.named(site, firstClean.inputs()), at).squeeze(1L);
        Tensor y = x.matmul(weight.t()); // [B, d_out]
        var decomposed = Tensors.eigen(y.t().matmul(y));
        double[] sizes = Tensors.toDoubles(decomposed.values());
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = Math.sqrt(Math.max(sizes[i], 0) / START_ROWS);
        }
        return new Directions(decomposed.vectors(), sizes);
    }

    /// The weight that a site's pieces make `[d_out, d_in]`.
    static Tensor weight(Ideal ideal, String site) {
        return Tensors.named(SiteParameters.nameOfV(site), ideal.pieces())
                .matmul(Tensors.named(SiteParameters.nameOfU(site), ideal.pieces()))
                .t();
    }

    /// Trains the pieces by Adam on the divergence of outputs under stochastic masks (spec N3).
    ///
    /// @param firstExample of the sequences it is trained on, which also key the masks
    Ideal fitted(Ideal start, int steps, long firstExample) {
        Schedule rate =
                new Schedule.Warmup(
                        WARMUP,
                        new Schedule.Cosine(LEARNING_RATE, 0, Optional.empty(), Optional.empty()));
        try (Parameters parameters = new Parameters(start.pieces(), target.type());
                Leaves leaves = parameters.leaves();
                Adam adam = new Adam(ADAM, parameters.flat())) {
            Reach reach = new Reach("steps of a refit", steps);
            for (int step = 0; step < steps; step++) {
                int now = step;
                reach.done(step);
                Scopes.run(() -> {
                    leaves.clear();
                    long first = firstExample + (long) now * Necessity.BATCH;
                    Tensor loss = loss(start.on(leaves.tensors()), first);
                    if (loss.requires_grad()) { // else no site has content
                        loss.backward();
                    }
                    adam.updateInPlace(parameters.flat(), leaves.gradient(), rate.at(now, steps));
                });
            }
            SortedMap<String, Tensor> end = new TreeMap<>();
            parameters.views().forEach((name, view) -> end.put(name, view.clone()));
            return start.on(end);
        }
    }

    private Tensor loss(Ideal ideal, long firstExample) {
        Task.Examples examples =
                task.examples(options.seed(), Draws.Purpose.DATA, firstExample, Necessity.BATCH);
        Clean clean = Scopes.withoutGradient(() -> target.clean(examples.batch()));
        Divergence divergence =
                Divergence.from(
                        target.outputs(), clean.outputs(), examples.batch().losses().counted());
        MaskDraws draws = new MaskDraws(options.seed(), 0, 0, 0);
        Masks masks = (site, g) -> draws.stochastic(examples.batch(), site, g);
        return divergence
                .sum(outputs(ideal, examples, clean, masks))
                .div(examples.batch().losses().count());
    }

    /// How far the outputs are from the target's on the evaluation stream.
    Necessity.Fit measured(Ideal ideal) {
        Tally stochastic = new Tally();
        Tally importance = new Tally();
        Tally everywhere = new Tally();
        new Evaluation(target, task, options.sequences(), Necessity.BATCH)
                .forEach(slice -> {
                    MaskDraws draws = new MaskDraws(0, slice.index(), STOCHASTIC, 0);
                    add(
                            stochastic,
                            slice,
                            ideal,
                            (site, g) -> draws.stochastic(slice.batch(), site, g));
                    add(importance, slice, ideal, (_, g) -> g);
                    add(everywhere, slice, ideal, (_, g) -> g.new_ones(g.shape()));
                });
        return new Necessity.Fit(
                stochastic.kl(),
                stochastic.accuracy(),
                importance.kl(),
                importance.accuracy(),
                everywhere.kl(),
                everywhere.accuracy());
    }

    private void add(Tally tally, Slice slice, Ideal ideal, Masks masks) {
        tally.add(slice, outputs(ideal, slice.examples(), slice.clean(), masks));
    }

    /// A site's masks from its ideal importances `g [B, T, C]`.
    @FunctionalInterface
    private interface Masks {
        Tensor of(String site, Tensor g);
    }

    private Tensor outputs(Ideal ideal, Task.Examples examples, Clean clean, Masks masks) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (String name : sites) {
            Site site = target.site(name);
            String token = ideal.tokens().get(name);
            replaced.put(
                    name, token == null ? off(site) : masked(ideal, site, token, examples, masks));
        }
        return target.forward(examples.batch(), replaced, clean).outputs();
    }

    private static Replacement off(Site site) {
        return (input, _, _) ->
                input.new_zeros(new long[] {input.size(0), input.size(1), site.dOut()});
    }

    private MaskedSite masked(
            Ideal ideal, Site site, String token, Task.Examples examples, Masks masks) {
        Subcomponents subcomponents =
                new Subcomponents(
                        site,
                        target.weight(site),
                        Tensors.named(SiteParameters.nameOfV(site.name()), ideal.pieces()),
                        Tensors.named(SiteParameters.nameOfU(site.name()), ideal.pieces()));
        Batch batch = examples.batch();
        Tensor g =
                Tensors.zeros(target.type(), batch.rows(), batch.length())
                        .scatter(1, Tensors.named(token, examples.marks()).unsqueeze(1), 1)
                        .unsqueeze(2)
                        .expand(batch.rows(), batch.length(), subcomponents.count()); // [B, T, C]
        return new MaskedSite(subcomponents, masks.of(site.name(), g));
    }
}
