package cleave.cli;

import cleave.analysis.SubcomponentId;
import cleave.analysis.Suppression;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.run.LoadedRun;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave suppress`: the output of one sequence before and after suppressing subcomponents.
@Command(
        name = "suppress",
        description = "Suppress subcomponents on a sequence and compare the output.")
final class SuppressCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--subcomponents",
            required = true,
            paramLabel = "SITE:INDEX,...",
            description = "What to suppress; indices count from 0.")
    private String subcomponents = "";

    @Option(
            names = "--at",
            split = ",",
            paramLabel = "POSITION",
            description = "Positions, counted from 0. Default: all.")
    private List<Integer> positions = List.of();

    @Option(
            names = "--tokens",
            required = true,
            split = ",",
            paramLabel = "TOKEN",
            description = "The sequence as token ids, such as 0,17,129,5,44,129.")
    private List<Long> tokens = List.of();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Suppression suppression =
                    Suppression.of(
                            loaded.decomposition(),
                            SubcomponentId.parse(subcomponents, loaded.decomposition()),
                            positions,
                            tokens.stream().mapToLong(Long::longValue).toArray());
            if (json.enabled()) {
                json.print(suppression);
            } else {
                json.text().print(text(suppression));
            }
        }
        return 0;
    }

    private static String text(Suppression suppression) {
        Tables table = new Tables(List.of("token", "before", "after"));
        for (Suppression.TokenProbability token : suppression.top()) {
            table.row(
                    List.of(
                            Long.toString(token.token()),
                            Tables.percent(token.before()),
                            Tables.percent(token.after())));
        }
        Tables importances = new Tables(List.of("subcomponent", "importance by position"));
        for (Suppression.Importance importance : suppression.importances()) {
            importances.row(
                    List.of(
                            importance.subcomponent().toString(),
                            importance.byPosition().stream()
                                    .map(Tables::mean)
                                    .collect(Collectors.joining(" "))));
        }
        return "%sKL from the output before: %s nats%n%n%s"
                .formatted(table, Tables.loss(suppression.kl()), importances);
    }
}
