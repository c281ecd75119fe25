package cleave.harvest;

import cleave.config.UserError;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Which text a run is looked at on.
///
/// @param text files and folders of text; none for the run's own task
/// @param tokens the pass ends with the row that reaches so many
/// @param length of the rows; empty for the length of the run's first stream
public record TextChoice(List<Path> text, long tokens, Optional<Integer> length) {
    /// The tokens of a pass where nothing else is asked for.
    public static final int TOKENS = 20_000;

    /// Keeps its own list.
    public TextChoice {
        text = List.copyOf(text);
    }

    /// What is wrong with it, as far as can be told without the run; nothing where all is well.
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (tokens < 1 || tokens > Integer.MAX_VALUE) {
            problems.add("--tokens must be in 1..2147483647, got " + tokens);
        }
        if (length.isPresent() && length.get() < 1) {
            problems.add("--length must be >= 1, got " + length.get());
        }
        if (length.isPresent() && text.isEmpty()) {
            problems.add("--length must come with --text, got %d alone".formatted(length.get()));
        }
        if (!text.isEmpty()) {
            try {
                FileRows.of(text);
            } catch (UserError wrong) {
                problems.add(String.valueOf(wrong.getMessage()));
            }
        }
        return problems;
    }
}
