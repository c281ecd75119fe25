package cleave.cli;

import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.report.Report;
import cleave.run.ExportedRun;
import cleave.run.GoodfireFile;
import cleave.run.LoadedRun;
import cleave.run.LoadedRun.Kept;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
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
            paramLabel = "DIR",
            description = "Folder of the export, new or empty.")
    private @Nullable Path out;

    @Option(
            names = "--goodfire",
            paramLabel = "FILE",
            description =
                    "In the place of --out: write U, V and importance functions as goodfire's"
                            + " library names them, in safetensors.")
    private @Nullable Path goodfire;

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
        Path place = place();
        try (LoadedRun loaded = LoadedRun.open(run)) {
            long bytes =
                    goodfire == null
                            ? ExportedRun.write(loaded, place, card(loaded), studies)
                            : GoodfireFile.write(loaded, place);
            Kept kept = loaded.kept();
            if (json.enabled()) {
                json.print(
                        new Done(
                                place.toString(),
                                loaded.checkpoint().step(),
                                kept.living(),
                                kept.original(),
                                bytes));
            } else {
                json.text()
                        .printf(
                                "exported: %s (step %d, %d of %d subcomponents, %.1f MB)%n",
                                place,
                                loaded.checkpoint().step(),
                                kept.living(),
                                kept.original(),
                                bytes / 1e6);
            }
        }
        return 0;
    }

    private Path place() {
        if (out != null && goodfire == null) {
            return out;
        }
        if (goodfire == null || out != null) {
            throw new UserError(
                    "export must be given one of --out DIR and --goodfire FILE, got "
                            + (out == null ? "none" : "both"));
        }
        if (Files.exists(goodfire)) {
            throw new UserError("--goodfire must be a new file, got " + goodfire);
        }
        return goodfire;
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
