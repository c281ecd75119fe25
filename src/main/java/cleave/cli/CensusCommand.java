package cleave.cli;

import cleave.analysis.Census;
import cleave.command.CensusText;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.run.LoadedRun;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave census`: how many subcomponents a run uses, and how well they stand for the target.
@Command(
        name = "census",
        description =
                "Count a run's subcomponents and measure reconstruction under every kind of mask.")
final class CensusCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "0.5",
            description = "Importance above which a subcomponent is active. Default: 0.5.")
    private double threshold;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            description =
                    "Sequences of the evaluation stream. Default: 2048, or 64 for each sentence"
                            + " of a data file that has fewer than 32.")
    private @Nullable Integer sequences;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Census census =
                    RunCensus.of(loaded, threshold, RunCensus.sequences(sequences, loaded.task()));
            if (json.enabled()) {
                json.print(census);
            } else {
                json.text().print(CensusText.of(census));
            }
        }
        return 0;
    }
}
