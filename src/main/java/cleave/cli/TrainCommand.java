package cleave.cli;

import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.config.UserError;
import cleave.run.TargetFile;
import cleave.run.TargetRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave train`: trains a target model.
@Command(
        name = "train",
        description = "Train a target model; writes weights, configuration and a model card.")
final class TrainCommand implements Callable<Integer> {
    @Parameters(paramLabel = "CONFIG", description = "Configuration (docs/reference/run-files.md).")
    private Path config;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder of the model. Default: models/ and the configuration's name.")
    private @Nullable Path folder;

    @Option(
            names = "--set",
            paramLabel = "KEY.PATH=VALUE",
            description = "Set a key of the configuration; may be repeated.")
    private List<String> settings = List.of();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints.
    private record Done(String model, TargetRun.Result result) {}

    @Override
    public Integer call() throws IOException {
        PrintWriter err = command.commandLine().getErr();
        TargetFile file = TargetFile.read(config, settings, note -> err.println("note: " + note));
        String name = String.valueOf(config.getFileName()).replaceFirst("\\.ya?ml$", "");
        Path out = folder == null ? Path.of("models", name) : folder;
        if (Files.exists(out)) {
            throw new UserError(
                    "model folder must be new, got %s\nhint: choose another with --out"
                            .formatted(out));
        }
        String shown =
                "bin/cleave "
                        + String.join(
                                " ", command.root().commandLine().getParseResult().originalArgs());
        TargetRun.Result result;
        try (LiveLine line =
                new LiveLine(command.commandLine().getErr(), "train", 0, file.steps())) {
            result =
                    TargetRun.train(
                            file,
                            out,
                            shown,
                            (step, length, loss) ->
                                    line.show(
                                            step + 1,
                                            String.format(
                                                    Locale.ROOT,
                                                    "length %d  loss %.2e",
                                                    length,
                                                    loss)));
        }
        if (json.enabled()) {
            json.print(new Done(out.toString(), result));
        } else {
            json.text().println(text(result) + "\nmodel: " + out);
        }
        return 0;
    }

    private static String text(TargetRun.Result result) {
        return switch (result) {
            case TargetRun.Tokens tokens ->
                    String.format(
                            Locale.ROOT,
                            "accuracy %.4f %% of %d fresh sequences",
                            100 * tokens.accuracy(),
                            tokens.sequences());
            case TargetRun.Text text ->
                    String.format(
                            Locale.ROOT,
                            "%s%.2f %% of the training text's tokens are on top",
                            text.heldOut() == null ? "" : text.heldOut().text(),
                            100 * text.accuracy());
            case TargetRun.Values values ->
                    String.format(
                            Locale.ROOT,
                            "mean squared error %.3e on %d fresh examples",
                            values.meanSquaredError(),
                            values.sequences());
        };
    }
}
