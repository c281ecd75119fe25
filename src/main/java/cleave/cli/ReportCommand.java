package cleave.cli;

import cleave.analysis.Census;
import cleave.analysis.Circuit;
import cleave.analysis.ToyFigures;
import cleave.analysis.ToySolution;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.report.Report;
import cleave.report.ToyReport;
import cleave.run.LoadedRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave report`: a self-contained page about a run.
@Command(
        name = "report",
        description =
                "Write a self-contained HTML page about a run; no network is needed to view it.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            defaultValue = "2048",
            description = "Sequences of the evaluation stream. Default: 2048.")
    private int sequences;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    private record Done(String report) {}

    @Override
    public Integer call() throws IOException {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Path report =
                    ToySolution.isKnownFor(loaded.model().target()) ? toy(loaded) : page(loaded);
            if (json.enabled()) {
                json.print(new Done(report.toString()));
            } else {
                json.text().println("report: " + report);
            }
        }
        return 0;
    }

    private Path page(LoadedRun loaded) throws IOException {
        Census census = RunCensus.of(loaded, 0.5, sequences);
        Optional<Circuit> circuit =
                Circuit.applies(loaded.decomposition(), loaded.task())
                        ? Optional.of(CircuitCommand.of(loaded, census))
                        : Optional.empty();
        return Report.write(loaded, census, circuit);
    }

    private static Path toy(LoadedRun loaded) throws IOException {
        ToySolution solution = ToySolution.of(loaded.model().target(), Map.of());
        return ToyReport.write(
                loaded, ToyFigures.of(loaded.decomposition(), loaded.task(), solution));
    }
}
