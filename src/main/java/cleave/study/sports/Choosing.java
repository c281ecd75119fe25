package cleave.study.sports;

import cleave.analysis.Change;
import cleave.analysis.Inquiry;
import cleave.analysis.Inquiry.Reply;
import cleave.analysis.QuestionGroup;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SetSearch.Harm;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/// What finding looks at: the subjects' prompts, and other prompts and text of the training, on
/// which the rest of the model is to stay as it is. None of it but the subjects' prompts is
/// evidence.
///
/// @param prompts with their answers, by subject
/// @param others prompts about others in the subjects' phrasing, each with the target's own
///   likeliest next token as its answer
/// @param lines prompts about other things, likewise
/// @param texts on which divergence is measured
record Choosing(
        Map<String, Sentence> prompts,
        List<Sentence> others,
        List<Sentence> lines,
        List<Sentence> texts) {

    /// Copies the lists.
    Choosing {
        prompts = new LinkedHashMap<>(prompts);
        others = List.copyOf(others);
        lines = List.copyOf(lines);
        texts = List.copyOf(texts);
    }

    /// Asks the target for the likeliest next tokens.
    ///
    /// @param others prompts without answers, tokens only
    /// @param lines likewise
    static Choosing of(
            Target target,
            Map<String, Sentence> prompts,
            List<Sentence> others,
            List<Sentence> lines,
            List<Sentence> texts) {
        return new Choosing(prompts, answered(target, others), answered(target, lines), texts);
    }

    private static List<Sentence> answered(Target target, List<Sentence> prompts) {
        if (prompts.isEmpty()) {
            return List.of();
        }
        List<Reply> replies =
                Inquiry.unchanged(target, new QuestionGroup("others", prompts, LossesAt.ANSWER));
        return IntStream.range(0, prompts.size())
                .mapToObj(i -> {
                    List<Integer> prompt = prompts.get(i).tokens();
                    List<Integer> tokens = new ArrayList<>(prompt);
                    tokens.add(Math.toIntExact(replies.get(i).top().getFirst()));
                    return new Sentence(tokens, Sentence.UNKNOWN, prompt.size(), prompt.size() + 1);
                })
                .toList();
    }

    /// What changes do to one subject's answer, and to the rest. Others whose own answer is the
    /// subject's are left out: whether they lose it is what evidence says.
    List<Harm> harms(Decomposition decomposition, String subject, List<? extends Change> changes) {
        Map<String, Inquiry> asked = new LinkedHashMap<>();
        prompts.forEach((name, sentence) ->
                asked.put(name, ask(decomposition, List.of(sentence), changes)));
        int answer = first(Objects.requireNonNull(prompts.get(subject), subject));
        Inquiry about =
                ask(
                        decomposition,
                        others.stream().filter(each -> first(each) != answer).toList(),
                        changes);
        Inquiry besides = ask(decomposition, lines, changes);
        Inquiry text =
                texts.isEmpty()
                        ? none(changes)
                        : Inquiry.of(
                                decomposition,
                                new QuestionGroup("text", texts, LossesAt.ALL),
                                changes);
        List<Harm> harms = new ArrayList<>();
        for (int i = 0; i < changes.size(); i++) {
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
            harms.add(new Harm(own, rank, other, lost(about, i), lost(besides, i), kl));
        }
        return harms;
    }

    /// The answer's first token.
    private static int first(Sentence sentence) {
        return sentence.tokens().get(sentence.answer());
    }

    private static Inquiry ask(
            Decomposition decomposition, List<Sentence> sentences, List<? extends Change> changes) {
        return sentences.isEmpty()
                ? none(changes)
                : Inquiry.of(
                        decomposition,
                        new QuestionGroup("choosing", sentences, LossesAt.ANSWER),
                        changes);
    }

    private static Inquiry none(List<? extends Change> changes) {
        return new Inquiry(List.of(), changes.stream().map(_ -> List.<Reply>of()).toList());
    }

    /// The mean share of their probability that answers lose.
    private static double lost(Inquiry asked, int change) {
        return IntStream.range(0, asked.before().size())
                .mapToDouble(i ->
                        -Math.expm1(
                                Math.min(
                                        0,
                                        asked.after().get(change).get(i).logProbability()
                                                - asked.before().get(i).logProbability())))
                .average()
                .orElse(0);
    }
}
