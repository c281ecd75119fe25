package cleave.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// A run, a prompt and the answer that is asked about; used as a `@Mixin`.
final class AskedPrompt {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run = Path.of("");

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "The text, or token numbers where the model has no tokenizer.")
    private String prompt = "";

    @Option(
            names = "--answer",
            paramLabel = "TOKEN",
            description = "The token after it that is asked about. Default: the most probable.")
    private @Nullable String answer;

    /// The run's directory.
    Path run() {
        return run;
    }

    /// The text, or numbers of tokens.
    String prompt() {
        return prompt;
    }

    /// The token after it; null for the most probable.
    @Nullable String answer() {
        return answer;
    }
}
