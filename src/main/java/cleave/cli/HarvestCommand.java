package cleave.cli;

import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.command.RankOptions;
import cleave.config.UserError;
import cleave.harvest.Harvest;
import cleave.harvest.HarvestFolder;
import cleave.ranks.Exchange;
import cleave.run.LoadedRun;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave harvest`: gathers what each subcomponent stands for.
@Command(
        name = "harvest",
        description =
                "Gather over text where each subcomponent is on, with which tokens and others.")
final class HarvestCommand implements Callable<Integer> {
    private static final String WHOLE = "1/1";
    private static final Pattern PART = Pattern.compile("([0-9]{1,4})/([0-9]{1,4})");

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--text",
            split = ",",
            paramLabel = "FILE",
            description =
                    "Text files, or folders of .txt, .jsonl (packed as .gz or not) and .parquet files,"
                            + " such as a data set's; a line or a row is a text. Default: the run's own"
                            + " task.")
    private List<Path> text = List.of();

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "100000",
            description = "Go over at most so many tokens. Default: ${DEFAULT-VALUE}.")
    private long tokens;

    @Option(
            names = "--length",
            paramLabel = "N",
            description = "Tokens in a row of text. Default: as in training.")
    private @Nullable Integer length;

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "0.5",
            description =
                    "Importance above which a subcomponent is active. Default: ${DEFAULT-VALUE}.")
    private double threshold;

    @Option(
            names = "--examples",
            paramLabel = "N",
            defaultValue = "12",
            description =
                    "The strongest, and as many ordinary ones, of each subcomponent. Default:"
                            + " ${DEFAULT-VALUE}.")
    private int examples;

    @Option(
            names = "--workers",
            paramLabel = "N",
            defaultValue = "2",
            description = "Threads. Default: ${DEFAULT-VALUE}.")
    private int workers;

    @Option(
            names = "--part",
            paramLabel = "I/N",
            defaultValue = WHOLE,
            description = "Only every N-th slice of the text, from the I-th; to be merged.")
    private String part = "";

    @Option(
            names = "--merge",
            split = ",",
            paramLabel = "DIR",
            description = "Merge parts that were harvested with --part.")
    private List<Path> merge = List.of();

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder to write. Default: RUN/harvest.")
    private @Nullable Path out;

    @Option(names = "--resume", description = "Go on with a harvest that was stopped.")
    private boolean resume;

    @Mixin private final RankOptions ranks = new RankOptions();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        Path folder = out == null ? run.resolve(HarvestFolder.NAME) : out;
        try (LoadedRun loaded = LoadedRun.open(run)) {
            if (merge.isEmpty()) {
                boolean writes =
                        ranks.run(
                                Main.class,
                                () -> {}, // the run has loaded libtorch
                                "what was harvested is saved now and then; the same command with --resume goes on from it, with as many ranks",
                                exchange -> {
                                    harvest(loaded, folder, exchange);
                                    return exchange.writes();
                                });
                if (!writes) {
                    return 0;
                }
            } else {
                Harvest.merge(loaded, merge, folder);
            }
        }
        HarvestFolder.Index index = HarvestFolder.open(folder);
        if (json.enabled()) {
            json.print(index);
        } else {
            json.text()
                    .println(
                            "%d subcomponents over %d tokens in %d rows: %s"
                                    .formatted(
                                            index.pieces(),
                                            index.positions(),
                                            index.rows(),
                                            folder));
        }
        if (index.refused() > 0) {
            command.commandLine()
                    .getErr()
                    .println(
                            "warning: %d lines were left out, since the tokenizer has no tokens for them"
                                    .formatted(index.refused()));
        }
        return 0;
    }

    private void harvest(LoadedRun loaded, Path folder, Exchange exchange) throws IOException {
        Matcher matcher = PART.matcher(part);
        if (!matcher.matches()) {
            throw new UserError("--part must be I/N, got " + part);
        }
        if (exchange.size() > 1 && !part.equals(WHOLE)) {
            throw new UserError(
                    "--part must be absent where %d ranks take a part each, got %s"
                            .formatted(exchange.size(), part));
        }
        Harvest.Settings options =
                new Harvest.Settings(
                        text,
                        tokens,
                        Optional.ofNullable(length),
                        threshold,
                        examples,
                        workers,
                        Integer.parseInt(matcher.group(1)),
                        Integer.parseInt(matcher.group(2)),
                        Duration.ofSeconds(30));
        if (!exchange.writes()) {
            Harvest.run(loaded, options, folder, resume, exchange, _ -> {});
            return;
        }
        long all = tokens / ((long) options.parts() * exchange.size());
        try (LiveLine line =
                new LiveLine(command.commandLine().getErr(), "harvest", "token", 0, all)) {
            Harvest.run(
                    loaded,
                    options,
                    folder,
                    resume,
                    exchange,
                    done -> line.show(done, "%d tokens".formatted(done)));
        }
    }
}
