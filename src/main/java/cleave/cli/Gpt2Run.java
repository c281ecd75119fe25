package cleave.cli;

import cleave.facts.FactTable;
import cleave.facts.Statement;
import cleave.run.LoadedRun;
import cleave.run.ModelSpec;
import cleave.target.Sentence;
import cleave.text.CompactVocabulary;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A run on a GPT-2, as the commands that ask it for answers open it.
///
/// @param loaded the run
/// @param tokenizer of its target
record Gpt2Run(LoadedRun loaded, Tokenizer tokenizer) implements AutoCloseable {

    /// Opens a run.
    ///
    /// @throws IllegalArgumentException when its target is not a GPT-2 or has no tokenizer
    static Gpt2Run open(Path run) {
        LoadedRun loaded = LoadedRun.open(run);
        try {
            return of(loaded, run);
        } catch (RuntimeException refused) {
            loaded.close();
            throw refused;
        }
    }

    /// An open run.
    ///
    /// @throws IllegalArgumentException when its target is not a GPT-2 or has no tokenizer
    static Gpt2Run of(LoadedRun loaded, Path run) {
        requireGpt2(loaded, run);
        return new Gpt2Run(
                loaded,
                loaded.model()
                        .tokenizer()
                        .orElseThrow(() ->
                                new IllegalArgumentException(
                                        "run's target must have a tokenizer, got none (%s)"
                                                .formatted(run))));
    }

    /// Refuses a run whose target is another model.
    static void requireGpt2(LoadedRun loaded, Path run) {
        if (!(loaded.model().spec() instanceof ModelSpec.Gpt2)) {
            throw new IllegalArgumentException(
                    "run's target must be a GPT-2, got %s (%s)"
                            .formatted(loaded.model().spec().getClass().getSimpleName(), run));
        }
    }

    /// A prompt and its answer as tokens.
    ///
    /// @throws IllegalArgumentException when the answer is not one token or the prompt is too long
    Sentence sentence(String prompt, String answer) {
        int[] before = tokenizer.encode(prompt);
        int[] all = tokenizer.encode(prompt + answer);
        int longest = loaded.model().target().maximumLength();
        int positions = loaded.decomposition().function().maximumLength();
        if (before.length < 1) {
            throw new IllegalArgumentException("prompt must have at least one token, got none");
        }
        if (before.length > longest) {
            throw new IllegalArgumentException(
                    "prompt must be at most the model's context of %d tokens, got %d"
                            .formatted(longest, before.length));
        }
        if (before.length > positions) {
            throw new IllegalArgumentException(
                    "prompt must be at most the importance function's %d positions, got %d"
                            .formatted(positions, before.length));
        }
        if (all.length != before.length + 1
                || !Arrays.equals(Arrays.copyOf(all, before.length), before)) {
            throw new IllegalArgumentException(
                    "answer must be one token after the prompt, got %d: %s\nhint: an answer usually begins with a space"
                            .formatted(
                                    tokenizer.encode(answer).length,
                                    shown(tokenizer.encode(answer))));
        }
        return new Sentence(
                Arrays.stream(all).boxed().toList(), Sentence.UNKNOWN, before.length, all.length);
    }

    /// Tokens as text, each in quotes.
    List<String> shown(int... tokens) {
        return Arrays.stream(tokens)
                .mapToObj(token -> '"' + tokenizer.decode(new int[] {token}) + '"')
                .toList();
    }

    /// The statements of the facts that come with Cleave, where the target has exactly their
    /// tokens; none otherwise.
    List<Statement> facts() {
        return facts(tokenizer);
    }

    /// The same of a model with this tokenizer.
    static List<Statement> facts(Tokenizer tokenizer) {
        List<Statement> all = Statement.of(FactTable.shipped());
        List<String> texts = new ArrayList<>();
        all.forEach(each -> texts.add(each.text()));
        if (!(tokenizer instanceof CompactVocabulary)
                || CompactVocabulary.of(texts).size() != tokenizer.size()) {
            return List.of();
        }
        try {
            texts.forEach(tokenizer::encode);
            return all;
        } catch (IllegalArgumentException other) {
            return List.of();
        }
    }

    @Override
    public void close() {
        loaded.close();
    }
}
