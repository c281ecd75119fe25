package cleave.cli;

import cleave.hub.Parity;
import cleave.text.Tokenizer;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What `cleave predict` says after one prompt, as `--json` prints it; what was not asked for is
/// left out.
///
/// @param ids the prompt's tokens
/// @param added those of them that the tokenizer puts before every text
/// @param logits after the last token `[tokens]`, or after each `[T][tokens]`
/// @param top the most probable tokens
/// @param lens what would be said after each block, the embedding first
/// @param generated what the model went on with
/// @param parity how far the model is from its reference
@JsonInclude(JsonInclude.Include.NON_NULL)
record Prediction(
        List<Integer> ids,
        @Nullable List<Integer> added,
        @Nullable Object logits,
        List<Next> top,
        @Nullable List<Layer> lens,
        @Nullable Generated generated,
        @Nullable Parity parity) {

    private static final int LENS_SHOWN = 5; // tokens of a layer

    /// What is said after several prompts, in their order.
    record Several(List<Prediction> prompts) {}

    /// What would be said after a block.
    ///
    /// @param layer how many blocks ran
    record Layer(int layer, List<Next> top) {}

    /// What the model went on with.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Generated(List<Integer> ids, @Nullable String text) {}

    /// A token that may come next.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Next(
            int id,
            @Nullable String token,
            double logit,
            double probability,
            double logProbability) {

        /// The most probable tokens after these logits, at most `count`.
        static List<Next> first(int count, double[] logits, Optional<Tokenizer> tokenizer) {
            double largest = Arrays.stream(logits).max().orElseThrow();
            double normalizer =
                    largest + Math.log(Arrays.stream(logits).map(x -> Math.exp(x - largest)).sum());
            return IntStream.range(0, logits.length)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer token) -> -logits[token]))
                    .limit(count)
                    .map(token ->
                            new Next(
                                    token,
                                    piece(tokenizer, token),
                                    logits[token],
                                    Math.exp(logits[token] - normalizer),
                                    logits[token] - normalizer))
                    .toList();
        }

        /// The text of a token; null without a tokenizer, and for padding, which has none.
        private static @Nullable String piece(Optional<Tokenizer> tokenizer, int token) {
            return tokenizer
                    .filter(known -> known.has(token))
                    .map(known -> known.piece(token))
                    .orElse(null);
        }

        private String shown() {
            return token == null ? String.valueOf(id) : quoted(token);
        }
    }

    /// All of it but parity for people, a line for each thing.
    ///
    /// @param beginning what is said of the tokens put before the text
    String text(String beginning) {
        StringBuilder text = new StringBuilder();
        text.append(
                "%d tokens: %s%s%n"
                        .formatted(
                                ids.size(),
                                ids.stream().map(String::valueOf).collect(Collectors.joining(",")),
                                beginning));
        for (Next next : top) {
            text.append(
                    String.format(
                            Locale.ROOT,
                            "%9.5f  %8d  %s%n",
                            next.probability(),
                            next.id(),
                            next.token() == null ? "" : quoted(next.token())));
        }
        for (Layer layer : lens == null ? List.<Layer>of() : lens) {
            text.append(
                    "after %d block%s: %s%n"
                            .formatted(
                                    layer.layer(),
                                    layer.layer() == 1 ? "" : "s",
                                    layer.top().stream()
                                            .limit(LENS_SHOWN)
                                            .map(next ->
                                                    String.format(
                                                            Locale.ROOT,
                                                            "%s %.3f",
                                                            next.shown(),
                                                            next.probability()))
                                            .collect(Collectors.joining(", "))));
        }
        if (generated != null) {
            text.append(
                    "goes on: %s%n"
                            .formatted(
                                    generated.text() == null
                                            ? generated.ids()
                                            : quoted(generated.text())));
        }
        return text.toString();
    }

    /// A text on one line, in quotes.
    static String quoted(String text) {
        return '"'
                + text.replace("\\", "\\\\")
                        .replace("\"", "\\\"")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r")
                        .replace("\t", "\\t")
                + '"';
    }
}
