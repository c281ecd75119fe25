package cleave.analysis;

import cleave.analysis.Concept.Active;
import cleave.analysis.Concept.Control;
import cleave.analysis.Concept.Kind;
import cleave.analysis.Concept.Settings;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Sentence;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/// Finds concepts in one decomposition. It keeps what all of them share: which subcomponents are
/// active on other prompts, norms, and singular directions of weights.
public final class ConceptSearch implements AutoCloseable {
    private static final int SLICE_ROWS = 16;

    private final Decomposition decomposition;
    private final Settings settings;
    private final Map<SubcomponentId, Double> shares; // of other prompts where it is active
    private final Map<String, double[]> norms = new HashMap<>();
    private final Map<String, Tensors.Svd> singular = new HashMap<>();

    /// @param others the prompts on which subcomponents may be active elsewhere
    public ConceptSearch(Decomposition decomposition, Task others, Settings settings) {
        this.decomposition = decomposition;
        this.settings = settings;
        this.shares = shares(decomposition, others, settings);
        decomposition
                .sites()
                .forEach(site ->
                        norms.put(
                                site.name(),
                                Tensors.toDoubles(decomposition.subcomponents(site).norms())));
    }

    /// The share of the first sequences in which each is above the threshold at a valid position;
    /// without those of share 0.
    private static Map<SubcomponentId, Double> shares(
            Decomposition decomposition, Task others, Settings settings) {
        Map<SubcomponentId, Double> shares = new HashMap<>();
        new Evaluation(decomposition.target(), others, settings.sequences(), SLICE_ROWS)
                .forEach(slice -> {
                    List<Tensor> lower =
                            Importances.of(decomposition, slice.clean(), slice.batch());
                    Tensor valid = slice.batch().valid();
                    for (int i = 0; i < lower.size(); i++) {
                        Tensor g = lower.get(i); // [B, T, C]
                        Tensor counted =
                                valid == null
                                        ? g
                                        : g.masked_fill(valid.logical_not().unsqueeze(2), 0);
                        double[] active =
                                Tensors.toDoubles(
                                        counted.amax(1) // [B, C]
                                                .gt(settings.threshold())
                                                .sum(0)); // [C]
                        for (int c = 0; c < active.length; c++) {
                            if (active[c] > 0) {
                                shares.merge(
                                        new SubcomponentId(decomposition.sites().get(i).name(), c),
                                        active[c],
                                        Double::sum);
                            }
                        }
                    }
                });
        shares.replaceAll((_, sequences) -> sequences / settings.sequences());
        return Collections.unmodifiableMap(shares);
    }

    /// A group with what changes of these settings need.
    public Questions asked(QuestionGroup group) {
        return Questions.of(decomposition, group, settings.at() == Change.At.ACTIVE);
    }

    /// The concept of one prompt.
    ///
    /// @param within positions that the chosen must be active at, one of them; empty for anywhere
    public Concept concept(
            Sentence sentence,
            List<Integer> within,
            List<Questions> groups,
            List<Questions> controlled) {
        return Objects.requireNonNull(
                Scopes.run(() -> {
                    Questions prompt = Questions.of(decomposition, Concept.group(sentence), true);
                    List<Active> active = ranked(sentence, prompt, within);
                    List<SubcomponentId> chosen =
                            active.stream()
                                    .filter(Active::candidate)
                                    .filter(each -> each.effect() < -Concept.LEAST_EFFECT)
                                    .limit(settings.most())
                                    .map(Active::subcomponent)
                                    .toList();
                    Change suppressed = without(chosen, settings.at());
                    List<AnswerEffect> effects = new ArrayList<>();
                    effects.add(prompt.effect(suppressed));
                    groups.forEach(group -> effects.add(group.effect(suppressed)));
                    Tensor masked = prompt.outputs(without(chosen, Change.At.EVERYWHERE));
                    Tensor edited = prompt.outputs(edited(chosen));
                    return new Concept(
                            sentence.tokens().subList(0, sentence.answer()),
                            sentence.tokens().get(sentence.answer()),
                            sentence.tokens().subList(sentence.answer(), sentence.answerEnd()),
                            Math.exp(prompt.before().getFirst().logProbability()),
                            active,
                            chosen,
                            new Concept.After(
                                    probability(
                                            prompt,
                                            prompt.outputs(without(chosen, Change.At.ACTIVE))),
                                    probability(prompt, masked),
                                    probability(prompt, edited)),
                            Tensors.number(masked.sub(edited).abs().max()),
                            List.copyOf(effects),
                            chosen.isEmpty()
                                    ? List.of()
                                    : controls(chosen, active, prompt, controlled));
                }));
    }

    private Change.Masked without(List<SubcomponentId> off, Change.At at) {
        return Change.Masked.without(off, at, settings.threshold());
    }

    private Change.Edited edited(List<SubcomponentId> off) {
        return new Change.Edited(
                WeightEdit.sites(decomposition, without(off, Change.At.EVERYWHERE).masks()));
    }

    private static double probability(Questions prompt, Tensor outputs) {
        return Math.exp(prompt.answers(outputs).getFirst().logProbability());
    }

    private List<Active> ranked(Sentence sentence, Questions prompt, List<Integer> within) {
        List<Active> active = new ArrayList<>();
        int length = Math.toIntExact(prompt.pass().batch().length());
        for (int i = 0; i < decomposition.sites().size(); i++) {
            DecomposedSite site = decomposition.sites().get(i);
            double[] g = Tensors.toDoubles(prompt.pass().lower().get(i)); // [T, C]
            for (int c = 0; c < site.count(); c++) {
                int index = c;
                List<Integer> positions =
                        IntStream.range(0, length)
                                .filter(t -> g[t * site.count() + index] > settings.threshold())
                                .boxed()
                                .toList();
                if (!positions.isEmpty()) {
                    double largest =
                            positions.stream()
                                    .mapToDouble(t -> g[t * site.count() + index])
                                    .max()
                                    .orElseThrow();
                    SubcomponentId id = new SubcomponentId(site.name(), c);
                    double share = shares.getOrDefault(id, 0.0);
                    boolean there =
                            within.isEmpty() || positions.stream().anyMatch(within::contains);
                    active.add(
                            new Active(
                                    id,
                                    positions,
                                    largest,
                                    0,
                                    share,
                                    there && share <= settings.rare()));
                }
            }
        }
        double before = prompt.before().getFirst().logProbability();
        SortedMap<SubcomponentId, List<Integer>> off = new TreeMap<>();
        active.forEach(each ->
                off.put(
                        each.subcomponent(),
                        switch (settings.at()) {
                            case ACTIVE -> each.positions();
                            case EVERYWHERE -> IntStream.range(0, length).boxed().toList();
                        }));
        SortedMap<SubcomponentId, Double> after = EachAlone.at(decomposition, sentence, off);
        List<Active> ranked = new ArrayList<>();
        for (Active each : active) {
            ranked.add(
                    new Active(
                            each.subcomponent(),
                            each.positions(),
                            each.importance(),
                            after.getOrDefault(each.subcomponent(), before) - before,
                            each.share(),
                            each.candidate()));
        }
        ranked.sort(Comparator.comparingDouble(Active::effect).thenComparing(Active::subcomponent));
        return List.copyOf(ranked);
    }

    private List<Control> controls(
            List<SubcomponentId> chosen,
            List<Active> active,
            Questions prompt,
            List<Questions> controlled) {
        Set<SubcomponentId> here = new HashSet<>();
        active.forEach(each -> here.add(each.subcomponent()));
        List<Questions> asked = new ArrayList<>();
        asked.add(prompt);
        asked.addAll(controlled);
        List<Control> controls = new ArrayList<>();
        for (int draw = 0; draw < Concept.DRAWS; draw++) {
            List<SubcomponentId> others =
                    matched(
                            chosen,
                            id -> shares.containsKey(id) && !here.contains(id),
                            "active elsewhere",
                            draw);
            controls.add(
                    control(
                            Kind.ACTIVE_ELSEWHERE,
                            draw,
                            others.size(),
                            without(others, settings.at()),
                            asked));
        }
        for (int draw = 0; draw < Concept.DRAWS; draw++) {
            // Never active, so that masks at active positions would do nothing.
            List<SubcomponentId> inactive =
                    matched(
                            chosen,
                            id -> !shares.containsKey(id) && !here.contains(id),
                            "matched suppression",
                            draw);
            controls.add(
                    control(
                            Kind.INACTIVE,
                            draw,
                            inactive.size(),
                            without(inactive, Change.At.EVERYWHERE),
                            asked));
        }
        controls.add(control(Kind.SINGULAR, 0, chosen.size(), withoutSingular(chosen), asked));
        return List.copyOf(controls);
    }

    private static Control control(
            Kind kind, int draw, int count, Change change, List<Questions> asked) {
        return new Control(
                kind, draw, count, asked.stream().map(each -> each.effect(change)).toList());
    }

    /// As many of each site as were chosen there, of nearest norm (spec A5); fewer when they run
    /// out.
    private List<SubcomponentId> matched(
            List<SubcomponentId> chosen, Predicate<SubcomponentId> allowed, String what, int draw) {
        List<SubcomponentId> matched = new ArrayList<>();
        perSite(chosen)
                .forEach((site, indices) -> {
                    List<Integer> candidates =
                            IntStream.range(0, decomposition.site(site).count())
                                    .filter(c -> allowed.test(new SubcomponentId(site, c)))
                                    .boxed()
                                    .toList();
                    Draws.Key key =
                            Draws.key(0, Draws.Purpose.EVALUATION).with(what).with(draw).with(site);
                    MatchedDraw.pick(
                                    norms.getOrDefault(site, new double[0]),
                                    indices,
                                    candidates,
                                    key)
                            .forEach(c -> matched.add(new SubcomponentId(site, c)));
                });
        return List.copyOf(matched);
    }

    private static SortedMap<String, List<Integer>> perSite(List<SubcomponentId> ids) {
        SortedMap<String, List<Integer>> perSite = new TreeMap<>();
        ids.forEach(
                id -> perSite.computeIfAbsent(id.site(), _ -> new ArrayList<>()).add(id.index()));
        return perSite;
    }

    /// The chosen's sites without as many of their largest singular directions.
    private Change.Edited withoutSingular(List<SubcomponentId> chosen) {
        List<WeightPart> parts = new ArrayList<>();
        perSite(chosen)
                .forEach((site, indices) -> {
                    Tensors.Svd svd =
                            singular.computeIfAbsent(
                                    site,
                                    _ ->
                                            svd(
                                                    decomposition
                                                            .subcomponents(decomposition.site(site))
                                                            .W()));
                    long count = Math.min(indices.size(), svd.S().numel());
                    for (int i = 0; i < count; i++) {
                        parts.add(WeightPart.singular(site, svd, i));
                    }
                });
        return WeightPart.without(decomposition.target(), parts);
    }

    private static Tensors.Svd svd(Tensor W) {
        return Objects.requireNonNull(
                Scopes.run(() -> {
                    Tensors.Svd parts = Tensors.svd(W);
                    return new Tensors.Svd(
                            Scopes.own(parts.U().clone()),
                            Scopes.own(parts.S().clone()),
                            Scopes.own(parts.V().clone()));
                }));
    }

    @Override
    public void close() {
        for (Tensors.Svd parts : singular.values()) {
            List.of(parts.U(), parts.S(), parts.V()).forEach(Scopes::release);
        }
    }
}
