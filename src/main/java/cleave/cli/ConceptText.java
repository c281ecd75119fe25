package cleave.cli;

import cleave.analysis.AnswerEffect;
import cleave.analysis.Concept;
import cleave.analysis.Concept.Active;
import cleave.analysis.SubcomponentId;
import cleave.analysis.TextRun;
import cleave.command.Tables;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// A concept as text.
final class ConceptText {
    private static final int SHOWN = 20;

    private ConceptText() {}

    static String of(Concept concept, TextRun run) {
        List<String> answer = run.shown(ids(concept.answerTokens()));
        List<String> tokens = new ArrayList<>(run.shown(ids(concept.tokens())));
        int prompt = tokens.size();
        // What comes before the answer's last token is read as the prompt is.
        tokens.addAll(answer.subList(0, answer.size() - 1));
        StringBuilder text = new StringBuilder();
        text.append(
                "answer %s after %d tokens, %d active subcomponents, %d suppressed%n%n"
                        .formatted(
                                answer.size() == 1
                                        ? answer.getFirst()
                                        : "%s (%s)"
                                                .formatted(
                                                        answer.getFirst(),
                                                        String.join(" ", answer)),
                                prompt,
                                concept.active().size(),
                                concept.chosen().size()));
        text.append(counts(concept, tokens)).append(System.lineSeparator());
        text.append(ranking(concept, tokens));
        if (concept.active().size() > SHOWN) {
            text.append("and %d more%n".formatted(concept.active().size() - SHOWN));
        }
        text.append(
                "suppressed: %s%n%n"
                        .formatted(
                                concept.chosen().isEmpty()
                                        ? "none, no candidate lowers the answer"
                                        : concept.chosen().stream()
                                                .map(SubcomponentId::toString)
                                                .collect(Collectors.joining(","))));
        text.append(
                "probability %s; suppressed where active %s, everywhere %s, in the weights %s%n"
                        .formatted(
                                Tables.percent(concept.before()),
                                Tables.percent(concept.after().active()),
                                Tables.percent(concept.after().everywhere()),
                                Tables.percent(concept.after().edited())));
        text.append(
                "masks everywhere and edited weights differ by at most %s in a logit%n%n"
                        .formatted(Tables.loss(concept.maskedToEdited())));
        text.append(effects(concept)).append(System.lineSeparator());
        return text.append(controls(concept)).toString();
    }

    private static int[] ids(List<Integer> tokens) {
        return tokens.stream().mapToInt(Integer::intValue).toArray();
    }

    private static Tables counts(Concept concept, List<String> tokens) {
        List<String> head = new ArrayList<>(List.of("active at"));
        head.addAll(tokens);
        Tables table = new Tables(head);
        SortedMap<String, int[]> counts = new TreeMap<>();
        for (Active each : concept.active()) {
            int[] at =
                    counts.computeIfAbsent(each.subcomponent().site(), _ -> new int[tokens.size()]);
            each.positions().forEach(t -> at[t]++);
        }
        counts.forEach((site, at) -> {
            List<String> row = new ArrayList<>(List.of(site));
            for (int count : at) {
                row.add(Integer.toString(count));
            }
            table.row(row);
        });
        return table;
    }

    private static Tables ranking(Concept concept, List<String> tokens) {
        Tables table =
                new Tables(
                        List.of(
                                "subcomponent",
                                "effect alone, nats",
                                "importance",
                                "other prompts",
                                "suppressed",
                                "active at"));
        concept.active().stream()
                .limit(SHOWN)
                .forEach(each ->
                        table.row(
                                List.of(
                                        each.subcomponent().toString(),
                                        String.format(Locale.ROOT, "%.4f", each.effect()),
                                        Tables.mean(each.importance()),
                                        Tables.percent(each.share()),
                                        concept.chosen().contains(each.subcomponent()) ? "yes" : "",
                                        String.join(
                                                " ",
                                                each.positions().stream()
                                                        .map(tokens::get)
                                                        .toList()))));
        return table;
    }

    private static Tables effects(Concept concept) {
        Tables table =
                new Tables(
                        List.of(
                                "suppressed",
                                "asked",
                                "before",
                                "after",
                                "median ratio",
                                "top unchanged",
                                "KL"));
        for (AnswerEffect each : concept.effects()) {
            table.row(
                    List.of(
                            each.group(),
                            Integer.toString(each.questions()),
                            Tables.percent(each.before()),
                            Tables.percent(each.after()),
                            ratio(each.ratio()),
                            Tables.percent(each.unchanged()),
                            Tables.loss(each.kl())));
        }
        return table;
    }

    private static Tables controls(Concept concept) {
        Tables table =
                new Tables(
                        List.of("in their place", "draw", "pieces", "after", "ratio", "KL, other"));
        for (Concept.Control each : concept.controls()) {
            AnswerEffect own = each.effects().getFirst();
            table.row(
                    List.of(
                            name(each.kind()),
                            Integer.toString(each.draw()),
                            Integer.toString(each.count()),
                            Tables.percent(own.after()),
                            ratio(own.ratio()),
                            each.effects().size() > 1
                                    ? Tables.loss(each.effects().getLast().kl())
                                    : ""));
        }
        return table;
    }

    private static String name(Concept.Kind kind) {
        return switch (kind) {
            case ACTIVE_ELSEWHERE -> "active elsewhere";
            case INACTIVE -> "inactive";
            case SINGULAR -> "singular directions";
        };
    }

    private static String ratio(double value) {
        return String.format(Locale.ROOT, "%.3g", value);
    }
}
