package cleave.text;

import cleave.config.UserError;
import cleave.model.Sentence;
import java.util.Arrays;
import java.util.List;

/// Texts with answers as tokens.
public final class Sentences {
    private Sentences() {}

    /// A prompt, its answer and what follows, as the tokenizer cuts all of it together.
    ///
    /// @param answer of any number of tokens; empty when the answer is what follows the prompt
    /// @param rest what follows the answer
    /// @param next the token after all of it, or `Sentence.UNKNOWN`
    /// @throws UserError when the model has no token for a piece of it, or the answer begins or
    ///   ends within a token
    public static Sentence of(
            Tokenizer tokenizer, String prompt, String answer, String rest, int next) {
        List<Integer> tokens = tokens(prompt + answer + rest, tokenizer);
        if (answer.isEmpty()) {
            return Sentence.of(tokens, next);
        }
        List<Integer> before = tokens(prompt, tokenizer);
        List<Integer> asked = tokens(prompt + answer, tokenizer);
        if (!begins(tokens, asked) || !begins(asked, before)) {
            throw new UserError(
                    "answer must begin and end between tokens, got \"%s\" after \"%s\"\nhint: an answer usually begins with a space"
                            .formatted(answer, prompt));
        }
        return new Sentence(tokens, next, before.size(), asked.size());
    }

    private static boolean begins(List<Integer> tokens, List<Integer> first) {
        return first.size() <= tokens.size() && tokens.subList(0, first.size()).equals(first);
    }

    private static List<Integer> tokens(String text, Tokenizer tokenizer) {
        return Arrays.stream(tokenizer.encode(text)).boxed().toList();
    }
}
