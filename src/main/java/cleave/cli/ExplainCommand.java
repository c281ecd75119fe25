package cleave.cli;

import cleave.analysis.Explanation;
import cleave.analysis.PromptRun;
import cleave.command.JsonOutput;
import cleave.command.ShareLine;
import cleave.command.Tables;
import cleave.config.UserError;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `cleave explain`: the few subcomponents that keep the answer to a prompt.
@Command(
        name = "explain",
        description = "Find the few subcomponents that keep the answer to a prompt.")
final class ExplainCommand implements Callable<Integer> {
    @Mixin private final AskedPrompt asked = new AskedPrompt();

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "300",
            description = "Steps of the fit. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(
            names = "--minimality",
            paramLabel = "X",
            description =
                    "How much each subcomponent costs; more leaves fewer. Default: the largest of"
                            + " 0.09 and its halves at which the answer is kept.")
    private @Nullable Double minimality;

    @Option(
            names = "--keep",
            paramLabel = "SHARE",
            defaultValue = "0.9",
            description =
                    "Share of the target's probability to keep under importance, stochastic and"
                            + " rounded masks. Default: ${DEFAULT-VALUE}.")
    private double keep;

    @Option(
            names = "--pieces",
            paramLabel = "N",
            defaultValue = "40",
            description = "Choose at most N subcomponents at positions. Default: ${DEFAULT-VALUE}.")
    private int pieces;

    @Option(
            names = "--no-adversary",
            description =
                    "Fit under stochastic masks alone. What is found is smaller, and may be"
                            + " unfaithful.")
    private boolean alone;

    @Option(
            names = "--attack",
            split = ",",
            paramLabel = "STEPS",
            defaultValue = "20,80,320",
            description =
                    "Tell what a fresh adversary leaves of the answer after so many steps. Default:"
                            + " ${DEFAULT-VALUE}.")
    private List<Integer> attacks = List.of();

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "0",
            description = "Of the draws. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() {
        List<String> problems = new ArrayList<>();
        if (steps < 0) {
            problems.add("--steps must be >= 0, got " + steps);
        }
        if (minimality != null && !(minimality >= 0 && Double.isFinite(minimality))) {
            problems.add("--minimality must be >= 0, got " + minimality);
        }
        if (!(keep > 0 && keep <= 1)) {
            problems.add("--keep must be > 0 and <= 1, got " + keep);
        }
        if (pieces < 1) {
            problems.add("--pieces must be >= 1, got " + pieces);
        }
        if (attacks.stream().anyMatch(each -> each < 0)
                || !attacks.equals(attacks.stream().distinct().sorted().toList())) {
            problems.add("--attack must be growing numbers >= 0, got " + attacks);
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        try (PromptRun opened = PromptRun.open(asked.run());
                ShareLine line = new ShareLine(json.progress(), "explain")) {
            Explanation found =
                    Explanation.of(
                            opened,
                            asked.prompt(),
                            asked.answer(),
                            new Explanation.Settings(
                                    steps, !alone, minimality, keep, pieces, attacks, seed),
                            line);
            if (json.enabled()) {
                json.print(found);
            } else {
                json.text().print(text(found));
            }
        }
        return 0;
    }

    private static String text(Explanation found) {
        Tables members = new Tables(List.of("subcomponent", "position", "token", "importance"));
        for (Explanation.Member member : found.members()) {
            members.row(
                    List.of(
                            member.subcomponent(),
                            Integer.toString(member.position()),
                            "\"%s\"".formatted(found.tokens().get(member.position())),
                            Tables.mean(member.importance())));
        }
        Tables choices =
                new Tables(List.of("choice", "pieces", "importance", "stochastic", "rounded"));
        List<String> head = new ArrayList<>(List.of("choice", "adversary moves"));
        found.choices()
                .getFirst()
                .attacks()
                .forEach(attack -> head.add("adversary " + attack.steps()));
        head.add("plateau");
        Tables attacked = new Tables(head);
        for (Explanation.Choice choice : found.choices()) {
            choices.row(
                    List.of(
                            choice.name(),
                            Integer.toString(choice.pieces()),
                            Tables.percent(choice.importance()),
                            Tables.percent(choice.stochastic()),
                            Tables.percent(choice.rounded())));
            attacked.row(attacks(choice.name(), "everything else", choice.attacks()));
            attacked.row(attacks("", "other subcomponents", choice.others()));
            attacked.row(attacks("", "those that are on", choice.on()));
        }
        return """
        "%s" after the prompt: probability %s

        %s
        Its probability under masks:
        %s
        The least that an adversary leaves of it, in steps:
        %s
        With every subcomponent on and nothing else: %s. No choice keeps more against one who moves all others.
        %s\
        """
                .formatted(
                        found.answer().text(),
                        Tables.percent(found.target()),
                        members,
                        choices,
                        attacked,
                        Tables.percent(found.ceiling()),
                        found.fitted()
                                ? ""
                                : "No adversary took part in the fit, so that what was found may be unfaithful.%n"
                                        .formatted());
    }

    private static List<String> attacks(
            String choice, String moved, List<Explanation.Attack> attacks) {
        List<String> row = new ArrayList<>(List.of(choice, moved));
        attacks.forEach(attack -> row.add(Tables.percent(attack.probability())));
        row.add(Explanation.hasPlateau(attacks) ? "yes" : "no");
        return row;
    }
}
