package cleave.study.sports;

import cleave.analysis.Change;
import cleave.analysis.EachAlone;
import cleave.analysis.FirstOrder;
import cleave.analysis.Inquiry;
import cleave.analysis.QuestionGroup;
import cleave.analysis.WeightPart;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// What needs no decomposition, chosen by the same rule as the pieces and as many of it (spec A18):
/// singular directions of the same matrices, and MLP neurons and attention heads.
///
/// The parts are ranked by what taking each out would do to first order; the best of them are taken
/// out one at a time, and of those sets are built as of pieces.
final class Baselines {
    /// Parts that are taken out one at a time.
    static final int ABLATED = 300;

    /// What a nat that another subject's answer loses costs, as for pieces.
    private static final double OTHER_COSTS = 5;

    private final Decomposition decomposition;
    private final Choosing choosing;
    private final int ablated;

    /// A set of parts of weights, and what it does.
    ///
    /// @param ids names of the parts
    /// @param change that takes them out
    record Chosen(List<String> ids, Change change) {}

    /// @param ablated how many parts are taken out one at a time
    Baselines(Decomposition decomposition, Choosing choosing, int ablated) {
        this.decomposition = decomposition;
        this.choosing = choosing;
        this.ablated = ablated;
    }

    /// A part and what taking it out does to first order.
    ///
    /// @param site whose weight it is of
    /// @param index of the direction, neuron or head
    /// @param fall of the answer's log-probability, nats
    private record Ranked(String site, int index, double fall) {}

    /// The best set of singular directions.
    Chosen singular(String subject, int most) {
        FirstOrder order = FirstOrder.of(decomposition, prompt(subject));
        List<Ranked> ranked = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            double[] falls = Scopes.run(() -> order.singular(site.name(), svd(site)));
            for (int i = 0; i < falls.length; i++) {
                ranked.add(new Ranked(site.name(), i, falls[i]));
            }
        }
        Map<String, Tensors.Svd> kept = new LinkedHashMap<>();
        return chosen(
                subject,
                most,
                first(ranked).stream()
                        .map(each ->
                                WeightPart.singular(
                                        each.site(),
                                        kept.computeIfAbsent(
                                                each.site(), name -> svd(decomposition.site(name))),
                                        each.index()))
                        .toList());
    }

    /// The best set of neurons and heads.
    Chosen units(String subject, int most) {
        FirstOrder order = FirstOrder.of(decomposition, prompt(subject));
        Target target = decomposition.target();
        List<Ranked> ranked = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            int width = width(site);
            if (width > 0) {
                double[] entries = Scopes.run(() -> order.inputs(site.name(), weight(site)));
                for (int i = 0; i < entries.length / width; i++) {
                    double fall = 0;
                    for (int j = i * width; j < (i + 1) * width; j++) {
                        fall += entries[j];
                    }
                    ranked.add(new Ranked(site.name(), i, fall));
                }
            }
        }
        return chosen(
                subject,
                most,
                first(ranked).stream()
                        .map(each -> {
                            DecomposedSite site = decomposition.site(each.site());
                            int width = width(site);
                            return WeightPart.inputs(
                                    each.site(),
                                    target.weight(site.site()),
                                    each.index() * width,
                                    width,
                                    (width == 1 ? "neuron " : "head ") + each.index());
                        })
                        .toList());
    }

    /// Entries of the site's input that belong together: 1 for what an MLP reads back, the head's
    /// width for what an attention does, 0 for other sites.
    private int width(DecomposedSite site) {
        if (called(site, ".mlp.out")) {
            return 1;
        }
        return called(site, ".attn.o")
                ? Math.toIntExact(site.site().dIn() / decomposition.target().patternsOfBlock())
                : 0;
    }

    /// Whether a site goes by a name of this end, in the scheme that all language models share.
    static boolean called(DecomposedSite site, String end) {
        return site.site().names().stream().anyMatch(name -> name.endsWith(end));
    }

    private Tensor weight(DecomposedSite site) {
        Target target = decomposition.target();
        return target.weight(site.site()).to(target.type());
    }

    private Tensors.Svd svd(DecomposedSite site) {
        return Tensors.svd(weight(site));
    }

    private Sentence prompt(String subject) {
        return Objects.requireNonNull(choosing.prompts().get(subject), subject);
    }

    private List<Ranked> first(List<Ranked> ranked) {
        return ranked.stream()
                .sorted(
                        Comparator.comparingDouble((Ranked each) -> -each.fall())
                                .thenComparing(Ranked::site)
                                .thenComparingInt(Ranked::index))
                .limit(ablated)
                .toList();
    }

    /// The best set of some parts, by the rule of the pieces.
    private Chosen chosen(String subject, int most, List<WeightPart> parts) {
        double[] worth = new double[parts.size()];
        choosing.prompts()
                .forEach((name, sentence) -> {
                    double before = unchanged(sentence);
                    double[] after = EachAlone.parts(decomposition, sentence, parts);
                    for (int i = 0; i < worth.length; i++) {
                        double fall = before - after[i];
                        worth[i] += name.equals(subject) ? fall : -OTHER_COSTS * Math.max(0, fall);
                    }
                });
        List<Integer> promising =
                IntStream.range(0, worth.length)
                        .boxed()
                        .sorted(Comparator.comparingDouble((Integer i) -> -worth[i]))
                        .limit(Finder.MEASURED)
                        .toList();
        List<Integer> best =
                new SetSearch<Integer>(
                                sets ->
                                        Objects.requireNonNull(
                                                Scopes.run(() ->
                                                        choosing.harms(
                                                                decomposition,
                                                                subject,
                                                                sets.stream()
                                                                        .map(set ->
                                                                                without(parts, set))
                                                                        .toList()))),
                                most)
                        .among(promising)
                        .chosen()
                        .parts();
        return new Chosen(
                best.stream().map(i -> parts.get(i).name()).toList(), without(parts, best));
    }

    private double unchanged(Sentence sentence) {
        return Inquiry.unchanged(
                        decomposition.target(),
                        new QuestionGroup("prompt", List.of(sentence), LossesAt.ANSWER))
                .getFirst()
                .logProbability();
    }

    private Change.Edited without(List<WeightPart> parts, List<Integer> set) {
        return WeightPart.without(decomposition.target(), set.stream().map(parts::get).toList());
    }
}
