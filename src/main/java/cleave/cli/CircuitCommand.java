package cleave.cli;

import cleave.analysis.Census;
import cleave.analysis.Circuit;
import cleave.run.LoadedRun;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave circuit`: the causal check of the induction circuit.
@Command(
        name = "circuit",
        description =
                "Suppress the subcomponents of each matrix and step and see which attention and"
                        + " accuracy fall.")
final class CircuitCommand implements Callable<Integer> {
    /// Sequences per slice.
    static final int SLICE_ROWS = 64;

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            defaultValue = "2048",
            description = "Sequences of the evaluation stream. Default: 2048.")
    private int sequences;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Census census = CensusCommand.of(loaded, 0.5, sequences);
            Circuit circuit = of(loaded, census);
            if (json.enabled()) {
                json.print(circuit);
            } else {
                json.text().print(CircuitText.of(circuit));
            }
        }
        return 0;
    }

    static Circuit of(LoadedRun run, Census census) {
        return Circuit.of(
                run.decomposition(), run.task(), census, census.sample().sequences(), SLICE_ROWS);
    }
}
