package cleave.study.sports;

import cleave.analysis.Change;
import cleave.analysis.Inquiry;
import cleave.analysis.Inquiry.Reply;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.command.Tables;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SetSearch.Harm;
import cleave.study.sports.SetSearch.Measured;
import cleave.study.sports.SubjectReport.Asked;
import cleave.tensor.Scopes;
import cleave.text.Sentences;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What suppressing a subject's pieces takes away and what it leaves: on questions and text that
/// neither the training nor the finding has seen, but for the subjects' own prompts.
final class Evidence {
    /// The least probability of an answer that is looked after though it is not on top.
    private static final double LEANING = 0.05;

    /// What is kept below this share is lost; what falls this many times has fallen.
    private static final double LOST = 0.5;

    private static final double FALLEN = 2;

    /// An answer of a larger rank is not known.
    private static final int FIRST_RANKS = 10;

    /// Candidates that a report lists.
    private static final int LISTED = 30;

    private static final double PERCENTILE = 0.99;

    private final Decomposition decomposition;
    private final Tokenizer tokenizer;
    private final SportsTable table;
    private final Knowledge knowledge;
    private final Map<String, Question> prompts; // by subject
    private final Set<String> seen;
    private final Finder finder;
    private final Controls controls;

    /// What evidence is taken on.
    ///
    /// @param knowledge what the target knows
    /// @param prompts that were trained on, by subject
    /// @param seen other prompts that finding looked at: no evidence
    /// @param finder that finds the pieces
    Evidence(
            Decomposition decomposition,
            Tokenizer tokenizer,
            SportsTable table,
            Knowledge knowledge,
            Map<String, Question> prompts,
            Set<String> seen,
            Finder finder) {
        this.decomposition = decomposition;
        this.tokenizer = tokenizer;
        this.table = table;
        this.knowledge = knowledge;
        this.prompts = new LinkedHashMap<>(prompts);
        this.seen = Set.copyOf(seen);
        this.finder = finder;
        this.controls = new Controls(decomposition);
    }

    /// A subject's report.
    SubjectReport of(String subject) {
        return Objects.requireNonNull(
                Scopes.run(() -> Scopes.withoutGradient(() -> report(subject))));
    }

    private SubjectReport report(String subject) {
        Question own = Objects.requireNonNull(prompts.get(subject), subject);
        Finder.Found found = finder.find(subject);
        List<SubcomponentId> pieces = found.chosen().parts();
        List<Change> both = List.of(Finder.without(pieces), Finder.without(found.rule()));
        List<Change> one = both.subList(0, 1);

        Inquiry prompt = ask(List.of(own), both);
        Reply before = prompt.before().getFirst();
        Reply after = prompt.after().getFirst().getFirst();
        double fall = before.logProbability() - after.logProbability();

        List<Question> trained =
                prompts.values().stream().filter(each -> !each.equals(own)).toList();
        Inquiry subjects = ask(trained, both);
        boolean onTop = true;
        for (int i = 0; i < trained.size(); i++) {
            onTop &= subjects.after().getFirst().get(i).rank() <= subjects.before().get(i).rank();
        }

        List<Asked> others = others(own, one);
        List<Asked> phrasings = phrasings(own, one);
        List<Asked> reverse = asked(reverse(own), one);
        Map<String, List<Asked>> uses = uses(one);
        List<Asked> capitals = asked(capitals(), one);
        Inquiry text = heldOut(both);
        double[] kl = kl(text, 0);

        List<SubjectReport.Control> controlled =
                controls.of(
                        pieces,
                        finder.active(subject).keySet(),
                        finder.elsewhere(subject),
                        changes -> ask(List.of(own), changes));
        double largest =
                controlled.stream().mapToDouble(each -> Math.abs(each.fall())).max().orElse(0);

        Double othersKept = othersKept(own, others);
        Double sameKept =
                kept(
                        others.stream()
                                .filter(each -> each.before() >= LEANING)
                                .filter(each -> each.answer().equals(own.answer()))
                                .toList());
        Double usesKept = usesKept(own, uses);
        List<Double> falls =
                phrasings.stream()
                        .filter(each -> each.rankBefore() == 1)
                        .map(each -> each.before() / each.after())
                        .sorted()
                        .toList();
        double subjectsKept = smallest(subjects, 0);
        // What the model does not know is nowhere in it.
        boolean nothing = fall < Math.log(FALLEN) || before.rank() > FIRST_RANKS;
        String what = nothing ? "nothing" : what(usesKept, sameKept, falls);
        double mean = mean(kl);
        return new SubjectReport(
                own.topic(),
                own.prompt(),
                pieces.size(),
                pieces.stream().map(SubcomponentId::toString).toList(),
                found.candidates().size(),
                before.probability(),
                after.probability(),
                before.rank(),
                after.rank(),
                subjectsKept,
                onTop,
                othersKept,
                sameKept,
                mean,
                percentile(kl),
                pieces.isEmpty() || fall <= 0 ? null : largest / fall,
                falls.isEmpty() ? null : falls.getFirst(),
                kept(
                        reverse.stream()
                                .filter(each -> each.rankBefore() == 1 || each.before() >= LEANING)
                                .toList()),
                usesKept,
                right(capitals, true),
                right(capitals, false),
                what,
                sentence(own, pieces.size(), before, after, subjectsKept, othersKept, mean, what),
                listed(found).stream().map(each -> piece(each, own)).toList(),
                found.alone().stream().map(Evidence::alone).toList(),
                new SubjectReport.Rule(
                        found.rule().size(),
                        (int) pieces.stream().filter(found.rule()::contains).count(),
                        prompt.after().getLast().getFirst().probability(),
                        smallest(subjects, 1),
                        mean(kl(text, 1))),
                others,
                phrasings,
                reverse,
                uses,
                controlled,
                null);
    }

    /// What changes do, on the axes that baselines are compared on.
    List<SubjectReport.Baseline> baselines(
            String subject, SequencedMap<String, Baselines.Chosen> all) {
        return Objects.requireNonNull(
                Scopes.run(() -> Scopes.withoutGradient(() -> compared(subject, all))));
    }

    private List<SubjectReport.Baseline> compared(
            String subject, SequencedMap<String, Baselines.Chosen> all) {
        Question own = Objects.requireNonNull(prompts.get(subject), subject);
        List<String> kinds = List.copyOf(all.keySet());
        List<Change> changes = all.values().stream().map(Baselines.Chosen::change).toList();
        Inquiry prompt = ask(List.of(own), changes);
        Inquiry subjects =
                ask(prompts.values().stream().filter(each -> !each.equals(own)).toList(), changes);
        Inquiry text = heldOut(changes);
        List<SubjectReport.Baseline> compared = new ArrayList<>();
        for (int i = 0; i < changes.size(); i++) {
            List<Change> one = changes.subList(i, i + 1);
            Reply before = prompt.before().getFirst();
            Reply after = prompt.after().get(i).getFirst();
            compared.add(
                    new SubjectReport.Baseline(
                            kinds.get(i),
                            Objects.requireNonNull(all.get(kinds.get(i))).ids(),
                            after.probability(),
                            after.rank(),
                            before.logProbability() - after.logProbability(),
                            smallest(subjects, i),
                            othersKept(own, others(own, one)),
                            usesKept(own, uses(one)),
                            mean(kl(text, i))));
        }
        return List.copyOf(compared);
    }

    private Inquiry heldOut(List<Change> changes) {
        return Inquiry.of(
                decomposition,
                new QuestionGroup(
                        "held out",
                        texts(
                                SportsTable.lines("held-out.txt"),
                                tokenizer,
                                decomposition.target().maximumLength()),
                        LossesAt.ALL),
                changes);
    }

    private static @Nullable Double othersKept(Question own, List<Asked> others) {
        return kept(
                others.stream()
                        .filter(each -> each.rankBefore() == 1)
                        .filter(each -> !each.answer().equals(own.answer()))
                        .toList());
    }

    private static @Nullable Double usesKept(Question own, Map<String, List<Asked>> uses) {
        return kept(
                uses.getOrDefault(own.topic(), List.of()).stream()
                        .filter(each -> each.rankBefore() == 1)
                        .toList());
    }

    /// The first candidates, and the chosen ones.
    private static List<Finder.Candidate> listed(Finder.Found found) {
        List<Finder.Candidate> all = found.candidates();
        return IntStream.range(0, all.size())
                .filter(i -> i < LISTED || found.chosen().parts().contains(all.get(i).id()))
                .mapToObj(all::get)
                .toList();
    }

    private SubjectReport.Piece piece(Finder.Candidate each, Question own) {
        int[] tokens = tokenizer.encode(own.prompt());
        return new SubjectReport.Piece(
                each.id().toString(),
                each.positions().stream()
                        .filter(position -> position < tokens.length)
                        .map(position -> tokenizer.piece(tokens[position]))
                        .toList(),
                each.fall(),
                each.otherFall());
    }

    private static SubjectReport.Alone alone(Measured<SubcomponentId> each) {
        Harm harm = each.harm();
        return new SubjectReport.Alone(
                each.parts().stream().map(SubcomponentId::toString).toList(),
                harm.fall(),
                harm.rank(),
                harm.otherFall(),
                harm.othersLost(),
                harm.linesLost(),
                harm.textKl());
    }

    private Inquiry ask(List<Question> questions, List<? extends Change> changes) {
        return questions.isEmpty()
                ? new Inquiry(List.of(), changes.stream().map(_ -> List.<Reply>of()).toList())
                : Inquiry.of(
                        decomposition,
                        new QuestionGroup(
                                "questions",
                                questions.stream().map(each -> each.sentence(tokenizer)).toList(),
                                LossesAt.ANSWER),
                        changes);
    }

    private List<Asked> asked(List<Question> questions, List<Change> one) {
        Inquiry inquiry = ask(questions, one);
        List<Asked> asked = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            Reply before = inquiry.before().get(i);
            Reply after = inquiry.after().getFirst().get(i);
            asked.add(
                    new Asked(
                            questions.get(i).prompt(),
                            questions.get(i).answer(),
                            before.probability(),
                            after.probability(),
                            before.rank(),
                            after.rank()));
        }
        return List.copyOf(asked);
    }

    /// The subjects that were not trained on, in the phrasing that was, where the target knows or
    /// leans to the answer.
    private List<Asked> others(Question own, List<Change> one) {
        List<Question> others = new ArrayList<>();
        for (String subject : knowledge.catalogue().subjects()) {
            if (prompts.containsKey(subject)) {
                continue;
            }
            knowledge
                    .reply(subject, own.phrasing())
                    .filter(reply -> reply.onTop() || reply.probability() >= LEANING)
                    .flatMap(_ -> knowledge.catalogue().question(subject, own.phrasing()))
                    .filter(question -> !seen.contains(question.prompt()))
                    .ifPresent(others::add);
        }
        return asked(others, one);
    }

    /// The subject's fact in the phrasings that were not trained on.
    private List<Asked> phrasings(Question own, List<Change> one) {
        return asked(
                knowledge.catalogue().questions().stream()
                        .filter(each -> each.subject().equals(own.subject()))
                        .filter(each -> each.phrasing() != own.phrasing())
                        .toList(),
                one);
    }

    private List<Question> reverse(Question own) {
        if (!knowledge.catalogue().athletes()) {
            return List.of();
        }
        List<Question> reverse = new ArrayList<>();
        table.sports().stream()
                .filter(sport -> sport.sport().equals(own.topic()))
                .forEach(sport ->
                        table.reverse()
                                .forEach(phrasing ->
                                        reverse.add(
                                                new Question(
                                                        own.topic(),
                                                        own.subject(),
                                                        0,
                                                        phrasing.replace(
                                                                "{player}", sport.player()),
                                                        " " + own.subject()))));
        return reverse;
    }

    private List<Question> capitals() {
        List<Question> capitals = new ArrayList<>();
        table.capitals()
                .forEach((country, capital) ->
                        capitals.add(
                                new Question(
                                        country,
                                        capital,
                                        0,
                                        table.capital().replace("{country}", country),
                                        " " + capital)));
        return capitals;
    }

    private Map<String, List<Asked>> uses(List<Change> one) {
        Map<String, List<Asked>> uses = new LinkedHashMap<>();
        if (knowledge.catalogue().athletes()) {
            for (SportsTable.Use use : table.uses()) {
                uses.put(
                        use.word(),
                        asked(
                                use.prompts().stream()
                                        .map(prompt ->
                                                new Question(
                                                        prompt,
                                                        use.word(),
                                                        0,
                                                        prompt,
                                                        " " + use.word()))
                                        .toList(),
                                one));
            }
        }
        return uses;
    }

    /// Lines as sentences, cut where the target's context ends.
    static List<Sentence> texts(List<String> lines, Tokenizer tokenizer, int longest) {
        return lines.stream()
                .map(line -> Sentences.of(tokenizer, line, "", "", Sentence.UNKNOWN).tokens())
                .map(tokens -> tokens.subList(0, Math.min(longest, tokens.size())))
                .map(tokens -> Sentence.of(tokens, Sentence.UNKNOWN))
                .toList();
    }

    private static double[] kl(Inquiry text, int change) {
        return text.after().get(change).stream()
                .flatMap(each -> each.kl().stream())
                .mapToDouble(Double::doubleValue)
                .toArray();
    }

    private static double mean(double... values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum / values.length;
    }

    private static double percentile(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[(int) Math.floor(PERCENTILE * (sorted.length - 1))];
    }

    /// The smallest share of its probability that one of the other subjects keeps.
    private static double smallest(Inquiry subjects, int change) {
        double smallest = Double.POSITIVE_INFINITY;
        for (int i = 0; i < subjects.before().size(); i++) {
            smallest =
                    Math.min(
                            smallest,
                            Math.exp(
                                    subjects.after().get(change).get(i).logProbability()
                                            - subjects.before().get(i).logProbability()));
        }
        return smallest;
    }

    /// The mean share of their probability that answers keep; null where there are none.
    private static @Nullable Double kept(List<Asked> asked) {
        OptionalDouble mean =
                asked.stream()
                        .mapToDouble(each -> Math.min(1, each.after() / each.before()))
                        .average();
        return mean.isPresent() ? mean.getAsDouble() : null;
    }

    private static double right(List<Asked> asked, boolean before) {
        long right =
                asked.stream()
                        .filter(each -> (before ? each.rankBefore() : each.rankAfter()) == 1)
                        .count();
        return (double) right / asked.size();
    }

    /// What the pieces carry. Where the word is lost in other uses too, it is the word. Where it is
    /// not, and others with the same answer lose it, it is the topic; where they keep it, or there
    /// are none, the subject, unless other phrasings keep the answer: then it is this prompt.
    private static String what(
            @Nullable Double usesKept, @Nullable Double sameKept, List<Double> falls) {
        if (usesKept != null && usesKept < LOST) {
            return "word";
        }
        if (sameKept != null && sameKept < LOST) {
            return "topic";
        }
        boolean here =
                !falls.isEmpty() && falls.get(falls.size() / 2) < FALLEN; // the median of the falls
        return here ? "prompt" : "subject";
    }

    private String sentence(
            Question own,
            int pieces,
            Reply before,
            Reply after,
            double subjectsKept,
            @Nullable Double othersKept,
            double textKl,
            String what) {
        int total = decomposition.sites().stream().mapToInt(site -> site.count()).sum();
        return String.format(
                Locale.ROOT,
                "Suppressing %d of %,d subcomponents takes %s after \"%s\" from %s to %s (rank %d to %,d), leaves the other subject %s of its probability%s, and moves held-out text by %s nats a token: what they carry is %s.",
                pieces,
                total,
                own.topic(),
                own.prompt().replace("\n", " / "),
                Tables.percent(before.probability()),
                Tables.percent(after.probability()),
                before.rank(),
                after.rank(),
                Tables.percent(subjectsKept),
                othersKept == null
                        ? ""
                        : " and others with other answers %s".formatted(Tables.percent(othersKept)),
                Tables.loss(textKl),
                what.equals("nothing") ? "nothing of it" : "the " + what);
    }
}
