package cleave.analysis;

import cleave.config.UserError;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Target;
import cleave.run.LoadedRun;
import cleave.tensor.Tensors;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/// A run in memory that is given prompts, with its tokenizer, which takes a while to read.
///
/// @param loaded the run
/// @param tokenizer of its target, where it has one
public record PromptRun(LoadedRun loaded, Optional<Tokenizer> tokenizer) implements AutoCloseable {

    /// Opens a run.
    ///
    /// @throws UserError when it cannot be opened
    public static PromptRun open(Path path) {
        LoadedRun loaded = LoadedRun.open(path);
        try {
            return new PromptRun(loaded, loaded.model().tokenizer());
        } catch (RuntimeException refused) {
            loaded.close();
            throw refused;
        }
    }

    /// The tokens of a text: those of the tokenizer, or the numbers that the text holds where there
    /// is none.
    ///
    /// @throws UserError when the run cannot take them
    public int[] tokens(String text) {
        if (loaded.model().target().outputs() != Target.Outputs.LOGITS) {
            throw new UserError("prompt must be for a model of tokens, got one of features");
        }
        int[] ids = tokenizer.map(known -> known.encode(text)).orElseGet(() -> numbers(text));
        int longest = longest();
        if (ids.length < 1 || ids.length > longest) {
            throw new UserError(
                    "prompt must have 1 to %d tokens, got %d".formatted(longest, ids.length));
        }
        return ids;
    }

    /// How many tokens the model and the importance function take at most.
    public int longest() {
        return Math.min(
                loaded.model().target().maximumLength(),
                loaded.decomposition().function().maximumLength());
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
    public String text(int token) {
        return tokenizer
                .filter(known -> token < known.size())
                .map(known -> known.decode(new int[] {token}))
                .orElseGet(() -> Integer.toString(token));
    }

    /// The one token of an answer to a prompt.
    ///
    /// @param prompt what stands before it
    /// @param answer as text, or the token's number where the model has no tokenizer
    /// @throws UserError when it is not one token
    public int answer(String prompt, String answer) {
        int[] ids;
        if (tokenizer.isPresent()) {
            int[] before = tokens(prompt);
            int[] all = tokenizer.get().encode(prompt + answer);
            if (all.length < before.length
                    || !Arrays.equals(Arrays.copyOf(all, before.length), before)) {
                throw new UserError(
                        "answer must begin between tokens, got \"%s\", which the prompt's end is cut together with\nhint: an answer usually begins with a space, and a prompt ends without one"
                                .formatted(answer));
            }
            ids = Arrays.copyOfRange(all, before.length, all.length);
        } else {
            ids = tokens(answer);
        }
        if (ids.length != 1) {
            throw new UserError(
                    "answer must be one token, got %d: %s"
                            .formatted(
                                    ids.length, Arrays.stream(ids).mapToObj(this::text).toList()));
        }
        return ids[0];
    }

    /// One sequence, compared at all positions.
    public static Batch batch(int... ids) {
        return new Batch(
                "given",
                0,
                Tensors.of(Arrays.stream(ids).asLongStream().toArray(), 1, ids.length),
                null,
                new LossPositions(
                        Tensors.of(
                                IntStream.range(0, ids.length).asLongStream().toArray(),
                                1,
                                ids.length),
                        null));
    }

    @Override
    public void close() {
        loaded.close();
    }
}
