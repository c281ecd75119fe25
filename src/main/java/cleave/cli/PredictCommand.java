package cleave.cli;

import cleave.cli.Prediction.Generated;
import cleave.cli.Prediction.Layer;
import cleave.cli.Prediction.Next;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.config.ByteOrderMark;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.hub.Model;
import cleave.hub.Parity;
import cleave.model.Generation;
import cleave.model.Target;
import cleave.model.TextLoss;
import cleave.tensor.Type;
import cleave.text.Encoded;
import cleave.text.Tokenizer;
import cleave.text.Tokenizer.Special;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave predict`: what a model says comes next.
@Command(
        name = "predict",
        description = "Show which tokens a model expects after a prompt, or let it go on.")
final class PredictCommand implements Callable<Integer> {
    /// The most tokens that a text's loss is computed over at once, where the model takes more.
    private static final int LONGEST_WINDOW = 1024;

    @Parameters(index = "0", paramLabel = "MODEL", description = ModelCommand.MODEL)
    private Path folder;

    @Parameters(
            index = "1..*",
            arity = "0..*",
            paramLabel = "PROMPT",
            description =
                    "The text, for a model with a tokenizer. Several go through the model together.")
    private List<String> prompts = List.of();

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
            arity = "0..1",
            paramLabel = "all",
            preprocessor = WithoutPrompt.class,
            description =
                    "Add the logits after the prompt to the JSON, or with `all` those after each of"
                            + " its tokens; needs --json.")
    private @Nullable String logits;

    @Option(
            names = "--lens",
            description =
                    "Show what the model would say after each block if it were the last: the norm"
                            + " and the head that follow the blocks, on what goes into the next.")
    private boolean lens;

    @Option(
            names = "--loss",
            paramLabel = "FILE",
            description =
                    "How well the model predicts a text in place of a prompt: nats a token, over all"
                            + " of the file.")
    private @Nullable Path loss;

    @Option(
            names = "--generate",
            paramLabel = "N",
            defaultValue = "0",
            description = "Go on for N tokens.")
    private int generate;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description =
                    "Draw from the probabilities at this temperature; 0 takes the first. Default:"
                            + " 0.")
    private @Nullable Double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            description =
                    "Draw only from the first tokens that have this probability together. Default:"
                            + " 1.")
    private @Nullable Double topP;

    @Option(names = "--seed", paramLabel = "SEED", description = "Of the draws. Default: 0.")
    private @Nullable Long seed;

    @Option(
            names = "--special",
            description =
                    "Take special tokens that are written out in the prompt, such as"
                            + " <|endoftext|>, for those tokens. Without it they are text.")
    private boolean special;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// Leaves the prompt after `--logits` alone, unless it is the word `all`.
    static final class WithoutPrompt implements IParameterPreprocessor {
        @Override
        @SuppressWarnings("JdkObsolete") // the interface of picocli
        public boolean preprocess(
                Stack<String> arguments,
                CommandSpec command,
                ArgSpec argument,
                Map<String, Object> info) {
            boolean all = !arguments.isEmpty() && arguments.peek().equals("all");
            argument.setValue(all ? arguments.pop() : "last");
            return true;
        }
    }

    /// What goes into the model.
    ///
    /// @param text null where tokens were given
    /// @param added how many of the first tokens the tokenizer puts before every text
    private record Input(@Nullable String text, int[] ids, int added) {
        /// The tokens put before the text, for people; nothing where there are none.
        String beginning(Optional<Tokenizer> tokenizer) {
            return tokenizer
                    .filter(_ -> added > 0)
                    .map(known -> known.shown(Arrays.copyOf(ids, added)))
                    .map(texts ->
                            " (the tokenizer begins with %s)".formatted(String.join(" ", texts)))
                    .orElse("");
        }
    }

    @Override
    public Integer call() {
        requireOptions();
        try (Model model = Model.load(folder, Type.FLOAT)) {
            int tokens = model.spec().tokens();
            if (tokens == 0) {
                throw new UserError(
                        "model must be one of tokens, got one of features (%s)".formatted(folder));
            }
            Optional<Tokenizer> tokenizer = tokenizer(model);
            if (loss != null) {
                showLoss(model, tokenizer, loss);
            } else {
                List<Input> inputs = inputs(tokenizer, tokens);
                requireLengths(inputs, model.target().maximumLength());
                Optional<Parity> parity = Parity.of(model.folder(), model.target(), tokens);
                show(inputs, tokenizer, predictions(model.target(), inputs, tokenizer, parity));
            }
        }
        return 0;
    }

    private void requireOptions() {
        List<String> problems = new ArrayList<>();
        if (loss != null) {
            if (!prompts.isEmpty() || ids != null) {
                problems.add("--loss must come without a prompt and --ids, got both");
            }
            if (generate > 0 || logits != null || lens) {
                problems.add("--loss must come without --generate, --logits and --lens, got both");
            }
        } else if (prompts.isEmpty() == (ids == null)) {
            problems.add(
                    "predict must have either a prompt or --ids, got "
                            + (ids == null ? "neither" : "both"));
        }
        if (top < 0) {
            problems.add("--top must be >= 0, got " + top);
        }
        if (generate < 0) {
            problems.add("--generate must be >= 0, got " + generate);
        }
        if (temperature != null && !(temperature >= 0 && Double.isFinite(temperature))) {
            problems.add("temperature must be >= 0, got " + temperature);
        }
        if (topP != null && !(topP > 0 && topP <= 1)) {
            problems.add("top-p must be > 0 and <= 1, got " + topP);
        }
        if (generate == 0 && (temperature != null || topP != null || seed != null)) {
            problems.add(
                    "--temperature, --top-p and --seed must come with --generate, got them without");
        } else if ((topP != null || seed != null) && (temperature == null || temperature == 0)) {
            problems.add(
                    "--top-p and --seed must come with a --temperature above 0, got "
                            + (temperature == null ? "none" : temperature));
        }
        if (special && prompts.isEmpty() && loss == null) {
            problems.add("--special must come with a prompt, got none");
        }
        if (logits != null && !json.enabled()) {
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

    private List<Input> inputs(Optional<Tokenizer> tokenizer, int tokens) {
        List<Input> inputs = new ArrayList<>();
        if (ids != null) {
            List<Integer> unknown = ids.stream().filter(id -> id < 0 || id >= tokens).toList();
            if (!unknown.isEmpty()) {
                throw new UserError(
                        "ids must be tokens from 0 to %d, got %s".formatted(tokens - 1, unknown));
            }
            inputs.add(new Input(null, ids.stream().mapToInt(Integer::intValue).toArray(), 0));
        }
        for (String prompt : prompts) {
            Encoded encoded = needed(tokenizer).encoded(prompt, specials());
            inputs.add(new Input(prompt, encoded.ids(), encoded.added()));
        }
        for (Input input : inputs) {
            if (input.ids().length == 0) {
                throw new UserError(
                        "prompt must have at least one token, got none%s"
                                .formatted(place(inputs, input)));
            }
        }
        return inputs;
    }

    private Special specials() {
        return special ? Special.AS_TOKENS : Special.AS_TEXT;
    }

    private Tokenizer needed(Optional<Tokenizer> tokenizer) {
        return tokenizer.orElseThrow(() ->
                new UserError(
                        "model must have a tokenizer for a prompt, got none (%s)\nhint: give tokens with --ids"
                                .formatted(folder)));
    }

    /// Which of several prompts one is, for messages.
    private static String place(List<Input> inputs, Input input) {
        return inputs.size() == 1
                ? ""
                : " (prompt %d of %d)".formatted(inputs.indexOf(input) + 1, inputs.size());
    }

    private void requireLengths(List<Input> inputs, int longest) {
        for (Input input : inputs) {
            int length = input.ids().length;
            // The last token that comes out goes in no more.
            int needed = length + Math.max(0, generate - 1);
            if (needed > longest) {
                throw new UserError(
                        "prompt must be at most the model's context of %d tokens, got %d%s%s"
                                .formatted(
                                        longest,
                                        length,
                                        generate > 1
                                                ? " and %d to generate".formatted(generate)
                                                : "",
                                        place(inputs, input)));
            }
        }
    }

    private List<Prediction> predictions(
            Target target,
            List<Input> inputs,
            Optional<Tokenizer> tokenizer,
            Optional<Parity> parity) {
        boolean every = "all".equals(logits);
        List<int[]> tokens = inputs.stream().map(Input::ids).toList();
        List<double[][]> found =
                Generation.logits(target, tokens, every ? Generation.At.EVERY : Generation.At.LAST);
        List<int[]> continued =
                Generation.continued(
                        target,
                        tokens,
                        generate,
                        new Generation.Choice(
                                temperature == null ? 0 : temperature,
                                topP == null ? 1 : topP,
                                seed == null ? 0 : seed));
        List<Prediction> predictions = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            Input input = inputs.get(i);
            double[][] rows = found.get(i);
            double[] after = rows[rows.length - 1];
            predictions.add(
                    new Prediction(
                            boxed(input.ids()),
                            input.added() == 0
                                    ? null
                                    : boxed(Arrays.copyOf(input.ids(), input.added())),
                            logits == null ? null : every ? rows : after,
                            Next.first(top, after, tokenizer),
                            lens ? layers(target, input, tokenizer) : null,
                            generate == 0
                                    ? null
                                    : generated(input.ids(), continued.get(i), tokenizer),
                            parity.orElse(null)));
        }
        return predictions;
    }

    private List<Layer> layers(Target target, Input input, Optional<Tokenizer> tokenizer) {
        List<double[]> found = Generation.lens(target, input.ids());
        List<Layer> layers = new ArrayList<>();
        for (double[] logits : found) {
            layers.add(new Layer(layers.size(), Next.first(top, logits, tokenizer)));
        }
        return layers;
    }

    /// What the model went on with; its text is null without a tokenizer, and where padding, which
    /// has none, is among the tokens.
    private static Generated generated(int[] before, int[] all, Optional<Tokenizer> tokenizer) {
        int[] tokens = Arrays.copyOfRange(all, before.length, all.length);
        return new Generated(
                boxed(tokens),
                tokenizer
                        .filter(known -> Arrays.stream(all).allMatch(known::has))
                        .map(known -> known.decodeAfter(before, tokens))
                        .orElse(null));
    }

    private static List<Integer> boxed(int[] numbers) {
        return Arrays.stream(numbers).boxed().toList();
    }

    private void show(
            List<Input> inputs, Optional<Tokenizer> tokenizer, List<Prediction> predictions) {
        Parity parity = predictions.getFirst().parity();
        if (parity != null && !parity.holds()) {
            command.commandLine()
                    .getErr()
                    .println(
                            "warning: %s\nhint: the reference is of other weights, or the model is not what its configuration says"
                                    .formatted(parity.line()));
        }
        if (json.enabled()) {
            json.print(
                    predictions.size() == 1
                            ? predictions.getFirst()
                            : new Prediction.Several(predictions));
            return;
        }
        keep(inputs, predictions);
        PrintWriter out = json.text();
        if (parity != null && parity.holds()) {
            out.println(parity.line());
        }
        for (int i = 0; i < inputs.size(); i++) {
            if (inputs.size() > 1) {
                String text = String.valueOf(inputs.get(i).text());
                out.println((i == 0 ? "" : System.lineSeparator()) + Prediction.quoted(text));
            }
            out.print(predictions.get(i).text(inputs.get(i).beginning(tokenizer)));
        }
    }

    /// The tokens that may come next, for `--csv`.
    private static void keep(List<Input> inputs, List<Prediction> predictions) {
        Tables table = new Tables(List.of("prompt", "id", "token", "logit", "probability"));
        for (int i = 0; i < inputs.size(); i++) {
            String text = inputs.get(i).text();
            for (Prediction.Next next : predictions.get(i).top()) {
                table.row(
                        List.of(
                                text == null ? "" : text,
                                Integer.toString(next.id()),
                                next.token() == null ? "" : next.token(),
                                Double.toString(next.logit()),
                                Double.toString(next.probability())));
            }
        }
        table.keep();
    }

    /// What `--json` prints of a text's loss.
    private record Loss(TextLoss loss) {}

    private void showLoss(Model model, Optional<Tokenizer> tokenizer, Path file) {
        Tokenizer known =
                tokenizer.orElseThrow(() ->
                        UserError.withHints(
                                "model must have a tokenizer for --loss, got none (%s)"
                                        .formatted(folder),
                                "put the tokenizer.json of the model in its folder"));
        int[] tokens = known.encoded(read(file), specials()).ids();
        int window = Math.min(model.target().maximumLength(), LONGEST_WINDOW);
        TextLoss found;
        try {
            found = TextLoss.of(model.target(), window, tokens);
        } catch (UserError refused) {
            throw new UserError("%s (%s)".formatted(refused.getMessage(), file), refused);
        }
        if (json.enabled()) {
            json.print(new Loss(found));
        } else {
            json.keepValues(found);
            json.text()
                    .println(
                            String.format(
                                    Locale.ROOT,
                                    "%.5f nats a token over %d tokens, in windows of %d (perplexity %.4g)",
                                    found.nats(),
                                    found.tokens(),
                                    found.window(),
                                    Math.exp(found.nats())));
        }
    }

    private static String read(Path file) {
        StandIn.refusePointer(file, "--loss");
        try {
            return ByteOrderMark.cut(Files.readString(file));
        } catch (CharacterCodingException malformed) {
            throw new UserError(
                    "--loss must be UTF-8 text, got other bytes (%s)".formatted(file), malformed);
        } catch (NoSuchFileException missing) {
            throw new UserError("--loss must be a file, got none (%s)".formatted(file), missing);
        } catch (IOException failure) {
            throw new UserError(
                    "--loss must be a readable file, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
    }
}
