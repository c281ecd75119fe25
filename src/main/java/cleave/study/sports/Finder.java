package cleave.study.sports;

import cleave.analysis.ActiveOn;
import cleave.analysis.Change;
import cleave.analysis.EachAlone;
import cleave.analysis.Inquiry;
import cleave.analysis.Inquiry.Reply;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// Finds the subcomponents that one subject's answer rests on, by rule (spec A18).
///
/// Every subcomponent that is active on the subject's prompt is suppressed alone. Of those that
/// lower the answer most, and the other subjects' least, sets are built greedily: each step adds
/// the one that makes the set best, until the answer has fallen far enough or nothing makes it
/// better. What a set costs is measured on text of the training alone, never on what evidence is
/// measured on.
final class Finder {
    /// Importance above which a subcomponent is active.
    static final double THRESHOLD = 0.5;

    /// A fall of the answer's log-probability beyond this is worth nothing: 200 times.
    private static final double ENOUGH = Math.log(200);

    /// The fall at which a set is done, once the answer is out of the first ranks: 100 times.
    private static final double DONE = Math.log(100);

    private static final int FIRST_RANKS = 10;

    /// What a nat that another subject's answer loses costs, in nats of the own answer's fall; and
    /// what a nat of divergence on other text costs.
    private static final double OTHER_COSTS = 10;

    private static final double TEXT_COSTS = 200;

    /// What it costs that the answer is still among the first.
    private static final double RANK_COSTS = 1;

    /// A larger set must be better by this.
    private static final double LEAST_GAIN = 0.05;

    /// Subcomponents whose cost on text is measured, and those that may be added to a set.
    private static final int MEASURED = 16;

    private static final int ADDED = 8;

    private final Decomposition decomposition;
    private final Map<String, Sentence> prompts; // by subject
    private final List<Sentence> texts;
    private final Map<String, SortedMap<SubcomponentId, List<Integer>>> active =
            new LinkedHashMap<>();
    private final Set<SubcomponentId> onTexts = new HashSet<>();
    private final int most;

    /// One subcomponent, suppressed alone.
    ///
    /// @param id the subcomponent
    /// @param positions of the prompt at which it is active
    /// @param fall of the answer's log-probability, nats
    /// @param otherFall the largest fall of another subject's, nats; below 0 where all rise
    record Candidate(SubcomponentId id, List<Integer> positions, double fall, double otherFall) {}

    /// A set, and what suppressing it does.
    ///
    /// @param ids the set
    /// @param fall of the answer's log-probability, nats
    /// @param rank of the answer
    /// @param otherFall the largest fall of another subject's, nats
    /// @param textKl divergence on the training's other text, nats a token
    record Chosen(
            List<SubcomponentId> ids, double fall, int rank, double otherFall, double textKl) {
        private boolean isDone() {
            return fall >= DONE && rank > FIRST_RANKS;
        }

        private double worth() {
            return Math.min(fall, ENOUGH)
                    - OTHER_COSTS * Math.max(0, otherFall)
                    - TEXT_COSTS * Math.max(0, textKl)
                    - (rank <= FIRST_RANKS ? RANK_COSTS : 0);
        }
    }

    /// What was found for a subject.
    ///
    /// @param candidates all that are active on the prompt, those that lower the answer most first
    /// @param rule those that are active on this prompt and on no other subject's, the paper's way
    /// @param alone the most promising, each alone
    /// @param chosen the set that is suppressed
    record Found(
            List<Candidate> candidates,
            List<SubcomponentId> rule,
            List<Chosen> alone,
            Chosen chosen) {}

    /// Looks which subcomponents are active where.
    ///
    /// @param prompts with their answers, by subject
    /// @param texts of the training, on which cost is measured
    /// @param most how many may be suppressed together
    Finder(
            Decomposition decomposition,
            Map<String, Sentence> prompts,
            List<Sentence> texts,
            int most) {
        this.decomposition = decomposition;
        this.prompts = new LinkedHashMap<>(prompts);
        this.texts = List.copyOf(texts);
        this.most = most;
        prompts.forEach((subject, sentence) ->
                active.put(
                        subject, ActiveOn.text(decomposition, sentence, LossesAt.LAST, THRESHOLD)));
        for (Sentence each : texts) {
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
        List<Chosen> alone =
                measured(
                        subject,
                        candidates.stream()
                                .sorted(
                                        Comparator.comparingDouble((Candidate each) ->
                                                        OTHER_COSTS * Math.max(0, each.otherFall())
                                                                - each.fall())
                                                .thenComparing(Candidate::id))
                                .limit(MEASURED)
                                .map(each -> List.of(each.id()))
                                .toList());
        List<Chosen> ordered =
                alone.stream()
                        .sorted(Comparator.comparingDouble((Chosen each) -> -each.worth()))
                        .toList();
        Chosen chosen = ordered.isEmpty() ? new Chosen(List.of(), 0, 1, 0, 0) : ordered.getFirst();
        List<SubcomponentId> more =
                ordered.stream().limit(ADDED).flatMap(each -> each.ids().stream()).toList();
        while (!chosen.isDone() && chosen.ids().size() < most) {
            List<SubcomponentId> before = chosen.ids();
            Chosen best = null;
            for (Chosen each :
                    measured(
                            subject,
                            more.stream()
                                    .filter(id -> !before.contains(id))
                                    .map(id -> with(before, id))
                                    .toList())) {
                if (best == null || each.worth() > best.worth()) {
                    best = each;
                }
            }
            if (best == null || best.worth() < chosen.worth() + LEAST_GAIN) {
                break;
            }
            chosen = best;
        }
        return new Found(candidates, rule(subject), ordered, chosen);
    }

    private static List<SubcomponentId> with(List<SubcomponentId> ids, SubcomponentId one) {
        List<SubcomponentId> more = new ArrayList<>(ids);
        more.add(one);
        return List.copyOf(more);
    }

    private List<Candidate> candidates(String subject) {
        SortedMap<SubcomponentId, List<Integer>> here = active(subject);
        List<SubcomponentId> ids = List.copyOf(here.keySet());
        Map<String, SortedMap<SubcomponentId, Double>> falls = new LinkedHashMap<>();
        prompts.forEach((name, sentence) -> falls.put(name, falls(sentence, ids)));
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

    private SortedMap<SubcomponentId, Double> falls(Sentence sentence, List<SubcomponentId> ids) {
        double before =
                Inquiry.unchanged(
                                decomposition.target(),
                                new QuestionGroup("prompt", List.of(sentence), LossesAt.ANSWER))
                        .getFirst()
                        .logProbability();
        SortedMap<SubcomponentId, Double> falls =
                new TreeMap<>(EachAlone.of(decomposition, sentence, ids));
        falls.replaceAll((_, after) -> before - after);
        return falls;
    }

    /// What suppressing each of these sets does.
    private List<Chosen> measured(String subject, List<List<SubcomponentId>> sets) {
        if (sets.isEmpty()) {
            return List.of();
        }
        List<Change> changes = sets.stream().<Change>map(Finder::without).toList();
        Map<String, Inquiry> asked = new LinkedHashMap<>();
        prompts.forEach((name, sentence) ->
                asked.put(
                        name,
                        Inquiry.of(
                                decomposition,
                                new QuestionGroup(name, List.of(sentence), LossesAt.ANSWER),
                                changes)));
        Inquiry text =
                Inquiry.of(decomposition, new QuestionGroup("text", texts, LossesAt.ALL), changes);
        List<Chosen> measured = new ArrayList<>();
        for (int i = 0; i < sets.size(); i++) {
            double own = 0;
            int rank = 1;
            double other = Double.NEGATIVE_INFINITY;
            for (Map.Entry<String, Inquiry> each : asked.entrySet()) {
                Reply before = each.getValue().before().getFirst();
                Reply after = each.getValue().after().get(i).getFirst();
                double fall = before.logProbability() - after.logProbability();
                if (each.getKey().equals(subject)) {
                    own = fall;
                    rank = after.rank();
                } else {
                    other = Math.max(other, fall);
                }
            }
            double kl =
                    text.after().get(i).stream()
                            .flatMap(each -> each.kl().stream())
                            .mapToDouble(Double::doubleValue)
                            .average()
                            .orElse(0);
            measured.add(new Chosen(sets.get(i), own, rank, other, kl));
        }
        return measured;
    }

    /// The target without some subcomponents: `W - V_c U_c`, everything else as it is.
    static Change.Masked without(List<SubcomponentId> off) {
        return Change.Masked.without(off, Change.At.EVERYWHERE, THRESHOLD);
    }
}
