package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Divergence;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// What is left of the answer to one prompt under masks of any importances. Importances of a site
/// are `[T * C]` numbers, in the order of sites. Its tensors belong to the scope it is made in.
final class AnswerUnderMasks {
    private static final int DRAWS = 16;

    private final Decomposition decomposition;
    private final WeightDelta weightDelta;
    private final long seed;
    private final Batch batch;
    private final Clean clean;
    private final Divergence divergence; // from the answer alone: -log p, nats
    private final List<double[]> own; // the decomposition's importances
    private final List<Integer> widths;
    private final List<Tensor> onMasks; // 1 where the decomposition has a subcomponent on

    /// The answer to a prompt.
    ///
    /// @param ids the prompt's tokens
    /// @param answer the token
    /// @param seed of the draws
    AnswerUnderMasks(
            Decomposition decomposition,
            WeightDelta weightDelta,
            int[] ids,
            int answer,
            long seed) {
        this.decomposition = decomposition;
        this.weightDelta = weightDelta;
        this.seed = seed;
        Batch everywhere = PromptRun.batch(ids);
        batch =
                new Batch(
                        everywhere.stream(),
                        0,
                        everywhere.inputs(),
                        null,
                        LossPositions.last(1, ids.length, null));
        Target target = decomposition.target();
        clean = Scopes.withoutGradient(() -> target.clean(batch));
        long tokens = clean.outputs().size(2);
        double[] sure = new double[(int) tokens];
        sure[answer] = 1e4;
        divergence =
                Divergence.from(
                        Target.Outputs.LOGITS, Tensors.of(sure, target.type(), 1, 1, tokens), null);
        own =
                Scopes.withoutGradient(() ->
                        Importances.of(decomposition, clean, batch).stream()
                                .map(Tensors::toDoubles)
                                .toList());
        widths = decomposition.sites().stream().map(DecomposedSite::count).toList();
        onMasks =
                tensors(
                        own.stream()
                                .map(site -> Arrays.stream(site).map(g -> g > 0 ? 1 : 0).toArray())
                                .toList());
    }

    /// The distance of an output from the answer alone: `-log p`, nats.
    Divergence divergence() {
        return divergence;
    }

    /// The decomposition's importances.
    List<double[]> own() {
        return own;
    }

    /// Importances of 0.
    List<double[]> none() {
        return own.stream().map(each -> new double[each.length]).toList();
    }

    private int length() {
        return (int) batch.length();
    }

    /// Importances as `[1, T, C]` of each site.
    List<Tensor> tensors(List<double[]> importances) {
        Type type = decomposition.target().type();
        return IntStream.range(0, importances.size())
                .mapToObj(site ->
                        Tensors.of(importances.get(site), type, 1, length(), widths.get(site)))
                .toList();
    }

    /// The passes under masks of lower importances `[1, T, C]`.
    MaskedForward forward(List<Tensor> lower) {
        return new MaskedForward(decomposition, batch, clean, lower, weightDelta);
    }

    /// `-log p` of the answer.
    Tensor missing(MaskedForward forward, Masking masking, long draw) {
        return divergence.sum(
                forward.passes(masking, new Routing.All(), new MaskDraws(seed, draw, 0, 0))
                        .getFirst()
                        .get()
                        .outputs());
    }

    /// The answer's probability under masks of importances.
    double probability(List<double[]> importances, Masking masking, long draw) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() ->
                        Math.exp(
                                -Tensors.number(
                                        missing(forward(tensors(importances)), masking, draw)))));
    }

    /// The mean of the answer's probability over draws of stochastic masks.
    double stochastic(List<double[]> g) {
        double mean = 0;
        for (int draw = 0; draw < DRAWS; draw++) {
            mean += probability(g, new Masking.Stochastic(), 1_000_000L + draw) / DRAWS;
        }
        return mean;
    }

    /// The answer's probability under masks of lower importances `[1, T, C]`.
    double probability(List<Tensor> lower, Masking masking) {
        return Scopes.run(() ->
                Scopes.withoutGradient(
                        () -> Math.exp(-Tensors.number(missing(forward(lower), masking, 0)))));
    }

    /// The key of what is drawn under a name.
    Draws.Key key(String name) {
        return Draws.key(seed, Draws.Purpose.EVALUATION).with("explanation").with(name);
    }

    /// Random sources for every mask.
    Masking.Sources sources(Draws.Key key) {
        return PromptAdversary.drawn(decomposition, length(), key);
    }

    /// Sources that an adversary moves where subcomponents are on, and drawn ones elsewhere.
    Masking.Sources mixed(List<Tensor> moved, Masking.Sources drawn) {
        return new Masking.Sources(
                IntStream.range(0, moved.size())
                        .mapToObj(site -> {
                            Tensor on = onMasks.get(site);
                            return drawn.sources()
                                    .get(site)
                                    .mul(Tensors.rsub(on, 1))
                                    .add(moved.get(site).mul(on));
                        })
                        .toList(),
                drawn.deltas(),
                drawn.remainders());
    }

    /// Moves sources a step towards less of the answer.
    void ascend(List<Tensor> g, List<Tensor> worst, Masking.Sources drawn) {
        Scopes.run(() -> {
            missing(forward(g), mixed(worst, drawn), 0).backward();
            Scopes.withoutGradient(() -> {
                worst.forEach(SourceAscent::move);
                return true;
            });
        });
    }
}
