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
import java.util.List;
import java.util.Optional;

/// What a model knows of a catalogue.
///
/// @param catalogue what was asked
/// @param replies one for each of its questions, in order
record Knowledge(Catalogue catalogue, List<Reply> replies) {

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
        List<Reply> replies = new ArrayList<>();
        QuestionGroup group =
                new QuestionGroup(
                        "questions",
                        catalogue.questions().stream()
                                .map(each -> each.sentence(tokenizer))
                                .toList(),
                        LossesAt.ANSWER);
        requireFit(target, group);
        // Phrasings differ in length: asked one after the other, no row is padded for another's.
        Reply[] found = new Reply[group.sentences().size()];
        for (int phrasing = 0; phrasing < catalogue.phrasings().size(); phrasing++) {
            List<Integer> places = new ArrayList<>();
            for (int i = 0; i < found.length; i++) {
                if (catalogue.questions().get(i).phrasing() == phrasing) {
                    places.add(i);
                }
            }
            if (places.isEmpty()) {
                continue;
            }
            List<Reply> some =
                    Inquiry.unchanged(
                            target,
                            new QuestionGroup(
                                    "phrasing %d".formatted(phrasing),
                                    places.stream().map(group.sentences()::get).toList(),
                                    LossesAt.ANSWER));
            for (int i = 0; i < some.size(); i++) {
                found[places.get(i)] = some.get(i);
            }
        }
        for (Reply each : found) {
            replies.add(each);
        }
        return new Knowledge(catalogue, List.copyOf(replies));
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
                .map(question -> replies.get(catalogue.questions().indexOf(question)));
    }

    /// Every answer.
    List<Known> known() {
        List<Known> known = new ArrayList<>();
        for (int i = 0; i < replies.size(); i++) {
            Question question = catalogue.questions().get(i);
            known.add(
                    new Known(
                            question.subject(),
                            question.topic(),
                            question.phrasing(),
                            replies.get(i).probability(),
                            replies.get(i).rank()));
        }
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
            long asked =
                    catalogue.questions().stream().filter(q -> q.phrasing() == number).count();
            List<String> row = new ArrayList<>();
            row.add(
                    "%d %s"
                            .formatted(
                                    phrasing,
                                    catalogue.phrasings().get(phrasing).replace("\n", " / ")));
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
