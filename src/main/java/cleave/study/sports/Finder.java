package cleave.study.sports;

import cleave.analysis.ActiveOn;
import cleave.analysis.Change;
import cleave.analysis.EachAlone;
import cleave.analysis.Inquiry;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SetSearch.Measured;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// Finds the subcomponents that one subject's answer rests on, by rule (spec A18).
///
/// Every subcomponent that is active on the subject's prompt is suppressed alone. Those that lower
/// the answer most, and the other subjects' least, are measured on all that finding may look at,
/// and sets are built of them. Nothing of that is evidence but the subjects' own prompts.
final class Finder {
    /// Importance above which a subcomponent is active.
    static final double THRESHOLD = 0.5;

    /// What a nat that another subject's answer loses costs where those to be measured are taken,
    /// in nats of the own answer's fall.
    private static final double OTHER_COSTS = 5;

    /// Subcomponents that are measured on everything.
    static final int MEASURED = 24;

    private final Decomposition decomposition;
    private final Choosing choosing;
    private final Map<String, SortedMap<SubcomponentId, List<Integer>>> active =
            new LinkedHashMap<>();
    private final Map<String, SortedMap<SubcomponentId, Double>> falls = new LinkedHashMap<>();
    private final Set<SubcomponentId> onTexts = new HashSet<>();
    private final int most;

    /// One subcomponent, suppressed alone.
    ///
    /// @param id the subcomponent
    /// @param positions of the prompt at which it is active
    /// @param fall of the answer's log-probability, nats
    /// @param otherFall the largest fall of another subject's, nats; below 0 where all rise
    record Candidate(SubcomponentId id, List<Integer> positions, double fall, double otherFall) {}

    /// What was found for a subject.
    ///
    /// @param candidates all that are active on the prompt, those that lower the answer most first
    /// @param rule those that are active on this prompt and on no other subject's, the paper's way
    /// @param alone the most promising, each alone
    /// @param chosen the set that is suppressed
    record Found(
            List<Candidate> candidates,
            List<SubcomponentId> rule,
            List<Measured<SubcomponentId>> alone,
            Measured<SubcomponentId> chosen) {}

    /// Looks which subcomponents are active where.
    ///
    /// @param most how many may be suppressed together
    Finder(Decomposition decomposition, Choosing choosing, int most) {
        this.decomposition = decomposition;
        this.choosing = choosing;
        this.most = most;
        choosing.prompts()
                .forEach((subject, sentence) ->
                        active.put(
                                subject,
                                ActiveOn.text(decomposition, sentence, LossesAt.LAST, THRESHOLD)));
        for (Sentence each : choosing.texts()) {
            onTexts.addAll(ActiveOn.text(decomposition, each, LossesAt.ALL, THRESHOLD).keySet());
        }
    }

    /// The subcomponents that are active on a subject's prompt, and where.
    SortedMap<SubcomponentId, List<Integer>> active(String subject) {
        return active.getOrDefault(subject, new TreeMap<>());
    }

    /// Those that are active on any prompt.
    Set<SubcomponentId> used() {
        Set<SubcomponentId> used = new HashSet<>();
        active.values().forEach(each -> used.addAll(each.keySet()));
        return used;
    }

    /// Those that are active on another subject's prompt or on other text, and not on the subject's
    /// own prompt.
    Set<SubcomponentId> elsewhere(String subject) {
        Set<SubcomponentId> elsewhere = used();
        elsewhere.addAll(onTexts);
        elsewhere.removeAll(active(subject).keySet());
        return elsewhere;
    }

    /// Those that are active on a subject's prompt, and on no other's.
    private List<SubcomponentId> rule(String subject) {
        Set<SubcomponentId> others = new HashSet<>();
        active.forEach((name, ids) -> {
            if (!name.equals(subject)) {
                others.addAll(ids.keySet());
            }
        });
        return active(subject).keySet().stream().filter(id -> !others.contains(id)).toList();
    }

    /// Finds a subject's subcomponents.
    Found find(String subject) {
        List<Candidate> candidates = candidates(subject);
        SetSearch.Found<SubcomponentId> found =
                new SetSearch<SubcomponentId>(
                                sets ->
                                        choosing.harms(
                                                decomposition,
                                                subject,
                                                sets.stream().map(Finder::without).toList()),
                                most)
                        .among(promising(candidates));
        return new Found(candidates, rule(subject), found.alone(), found.chosen());
    }

    /// Those that are measured on everything.
    static List<SubcomponentId> promising(List<Candidate> candidates) {
        return candidates.stream()
                .sorted(
                        Comparator.comparingDouble((Candidate each) ->
                                        OTHER_COSTS * Math.max(0, each.otherFall()) - each.fall())
                                .thenComparing(Candidate::id))
                .limit(MEASURED)
                .map(Candidate::id)
                .toList();
    }

    private List<Candidate> candidates(String subject) {
        SortedMap<SubcomponentId, List<Integer>> here = active(subject);
        choosing.prompts().keySet().forEach(name -> suppressAlone(name, here.keySet()));
        List<Candidate> candidates = new ArrayList<>();
        here.forEach((id, positions) -> {
            double own = 0;
            double other = Double.NEGATIVE_INFINITY;
            for (Map.Entry<String, SortedMap<SubcomponentId, Double>> each : falls.entrySet()) {
                double fall = each.getValue().getOrDefault(id, 0.0);
                if (each.getKey().equals(subject)) {
                    own = fall;
                } else {
                    other = Math.max(other, fall);
                }
            }
            candidates.add(new Candidate(id, positions, own, other));
        });
        candidates.sort(
                Comparator.comparingDouble((Candidate each) -> -each.fall())
                        .thenComparing(Candidate::id));
        return List.copyOf(candidates);
    }

    /// Measures what each of these does to a subject's answer, but for those that were measured for
    /// another one.
    private void suppressAlone(String name, Set<SubcomponentId> ids) {
        SortedMap<SubcomponentId, Double> known = falls.computeIfAbsent(name, _ -> new TreeMap<>());
        List<SubcomponentId> missing =
                ids.stream().filter(id -> !known.containsKey(id)).sorted().toList();
        if (!missing.isEmpty()) {
            Sentence sentence = Objects.requireNonNull(choosing.prompts().get(name), name);
            double before =
                    Inquiry.unchanged(
                                    decomposition.target(),
                                    new QuestionGroup("prompt", List.of(sentence), LossesAt.ANSWER))
                            .getFirst()
                            .logProbability();
            EachAlone.of(decomposition, sentence, missing)
                    .forEach((id, after) -> known.put(id, before - after));
        }
    }

    /// The target without some subcomponents: `W - V_c U_c`, everything else as it is.
    static Change.Masked without(List<SubcomponentId> off) {
        return Change.Masked.without(off, Change.At.EVERYWHERE, THRESHOLD);
    }
}
