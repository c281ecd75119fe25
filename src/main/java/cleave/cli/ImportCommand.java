package cleave.cli;

import cleave.command.JsonOutput;
import cleave.command.ShellWord;
import cleave.command.Version;
import cleave.config.UserError;
import cleave.run.GoodfireFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave import`: a decomposition that goodfire's library made, as a run.
@Command(
        name = "import",
        description =
                "Read a decomposition of goodfire's library, converted to safetensors, as a run; `export --goodfire` is the way back.")
final class ImportCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "FILE",
            index = "0",
            description = "The state of its ComponentModel as safetensors (docs/python.md).")
    private Path file;

    @Parameters(
            paramLabel = "MODEL",
            index = "1",
            description =
                    "The model that was decomposed: a folder, a GGUF file, or hf:organisation/name[@revision].")
    private Path model;

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder of the run, new or empty.")
    private Path out = Path.of("");

    @Option(
            names = "--prompts",
            paramLabel = "FILE",
            description =
                    "What it is looked at with: a prompt a line, or lines of JSON in a file"
                            + " *.jsonl. Default: random tokens.")
    private @Nullable Path prompts;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "1",
            description = "How many steps it was trained for. Default: ${DEFAULT-VALUE}.")
    private long steps = 1;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints.
    private record Done(
            String out, int sites, int subcomponents, String importance, double missing) {}

    @Override
    public Integer call() throws IOException {
        if (steps < 1) {
            throw new UserError("--steps must be >= 1, got " + steps);
        }
        GoodfireFile.Imported imported =
                GoodfireFile.read(
                        file,
                        model,
                        Optional.ofNullable(prompts),
                        steps,
                        out,
                        Version.program(),
                        command.root().commandLine().getParseResult().originalArgs());
        if (json.enabled()) {
            json.print(
                    new Done(
                            out.toString(),
                            imported.sites(),
                            imported.subcomponents(),
                            imported.importance(),
                            imported.missing()));
        } else {
            json.text()
                    .printf(
                            Locale.ROOT,
                            "imported: %s (%d subcomponents at %d sites, importances by %s;"
                                    + " |W - VU|^2 is %.1e of |W|^2)%n"
                                    + "next: cleave census %s%n",
                            out,
                            imported.subcomponents(),
                            imported.sites(),
                            imported.importance(),
                            imported.missing(),
                            ShellWord.of(out));
        }
        return 0;
    }
}
