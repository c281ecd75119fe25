package cleave.cli;

import cleave.harvest.TextChoice;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The text that runs are looked at on; used as a `@Mixin`.
final class AskedText {
    @Option(
            names = "--text",
            split = ",",
            paramLabel = "FILE",
            description =
                    "Text files, or folders of .txt, .jsonl and .parquet files; a line or a row is"
                            + " a text. Default: the run's own task.")
    private List<Path> text = List.of();

    @Option(
            names = "--tokens",
            paramLabel = "N",
            description = "Go over at most so many tokens. Default: ${DEFAULT-VALUE}.",
            defaultValue = "" + TextChoice.TOKENS)
    private long tokens;

    @Option(
            names = "--length",
            paramLabel = "N",
            description = "Tokens in a row of text. Default: as in training.")
    private @Nullable Integer length;

    /// What was asked for.
    TextChoice choice() {
        return new TextChoice(text, tokens, Optional.ofNullable(length));
    }
}
