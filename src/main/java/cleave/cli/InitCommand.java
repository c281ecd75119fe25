package cleave.cli;

import cleave.command.JsonOutput;
import cleave.command.ShellWord;
import cleave.config.UserError;
import cleave.run.FirstConfig;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave init`: a configuration to begin with.
@Command(
        name = "init",
        description =
                "Write a commented configuration with sizes for a model, for `cleave decompose`.")
final class InitCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "MODEL",
            description = "Folder of the model, a GGUF file, or hf:organisation/name[@revision].")
    private Path model;

    @Option(
            names = "--prompts",
            paramLabel = "FILE",
            description =
                    "What to decompose it on: a prompt a line, or lines of JSON in a file *.jsonl.")
    private @Nullable Path prompts;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "The configuration's file, new. Default: the model's name and .yaml.")
    private @Nullable Path out;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    private record Done(String config) {}

    @Override
    public Integer call() throws IOException {
        Path file = out == null ? Path.of(name(model) + ".yaml") : out;
        if (Files.exists(file)) {
            throw UserError.withHints(
                    "configuration must be a new file, got %s".formatted(file),
                    "choose another with --out");
        }
        AtomicFile.write(file, FirstConfig.of(model, Optional.ofNullable(prompts)));
        if (json.enabled()) {
            json.print(new Done(file.toString()));
        } else {
            json.text()
                    .println(
                            "configuration: %s\nnext: cleave decompose %s --plan"
                                    .formatted(file, ShellWord.of(file)));
        }
        return 0;
    }

    /// The last part of a path or of a name on the hub, without what a file name cannot have.
    private static String name(Path model) {
        Path last = model.toAbsolutePath().normalize().getFileName();
        String name = last == null ? "model" : last.toString().replaceFirst("@.*|\\.gguf$", "");
        return name.replaceAll("[^\\w.-]+", "-");
    }
}
