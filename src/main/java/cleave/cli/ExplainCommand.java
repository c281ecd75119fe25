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
            defaultValue = "0.09",
            description =
                    "How much each subcomponent costs; more leaves fewer. Default:"
                            + " ${DEFAULT-VALUE}.")
    private double minimality;

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
        if (!(minimality >= 0 && Double.isFinite(minimality))) {
            problems.add("--minimality must be >= 0, got " + minimality);
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
                            new Explanation.Settings(steps, !alone, minimality, attacks, seed),
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
        List<String> head =
                new ArrayList<>(List.of("choice", "pieces", "importance", "stochastic", "rounded"));
        found.choices()
                .getFirst()
                .attacks()
                .forEach(attack -> head.add("adversary " + attack.steps()));
        head.add("plateau");
        Tables choices = new Tables(head);
        for (Explanation.Choice choice : found.choices()) {
            List<String> row =
                    new ArrayList<>(
                            List.of(
                                    choice.name(),
                                    Integer.toString(choice.pieces()),
                                    Tables.percent(choice.importance()),
                                    Tables.percent(choice.stochastic()),
                                    Tables.percent(choice.rounded())));
            choice.attacks().forEach(attack -> row.add(Tables.percent(attack.probability())));
            row.add(choice.plateau() ? "yes" : "no");
            choices.row(row);
        }
        return """
        "%s" after the prompt: probability %s

        %s
        Its probability under masks:
        %s%s\
        """
                .formatted(
                        found.answer().text(),
                        Tables.percent(found.target()),
                        members,
                        choices,
                        found.fitted()
                                ? ""
                                : "%nNo adversary took part in the fit, so that what was found may be unfaithful.%n"
                                        .formatted());
    }
}
