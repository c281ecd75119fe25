package cleave.cli;

import cleave.analysis.Census;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.config.UserError;
import cleave.report.Report;
import cleave.run.LoadedRun;
import cleave.run.RunDirectory;
import cleave.study.Study;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
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
            description =
                    "Sequences of the evaluation stream. Default: 2048, or 64 for each sentence"
                            + " of a data file that has fewer than 32.")
    private @Nullable Integer sequences;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "The page's file. Default: RUN/report.html.")
    private @Nullable Path out;

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
        Path file = out == null ? RunDirectory.open(run).reportFile() : out;
        requireWritable(file);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            AtomicFile.writeBesideOthers(file, page(loaded));
            if (json.enabled()) {
                json.print(new Done(file.toString()));
            } else {
                json.text().println("report: " + file);
            }
        }
        return 0;
    }

    /// The work takes minutes; a page that has no place is refused before it.
    private void requireWritable(Path file) {
        try {
            AtomicFile.requireWritable(file);
        } catch (IOException refused) {
            String message =
                    "report must go to a file that can be written, got " + refused.getMessage();
            throw out == null
                    ? UserError.withHints(message, "--out FILE writes it elsewhere")
                    : new UserError(message, refused);
        }
    }

    private String page(LoadedRun loaded) {
        for (Study study : studies) {
            Optional<String> own = study.page(loaded);
            if (own.isPresent()) {
                return own.get();
            }
        }
        Census census = RunCensus.of(loaded, 0.5, RunCensus.sequences(sequences, loaded.task()));
        return Report.html(
                Report.of(
                        loaded,
                        census,
                        studies.stream()
                                .flatMap(study -> study.addition(loaded, census).stream())
                                .toList()));
    }
}
