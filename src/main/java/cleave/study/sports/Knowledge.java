package cleave.study.sports;

import cleave.analysis.Inquiry;
import cleave.analysis.Inquiry.Reply;
import cleave.analysis.QuestionGroup;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Predicate;

/// What a model knows of a catalogue.
///
/// @param catalogue what was asked, or some of it
/// @param replies by question, in the catalogue's order
record Knowledge(Catalogue catalogue, SequencedMap<Question, Reply> replies) {

    /// Characters of a phrasing in the table.
    private static final int WORDING = 36;

    /// One answer.
    ///
    /// @param subject whom it is about
    /// @param topic the answer's word
    /// @param phrasing number of its wording
    /// @param probability of the answer
    /// @param rank among all tokens, 1 for the most probable
    record Known(String subject, String topic, int phrasing, double probability, int rank) {}

    /// Asks a model everything.
    ///
    /// @throws UserError when it has no tokens for the questions, or too short a context
    static Knowledge of(Target target, Tokenizer tokenizer, Catalogue catalogue) {
        return of(target, tokenizer, catalogue, _ -> true);
    }

    /// Asks a model some of the questions.
    ///
    /// @param wanted which
    /// @throws UserError when it has no tokens for the questions, or too short a context
    static Knowledge of(
            Target target, Tokenizer tokenizer, Catalogue catalogue, Predicate<Question> wanted) {
        Map<Question, Reply> found = new HashMap<>();
        // Phrasings differ in length: asked one after the other, no row is padded for another's.
        for (int phrasing = 0; phrasing < catalogue.phrasings().size(); phrasing++) {
            int number = phrasing;
            List<Question> some =
                    catalogue.questions().stream()
                            .filter(each -> each.phrasing() == number)
                            .filter(wanted)
                            .toList();
            if (some.isEmpty()) {
                continue;
            }
            QuestionGroup group =
                    new QuestionGroup(
                            "phrasing %d".formatted(phrasing),
                            some.stream().map(each -> each.sentence(tokenizer)).toList(),
                            LossesAt.ANSWER);
            requireFit(target, group);
            List<Reply> replies = Inquiry.unchanged(target, group);
            for (int i = 0; i < some.size(); i++) {
                found.put(some.get(i), replies.get(i));
            }
        }
        SequencedMap<Question, Reply> ordered = new LinkedHashMap<>();
        for (Question each : catalogue.questions()) {
            Reply reply = found.get(each);
            if (reply != null) {
                ordered.put(each, reply);
            }
        }
        return new Knowledge(catalogue, Collections.unmodifiableSequencedMap(ordered));
    }

    private static void requireFit(Target target, QuestionGroup group) {
        int longest =
                group.sentences().stream().mapToInt(each -> each.tokens().size()).max().orElse(0);
        if (longest > target.maximumLength()) {
            throw new UserError(
                    "model's context must be >= %d tokens to ask the questions, got %d"
                            .formatted(longest, target.maximumLength()));
        }
    }

    /// The answer about a subject in a phrasing; empty where it was not asked.
    Optional<Reply> reply(String subject, int phrasing) {
        return catalogue
                .question(subject, phrasing)
                .flatMap(question -> Optional.ofNullable(replies.get(question)));
    }

    /// Every answer.
    List<Known> known() {
        List<Known> known = new ArrayList<>();
        replies.forEach((question, reply) ->
                known.add(
                        new Known(
                                question.subject(),
                                question.topic(),
                                question.phrasing(),
                                reply.probability(),
                                reply.rank())));
        return known;
    }

    /// How many subjects have their answer on top in a phrasing.
    long onTop(int phrasing) {
        return known().stream()
                .filter(each -> each.phrasing() == phrasing && each.rank() == 1)
                .count();
    }

    /// The phrasing in which the least probable of these subjects' answers is most probable, of
    /// those in which all are on top where there are any.
    ///
    /// @throws UserError when no phrasing asks about all of them
    int best(List<String> subjects) {
        int best = -1;
        boolean bestOnTop = false;
        double bestLeast = -1;
        for (int phrasing = 0; phrasing < catalogue.phrasings().size(); phrasing++) {
            int number = phrasing;
            List<Reply> some =
                    subjects.stream().flatMap(each -> reply(each, number).stream()).toList();
            if (some.size() < subjects.size()) {
                continue;
            }
            boolean onTop = some.stream().allMatch(Reply::onTop);
            double least = some.stream().mapToDouble(Reply::probability).min().orElse(0);
            if ((onTop && !bestOnTop) || (onTop == bestOnTop && least > bestLeast)) {
                best = phrasing;
                bestOnTop = onTop;
                bestLeast = least;
            }
        }
        if (best < 0) {
            throw new UserError(
                    "subjects must have a phrasing in common, got none (%s)"
                            .formatted(String.join(", ", subjects)));
        }
        return best;
    }

    /// Of each phrasing how many answers are on top, and those of some subjects.
    String text(List<String> subjects) {
        List<String> head = new ArrayList<>(List.of("phrasing", "on top"));
        head.addAll(subjects);
        Tables table = new Tables(head);
        for (int phrasing = 0; phrasing < catalogue.phrasings().size(); phrasing++) {
            int number = phrasing;
            long asked = catalogue.questions().stream().filter(q -> q.phrasing() == number).count();
            List<String> row = new ArrayList<>();
            row.add(
                    "%d %s"
                            .formatted(
                                    phrasing,
                                    SportsText.shortened(
                                            catalogue
                                                    .phrasings()
                                                    .get(phrasing)
                                                    .replace("\n", " / "),
                                            WORDING)));
            row.add("%d of %d".formatted(onTop(phrasing), asked));
            for (String subject : subjects) {
                row.add(
                        reply(subject, phrasing)
                                .map(each ->
                                        Tables.percent(each.probability())
                                                + (each.onTop()
                                                        ? ""
                                                        : " (rank %d)".formatted(each.rank())))
                                .orElse("-"));
            }
            table.row(row);
        }
        return table.toString();
    }
}
