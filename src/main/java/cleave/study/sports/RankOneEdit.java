package cleave.study.sports;

import cleave.analysis.Change;
import cleave.analysis.FirstOrder;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Divergence;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SetSearch.Harm;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.Adam;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/// What can be done to an answer by fitting: one matrix of rank one, added to one MLP's output
/// matrix, that takes the answer away and moves little else (spec A18).
///
/// It begins where the answer depends most on what an MLP writes at one position, reading what is
/// read there and writing nothing. It is fitted on what finding may look at, which pieces are only
/// chosen by: what it reaches is a bound for them, no explanation of anything.
final class RankOneEdit {
    /// The fall of the answer's log-probability that is aimed at: 200 times.
    private static final double AIM = Math.log(200);

    /// What a nat of divergence after the other prompts costs, and on text, in nats of the fall.
    private static final double OTHERS_COST = 10;

    private static final double TEXT_COSTS = 100;

    /// Sentences beside the subject's prompt that a step looks at, of each kind.
    private static final int ROWS = 4;

    /// Rates, as shares of the size of what is written and read.
    private static final double WRITING_RATE = 0.1;

    private static final double READING_RATE = 0.02;

    private final Decomposition decomposition;
    private final Choosing choosing;
    private final int steps;
    private final int places;

    /// @param steps of each fit
    /// @param places that are fitted, of which the best counts
    RankOneEdit(Decomposition decomposition, Choosing choosing, int steps, int places) {
        this.decomposition = decomposition;
        this.choosing = choosing;
        this.steps = steps;
        this.places = places;
    }

    /// Where an answer depends on an MLP.
    ///
    /// @param position of the prompt
    /// @param size of the effect to first order, nats
    private record Place(DecomposedSite site, int position, double size) {}

    /// Some sentences through the target.
    private record Asked(Batch batch, Clean clean, Tensor labels, Divergence divergence) {}

    /// Fits the edit. Its weight belongs to the caller's scope.
    Baselines.Chosen of(String subject) {
        Sentence prompt = Objects.requireNonNull(choosing.prompts().get(subject), subject);
        FirstOrder order = FirstOrder.of(decomposition, prompt);
        List<Place> found = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            if (Baselines.called(site, ".mlp.out")) {
                double[] sizes = order.positions(site.name(), weight(site));
                for (int t = 0; t < sizes.length; t++) {
                    found.add(new Place(site, t, Math.abs(sizes[t])));
                }
            }
        }
        found.sort(Comparator.comparingDouble((Place each) -> -each.size()));
        Baselines.Chosen best = new Baselines.Chosen(List.of(), new Change.Edited(new TreeMap<>()));
        double worth = Double.NEGATIVE_INFINITY;
        for (Place place : found.subList(0, Math.min(places, found.size()))) {
            Change.Edited edit = fitted(subject, prompt, order, place);
            Harm harm = choosing.harms(decomposition, subject, List.of(edit)).getFirst();
            if (harm.worth() > worth) {
                worth = harm.worth();
                best =
                        new Baselines.Chosen(
                                List.of(
                                        "%s, begun at token %d"
                                                .formatted(place.site().name(), place.position())),
                                edit);
            }
        }
        return best;
    }

    private Change.Edited fitted(String subject, Sentence prompt, FirstOrder order, Place place) {
        DecomposedSite site = place.site();
        Tensor W = weight(site);
        Tensor read = Tensors.named(site.name(), order.inputs()).select(0, place.position());
        Tensor wrote = W.matmul(read.unsqueeze(1)).squeeze(1); // [d_out]
        double size = Tensors.number(read.square().sum());
        Tensor V = read.div(size).clone(); // [d_in]
        Tensor U = Tensors.zerosLike(wrote); // [d_out]
        double writingRate = WRITING_RATE * rms(wrote);
        double readingRate = READING_RATE * rms(V);
        List<Sentence> rest = new ArrayList<>();
        choosing.prompts()
                .forEach((name, sentence) -> {
                    if (!name.equals(subject)) {
                        rest.add(sentence);
                    }
                });
        int firsts = rest.size();
        int answer = prompt.tokens().get(prompt.answer());
        choosing.others().stream()
                .filter(each -> each.tokens().get(each.answer()) != answer)
                .forEach(rest::add);
        rest.addAll(choosing.lines());
        SortedMap<String, Tensor> weights = new TreeMap<>();
        Scopes.run(() -> {
            Asked own = asked(List.of(prompt), LossesAt.ANSWER);
            double before = Tensors.number(logarithm(own, own.clean().outputs()));
            try (Adam writing = new Adam(settings(), U);
                    Adam reading = new Adam(settings(), V)) {
                for (int step = 0; step < steps; step++) {
                    int number = step;
                    Scopes.run(() -> {
                        Asked others = asked(some(rest, firsts, number), LossesAt.ANSWER);
                        Asked text = asked(some(choosing.texts(), 0, number), LossesAt.ALL);
                        List<Tensor> gradients =
                                Objects.requireNonNull(
                                        Scopes.withGradient(() -> {
                                            Tensor u = U.detach().requires_grad_(true);
                                            Tensor v = V.detach().requires_grad_(true);
                                            Tensor loss =
                                                    logarithm(own, outputs(own, site, u, v))
                                                            .sub(before - AIM)
                                                            .clamp_min(0)
                                                            .add(
                                                                    moved(others, site, u, v)
                                                                            .mul(OTHERS_COST))
                                                            .add(
                                                                    moved(text, site, u, v)
                                                                            .mul(TEXT_COSTS));
                                            return Tensors.gradients(loss, List.of(u, v));
                                        }));
                        double left = 1 - (double) number / steps;
                        writing.updateInPlace(U, gradients.getFirst(), writingRate * left);
                        reading.updateInPlace(V, gradients.getLast(), readingRate * left);
                    });
                }
            }
        });
        weights.put(site.name(), W.add(U.unsqueeze(1).matmul(V.unsqueeze(0))));
        return new Change.Edited(weights);
    }

    private static Adam.Settings settings() {
        return new Adam.Settings(0.9, 0.99, 1e-12, 0);
    }

    private static double rms(Tensor x) {
        return Math.sqrt(Tensors.number(x.square().sum()) / x.numel());
    }

    private Tensor weight(DecomposedSite site) {
        Target target = decomposition.target();
        return target.weight(site.site()).to(target.type());
    }

    /// The first few sentences, and some of the others in turn.
    private static List<Sentence> some(List<Sentence> all, int firsts, int step) {
        List<Sentence> some = new ArrayList<>(all.subList(0, Math.min(firsts, all.size())));
        int others = all.size() - some.size();
        for (int i = 0; i < Math.min(ROWS, others); i++) {
            some.add(all.get(firsts + (step * ROWS + i) % others));
        }
        return some.isEmpty() ? all : some;
    }

    private Asked asked(List<Sentence> sentences, LossesAt losses) {
        Target target = decomposition.target();
        int length =
                sentences.stream()
                        .mapToInt(each -> TextTask.used(each, losses))
                        .max()
                        .orElseThrow();
        Task.Examples examples =
                new TextTask("fitting", sentences, length, losses, 0).inOrder(0, sentences.size());
        Clean clean = target.clean(examples.batch());
        return new Asked(
                examples.batch(),
                clean,
                examples.labels(),
                Divergence.from(
                        target.outputs(), clean.outputs(), examples.batch().losses().counted()));
    }

    private Tensor outputs(Asked asked, DecomposedSite site, Tensor u, Tensor v) {
        Target target = decomposition.target();
        Replacement edited =
                (input, weight, _) ->
                        target.products()
                                .map(input, weight)
                                .add(
                                        input.matmul(v.unsqueeze(1)) // [B, T, 1]
                                                .matmul(u.unsqueeze(0)));
        return target.forward(asked.batch(), Map.of(site.name(), edited), asked.clean()).outputs();
    }

    /// Divergence a position.
    private Tensor moved(Asked asked, DecomposedSite site, Tensor u, Tensor v) {
        return asked.divergence()
                .sum(outputs(asked, site, u, v))
                .div(asked.batch().losses().count());
    }

    private static Tensor logarithm(Asked asked, Tensor outputs) {
        return Tensors.logSoftmax(outputs).gather(2, asked.labels().unsqueeze(2)).sum();
    }
}
