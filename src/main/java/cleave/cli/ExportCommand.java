package cleave.cli;

import cleave.command.JsonOutput;
import cleave.report.Report;
import cleave.run.ExportedRun;
import cleave.run.LoadedRun;
import cleave.run.LoadedRun.Kept;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave export`: a run as others get it.
@Command(
        name = "export",
        description =
                "Write a run for others to read: whole with its target and records, without what training needs.")
final class ExportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder of the export, new or empty.")
    private Path out = Path.of("");

    @Mixin private final JsonOutput json = new JsonOutput();

    private final List<String> studies;

    /// @param studies names of the files that studies keep in a run
    ExportCommand(List<String> studies) {
        this.studies = studies;
    }

    /// What `--json` prints.
    private record Done(String out, long step, int subcomponents, int original, long bytes) {}

    @Override
    public Integer call() throws IOException {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            long bytes = ExportedRun.write(loaded, out, card(loaded), studies);
            Kept kept = loaded.kept();
            if (json.enabled()) {
                json.print(
                        new Done(
                                out.toString(),
                                loaded.checkpoint().step(),
                                kept.living(),
                                kept.original(),
                                bytes));
            } else {
                json.text()
                        .printf(
                                "exported: %s (step %d, %d of %d subcomponents, %.1f MB)%n",
                                out,
                                loaded.checkpoint().step(),
                                kept.living(),
                                kept.original(),
                                bytes / 1e6);
            }
        }
        return 0;
    }

    private static String card(LoadedRun loaded) {
        Kept kept = loaded.kept();
        return """
        # A decomposition of %s

        A run of Cleave at step %d of %d: %s. The target lies under
        `target`. Every command takes this folder as it takes a run, here DIR:

            bin/cleave census DIR
            bin/cleave verdict DIR
            bin/cleave report DIR

        It cannot be resumed; `bin/cleave decompose CONFIG --from DIR` begins a new run from it.

        Made by

        %s
        """
                .formatted(
                        loaded.targetName(),
                        loaded.checkpoint().step(),
                        loaded.file().steps(),
                        kept.living() == kept.original()
                                ? "%d subcomponents".formatted(kept.original())
                                : "%d of %d subcomponents left, the others merged"
                                        .formatted(kept.living(), kept.original()),
                        Report.commands(loaded).stream()
                                .map(line -> "    " + line)
                                .collect(Collectors.joining("\n")));
    }
}
