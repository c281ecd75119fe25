package cleave.cli;

import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.hub.Model;
import cleave.hub.Parity;
import cleave.model.Generation;
import cleave.tensor.Type;
import cleave.text.Tokenizer;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave predict`: what a model says comes next.
@Command(
        name = "predict",
        description = "Show which tokens a model expects after a prompt, or let it go on.")
final class PredictCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "MODEL", description = "Folder of the model.")
    private Path folder;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "PROMPT",
            description = "The text, for a model with a tokenizer.")
    private @Nullable String prompt;

    @Option(
            names = "--ids",
            split = ",",
            paramLabel = "ID",
            description = "Tokens in place of the text, as 5,17,3; no tokenizer is needed.")
    private @Nullable List<Integer> ids;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "10",
            description = "How many tokens to show. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(
            names = "--logits",
            description = "Add the logits after the prompt to the JSON; needs --json.")
    private boolean logits;

    @Option(
            names = "--generate",
            paramLabel = "N",
            defaultValue = "0",
            description = "Go on for N tokens.")
    private int generate;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "Draw from the probabilities at this temperature; 0 takes the first.")
    private double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "Draw only from the first tokens that have this probability together.")
    private double topP;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "0",
            description = "Of the draws. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints; what was not asked for is left out.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Prediction(
            List<Integer> ids,
            double @Nullable [] logits,
            List<Next> top,
            @Nullable Generated generated,
            @Nullable Parity parity) {}

    /// A token that may come next.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Next(
            int id,
            @Nullable String token,
            double logit,
            double probability,
            double logProbability) {}

    /// What the model went on with.
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record Generated(List<Integer> ids, @Nullable String text) {}

    @Override
    public Integer call() {
        requireOptions();
        Generation.Choice choice = new Generation.Choice(temperature, topP, seed);
        try (Model model = Model.load(folder, Type.FLOAT)) {
            int tokens = model.spec().tokens();
            if (tokens == 0) {
                throw new UserError(
                        "model must be one of tokens, got one of features (%s)".formatted(folder));
            }
            Optional<Tokenizer> tokenizer = tokenizer(model);
            int[] input = input(tokenizer, tokens);
            requireLength(input.length, model.target().maximumLength());
            Optional<Parity> parity = Parity.of(folder, model.target(), tokens);
            double[] after = Generation.logits(model.target(), input);
            int[] all = Generation.continued(model.target(), input, generate, choice);
            show(
                    new Prediction(
                            boxed(input),
                            logits ? after : null,
                            top(after, tokenizer),
                            generate == 0
                                    ? null
                                    : generated(
                                            Arrays.copyOfRange(all, input.length, all.length),
                                            tokenizer),
                            parity.orElse(null)));
        }
        return 0;
    }

    private void requireOptions() {
        List<String> problems = new ArrayList<>();
        if ((prompt == null) == (ids == null)) {
            problems.add(
                    "predict must have either a prompt or --ids, got "
                            + (prompt == null ? "neither" : "both"));
        }
        if (top < 0) {
            problems.add("--top must be >= 0, got " + top);
        }
        if (generate < 0) {
            problems.add("--generate must be >= 0, got " + generate);
        }
        if (!(temperature >= 0 && Double.isFinite(temperature))) {
            problems.add("temperature must be >= 0, got " + temperature);
        }
        if (!(topP > 0 && topP <= 1)) {
            problems.add("top-p must be > 0 and <= 1, got " + topP);
        }
        if (logits && !json.enabled()) {
            problems.add("--logits must come with --json, got it alone");
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
    }

    /// The model's tokenizer. One that cannot be used is no matter where tokens are given: they are
    /// shown without their text.
    private Optional<Tokenizer> tokenizer(Model model) {
        try {
            return model.tokenizer();
        } catch (UserError refused) {
            if (ids == null) {
                throw refused;
            }
            command.commandLine().getErr().println("warning: " + refused.getMessage());
            return Optional.empty();
        }
    }

    private int[] input(Optional<Tokenizer> tokenizer, int tokens) {
        int[] input;
        if (ids != null) {
            List<Integer> unknown = ids.stream().filter(id -> id < 0 || id >= tokens).toList();
            if (!unknown.isEmpty()) {
                throw new UserError(
                        "ids must be tokens from 0 to %d, got %s".formatted(tokens - 1, unknown));
            }
            input = ids.stream().mapToInt(Integer::intValue).toArray();
        } else {
            input =
                    tokenizer
                            .orElseThrow(() ->
                                    new UserError(
                                            "model must have a tokenizer for a prompt, got none (%s)\nhint: give tokens with --ids"
                                                    .formatted(folder)))
                            .encode(String.valueOf(prompt));
        }
        if (input.length == 0) {
            throw new UserError("prompt must have at least one token, got none");
        }
        return input;
    }

    private void requireLength(int length, int longest) {
        // The last token that comes out goes in no more.
        int needed = length + Math.max(0, generate - 1);
        if (needed > longest) {
            throw new UserError(
                    "prompt must be at most the model's context of %d tokens, got %d%s"
                            .formatted(
                                    longest,
                                    length,
                                    generate > 1 ? " and %d to generate".formatted(generate) : ""));
        }
    }

    private List<Next> top(double[] after, Optional<Tokenizer> tokenizer) {
        double largest = Arrays.stream(after).max().orElseThrow();
        double normalizer =
                largest + Math.log(Arrays.stream(after).map(x -> Math.exp(x - largest)).sum());
        return IntStream.range(0, after.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer token) -> -after[token]))
                .limit(top)
                .map(token ->
                        new Next(
                                token,
                                text(tokenizer, token),
                                after[token],
                                Math.exp(after[token] - normalizer),
                                after[token] - normalizer))
                .toList();
    }

    private static Generated generated(int[] tokens, Optional<Tokenizer> tokenizer) {
        return new Generated(boxed(tokens), text(tokenizer, tokens));
    }

    /// The text of tokens; null without a tokenizer, and for padding, which has none.
    private static @Nullable String text(Optional<Tokenizer> tokenizer, int... tokens) {
        return tokenizer
                .filter(known -> Arrays.stream(tokens).allMatch(token -> token < known.size()))
                .map(known -> known.decode(tokens))
                .orElse(null);
    }

    private static List<Integer> boxed(int[] numbers) {
        return Arrays.stream(numbers).boxed().toList();
    }

    private void show(Prediction prediction) {
        Parity parity = prediction.parity();
        if (parity != null && !parity.holds()) {
            command.commandLine()
                    .getErr()
                    .println(
                            "warning: %s\nhint: the reference is of other weights, or the model is not what its configuration says"
                                    .formatted(parity.line()));
        }
        if (json.enabled()) {
            json.print(prediction);
            return;
        }
        PrintWriter out = json.text();
        if (parity != null && parity.holds()) {
            out.println(parity.line());
        }
        out.println(
                "%d tokens: %s"
                        .formatted(
                                prediction.ids().size(),
                                prediction.ids().stream()
                                        .map(String::valueOf)
                                        .collect(Collectors.joining(","))));
        for (Next next : prediction.top()) {
            out.println(
                    String.format(
                            Locale.ROOT,
                            "%9.5f  %8d  %s",
                            next.probability(),
                            next.id(),
                            next.token() == null ? "" : quoted(next.token())));
        }
        Generated generated = prediction.generated();
        if (generated != null) {
            out.println(
                    generated.text() == null
                            ? "goes on: " + generated.ids()
                            : "goes on: " + quoted(generated.text()));
        }
    }

    private static String quoted(String text) {
        return '"'
                + text.replace("\\", "\\\\")
                        .replace("\"", "\\\"")
                        .replace("\n", "\\n")
                        .replace("\r", "\\r")
                        .replace("\t", "\\t")
                + '"';
    }
}
