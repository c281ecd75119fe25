package cleave.cli;

import cleave.command.JsonOutput;
import cleave.hub.ModelFiles;
import cleave.hub.ModelSummary;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave model`: what a model is.
@Command(
        name = "model",
        description = "Show what a model is: family, parameters, sites, tokenizer, memory.",
        subcommands = ModelConvertCommand.class)
final class ModelCommand implements Callable<Integer> {
    // Not required by the library, so that subcommands need no model of this command's.
    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "MODEL",
            description = "Folder of the model, a GGUF file, or hf:organisation/name[@revision].")
    private @Nullable Path place;

    @Spec private CommandSpec command;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() throws IOException {
        if (place == null) {
            throw new ParameterException(
                    command.commandLine(), "Missing required parameter: 'MODEL'");
        }
        ModelSummary summary = ModelSummary.of(ModelFiles.of(place));
        if (json.enabled()) {
            json.print(summary);
        } else {
            show(summary, json.text());
        }
        return 0;
    }

    private static void show(ModelSummary model, PrintWriter out) {
        out.println("model       " + model.file());
        out.println("family      " + model.family());
        line(
                out,
                "parameters  %,d in %d tensors (%s)",
                model.parameters(),
                model.tensors(),
                model.kinds().entrySet().stream()
                        .map(kind -> kind.getKey() + " " + kind.getValue())
                        .collect(Collectors.joining(", ")));
        line(
                out,
                "memory      %,.1f MB in float32, %,.1f MB in the file",
                model.float32Bytes() / 1e6,
                model.fileBytes() / 1e6);
        out.println("tokenizer   " + model.tokenizer());
        model.specialTokens()
                .forEach((name, token) -> out.println("            %s %s".formatted(name, token)));
        out.flush();
    }

    private static void line(PrintWriter out, String format, Object... values) {
        out.println(String.format(Locale.ROOT, format, values));
    }
}
