package cleave.explore;

import cleave.config.UserError;
import cleave.model.Target;
import cleave.run.LoadedRun;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.Optional;

/// A run in memory with its tokenizer, which takes a while to read.
///
/// @param loaded the run
/// @param tokenizer of its target, where it has one
record OpenRun(LoadedRun loaded, Optional<Tokenizer> tokenizer) {

    /// Opens a run.
    ///
    /// @throws UserError when it cannot be opened
    static OpenRun open(Path path) {
        LoadedRun loaded = LoadedRun.open(path);
        try {
            return new OpenRun(loaded, loaded.model().tokenizer());
        } catch (RuntimeException refused) {
            loaded.close();
            throw refused;
        }
    }

    /// The tokens of a text: those of the tokenizer, or the numbers that the text holds where there
    /// is none.
    ///
    /// @throws UserError when the run cannot take them
    int[] tokens(String text) {
        if (loaded.model().target().outputs() != Target.Outputs.LOGITS) {
            throw new UserError("prompt must be for a model of tokens, got one of features");
        }
        int[] ids = tokenizer.map(known -> known.encode(text)).orElseGet(() -> numbers(text));
        int longest =
                Math.min(
                        loaded.model().target().maximumLength(),
                        loaded.decomposition().function().maximumLength());
        if (ids.length < 1 || ids.length > longest) {
            throw new UserError(
                    "prompt must have 1 to %d tokens, got %d".formatted(longest, ids.length));
        }
        return ids;
    }

    private int[] numbers(String text) {
        int tokens = loaded.model().spec().tokens();
        String[] words = text.strip().split("[\\s,]+", -1);
        int[] ids = new int[words.length];
        for (int i = 0; i < ids.length; i++) {
            if (!words[i].matches("[0-9]{1,9}") || Integer.parseInt(words[i]) >= tokens) {
                throw new UserError(
                        "prompt must be token numbers below %d, since this model has no tokenizer, got %s"
                                .formatted(tokens, words[i].isEmpty() ? "nothing" : words[i]));
            }
            ids[i] = Integer.parseInt(words[i]);
        }
        return ids;
    }

    /// A token as text, or its number where it has none.
    String text(int token) {
        return tokenizer
                .filter(known -> token < known.size())
                .map(known -> known.decode(new int[] {token}))
                .orElseGet(() -> Integer.toString(token));
    }
}
