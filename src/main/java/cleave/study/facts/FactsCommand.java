package cleave.study.facts;

import cleave.analysis.Quartiles;
import cleave.analysis.TextRun;
import cleave.command.ConceptOptions;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.study.facts.FactEffects.FactEffect;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave facts`: what suppressing each athlete's own subcomponents does, as one table.
@Command(
        name = "facts",
        description = "Suppress every athlete's sport in turn, and see what else moves.")
final class FactsCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "RUN",
            description = "Run directory, of the facts model or another GPT-2.")
    private Path run;

    @Option(
            names = "--only",
            paramLabel = "NAME",
            description = "Only athletes whose name holds this, or of this sport.")
    private @Nullable String only;

    @Option(
            names = "--at-name",
            description = "Choose only subcomponents active at a token of the athlete's name.")
    private boolean atName;

    @Mixin private final ConceptOptions options = new ConceptOptions();
    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        options.settings(List.of());
        try (TextRun opened = TextRun.open(run)) {
            FactEffects effects =
                    AskableFacts.effects(
                            opened,
                            AskableFacts.asked(opened, run, options.settings(List.of()).at(), only),
                            options.settings(List.of()),
                            atName,
                            done ->
                                    command.commandLine()
                                            .getErr()
                                            .println(
                                                    "%s: %s -> %s"
                                                            .formatted(
                                                                    done.athlete(),
                                                                    Tables.percent(done.before()),
                                                                    Tables.percent(done.after()))));
            if (json.enabled()) {
                json.print(effects);
            } else {
                json.text().print(text(effects));
            }
            if (!opened.loaded().directory().isExported()) {
                FactsFile.write(opened.loaded(), effects, options.settings(List.of()), atName);
            }
        }
        return 0;
    }

    private static String text(FactEffects effects) {
        Tables table =
                new Tables(
                        List.of(
                                "athlete",
                                "sport",
                                "suppressed",
                                "before",
                                "after",
                                "fall",
                                "same sport",
                                "others",
                                "reverse",
                                "KL, other text",
                                "elsewhere",
                                "inactive",
                                "singular"));
        for (FactEffect each : effects.facts()) {
            table.row(
                    List.of(
                            each.athlete(),
                            each.sport(),
                            "%d of %d".formatted(each.chosen(), each.active()),
                            Tables.percent(each.before()),
                            Tables.percent(each.after()),
                            times(each.fall()),
                            share(each.sameSport()),
                            share(each.otherSports()),
                            share(each.reverse()),
                            Tables.loss(each.sideEffect()),
                            share(each.elsewhere()),
                            share(each.inactive()),
                            share(each.singular())));
        }
        FactEffects.Summary summary = effects.summary();
        Tables medians = new Tables(List.of("", "median", "a quarter below", "a quarter above"));
        row(medians, "fall of the answer's probability, times", summary.fall());
        row(medians, "other athletes unchanged, share", summary.specificity());
        row(medians, "reverse questions unchanged, share", summary.reverse());
        row(medians, "KL on other text, nats", summary.sideEffect());
        row(medians, "subcomponents suppressed", summary.chosen());
        row(medians, "change by those active elsewhere, share", summary.elsewhere());
        row(medians, "change by inactive ones, share", summary.inactive());
        row(medians, "change by singular directions, share", summary.singular());
        return "%s%n%s%nof %d facts, %s leave every other athlete's top answer and %s every reverse answer as it was%n"
                .formatted(
                        table,
                        medians,
                        summary.facts(),
                        Tables.percent(summary.wholly()),
                        Tables.percent(summary.reverseWholly()));
    }

    private static void row(Tables table, String name, Quartiles figures) {
        table.row(
                List.of(
                        name,
                        number(figures.median()),
                        number(figures.lower()),
                        number(figures.upper())));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.3g", value);
    }

    private static String times(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }

    private static String share(double value) {
        return String.format(Locale.ROOT, "%.0f %%", 100 * value);
    }
}
