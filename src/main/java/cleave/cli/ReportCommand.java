package cleave.cli;

import cleave.analysis.Census;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.report.Report;
import cleave.run.LoadedRun;
import cleave.study.Study;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
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

    private final List<Study> studies;

    /// @param studies that may add to the page, or have one of their own
    ReportCommand(List<Study> studies) {
        this.studies = studies;
    }

    /// What `--json` prints.
    private record Done(String report) {}

    @Override
    public Integer call() throws IOException {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Path report = page(loaded);
            if (json.enabled()) {
                json.print(new Done(report.toString()));
            } else {
                json.text().println("report: " + report);
            }
        }
        return 0;
    }

    private Path page(LoadedRun loaded) throws IOException {
        for (Study study : studies) {
            Optional<Path> own = study.page(loaded);
            if (own.isPresent()) {
                return own.get();
            }
        }
        Census census = RunCensus.of(loaded, 0.5, sequences);
        return Report.write(
                loaded,
                census,
                studies.stream()
                        .flatMap(study -> study.addition(loaded, census).stream())
                        .toList());
    }
}
