package cleave.run;

import cleave.config.Binder;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.data.TextData;
import cleave.hub.Model;
import cleave.loss.Divergence;
import cleave.model.ModelSpec;
import cleave.model.Target;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.tensor.Draws;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.text.CompactVocabulary;
import cleave.training.Disturbance;
import cleave.training.NonFiniteLoss;
import cleave.training.TargetTrainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// Trains a target model and writes its folder.
public final class TargetRun {
    private static final int EVALUATION_ROWS = 500;

    private TargetRun() {}

    /// Hears of progress.
    @FunctionalInterface
    public interface Listener {
        /// After a step, with the loss before it.
        void step(long step, int length, double loss);
    }

    /// What came out.
    public sealed interface Result {
        /// How many fresh sequences the figure was measured on.
        int sequences();
    }

    /// Of a model that answers with tokens.
    ///
    /// @param accuracy share of fresh sequences answered right
    /// @param crossEntropy of the last step, nats
    public record Tokens(double accuracy, int sequences, double crossEntropy) implements Result {}

    /// Of a model that answers with values.
    ///
    /// @param meanSquaredError on fresh sequences
    /// @param lastStep mean squared error of the last step
    public record Values(double meanSquaredError, int sequences, double lastStep)
            implements Result {}

    /// Of a model of text.
    ///
    /// @param heldOut what the data has to ask of a trained model; null where it has nothing
    /// @param accuracy share of tokens of the training text that were on top
    /// @param sequences of the training text
    /// @param crossEntropy of the last step, nats
    public record Text(
            TextData.@Nullable Examination heldOut,
            double accuracy,
            int sequences,
            double crossEntropy)
            implements Result {}

    /// Trains and saves a model.
    ///
    /// @param command the command line, for the card
    /// @throws UserError when the data cannot be read or does not fit the model
    public static Result train(TargetFile file, Path folder, String command, Listener listener)
            throws IOException {
        LeastMemory.require(file);
        NativeRuntime.start(file.arithmetic());
        ModelSpec spec = file.model();
        Optional<Corpus> corpus = file.data().map(data -> Corpus.of(data, file));
        TargetTrainer.Method method =
                new TargetTrainer.Method(
                        file.seed(),
                        file.steps(),
                        file.batch(),
                        file.learningRate(),
                        file.adam(),
                        disturbances(file));
        try (TargetTrainer trainer =
                Scopes.run(() ->
                        new TargetTrainer(
                                method,
                                spec.initial(file.seed()),
                                spec.frozen(),
                                weights -> spec.over(weights, () -> {}),
                                step -> task(spec, corpus, file.lengthAt(step)),
                                file.workers(),
                                file.slice()))) {
            double loss = Double.NaN;
            while (trainer.nextStep() < file.steps()) {
                long step = trainer.nextStep();
                loss = trainer.step();
                listener.step(step, file.lengthAt(step), loss);
            }
            requireFinite(trainer);
            Result result =
                    corpus.isPresent()
                            ? ofText(spec, trainer.weights(), corpus.get(), loss)
                            : result(spec, trainer.weights(), file.evaluationSequences(), loss);
            String card = card(file, command, result);
            if (corpus.isPresent()) {
                CompactVocabulary tokenizer = corpus.get().tokenizer();
                Model.save(folder, spec, tokenizer.endOfText(), trainer.weights(), card);
                tokenizer.write(folder);
            } else {
                Model.save(folder, spec, trainer.weights(), card);
            }
            return result;
        }
    }

    /// Text to train on.
    ///
    /// @param data where it comes from
    /// @param tokenizer of the tokens that occur in it
    /// @param tasks on it, by sequence length
    private record Corpus(
            TextData data, CompactVocabulary tokenizer, SortedMap<Integer, TextTask> tasks) {

        /// All lengths of the curriculum, so that what does not fit is refused before the first
        /// step.
        static Corpus of(TextData data, TargetFile file) {
            CompactVocabulary tokenizer = CompactVocabulary.of(data.vocabulary());
            int tokens = file.model().tokens();
            if (tokens != tokenizer.size()) {
                throw new UserError(
                        "model.vocabulary must be %d, the number of tokens in the data, got %d"
                                .formatted(tokenizer.size(), tokens));
            }
            SortedMap<Integer, TextTask> tasks = new TreeMap<>();
            for (TargetFile.Stage stage : file.curriculum()) {
                int length = stage.length();
                tasks.computeIfAbsent(length, _ -> data.task("train", tokenizer, length));
            }
            return new Corpus(data, tokenizer, tasks);
        }

        TextTask at(int length) {
            return Objects.requireNonNull(tasks.get(length));
        }
    }

    private static Map<String, Disturbance> disturbances(TargetFile file) {
        if (file.disturbances().isEmpty()) {
            return Map.of();
        }
        return Scopes.run(() -> {
            try (Target model = file.model().over(file.model().initial(file.seed()), () -> {})) {
                return file.disturbancesOf(model.sites());
            }
        });
    }

    private static Task task(ModelSpec spec, Optional<Corpus> corpus, int length) {
        return corpus.isPresent() ? corpus.get().at(length) : spec.task("train", length);
    }

    private static Result ofText(
            ModelSpec spec, SortedMap<String, Tensor> weights, Corpus corpus, double last) {
        Target target = Scopes.run(() -> spec.over(weights, () -> {}));
        try {
            TextTask task = corpus.at(corpus.tasks().lastKey());
            int sentences = task.sentences().size();
            double tokens = 0;
            double right = 0;
            for (int first = 0; first < sentences; first += EVALUATION_ROWS) {
                int from = first;
                int rows = Math.min(EVALUATION_ROWS, sentences - first);
                double[] some =
                        Scopes.run(() ->
                                Scopes.withoutGradient(() -> {
                                    Task.Examples examples = task.inOrder(from, rows);
                                    return new double[] {
                                        right(target, examples), examples.batch().losses().count()
                                    };
                                }));
                right += some[0];
                tokens += some[1];
            }
            Optional<TextData.Examination> heldOut =
                    corpus.data().examination(target, corpus.tokenizer());
            return new Text(heldOut.orElse(null), right / tokens, sentences, last);
        } finally {
            target.close();
        }
    }

    private static void requireFinite(TargetTrainer trainer) {
        boolean finite =
                Scopes.run(() -> trainer.weights().values().stream().allMatch(Tensors::allFinite));
        if (!finite) {
            throw NonFiniteLoss.ofParameters(trainer.nextStep());
        }
    }

    private static Result result(
            ModelSpec spec, SortedMap<String, Tensor> weights, int sequences, double last) {
        Target target = Scopes.run(() -> spec.over(weights, () -> {}));
        try {
            Task task = spec.task("evaluation", spec.length());
            return switch (target.outputs()) {
                case LOGITS ->
                        new Tokens(mean(task, sequences, of -> right(target, of)), sequences, last);
                case VALUES ->
                        new Values(
                                mean(task, sequences, of -> squaredError(target, of)),
                                sequences,
                                last);
            };
        } finally {
            target.close();
        }
    }

    /// The mean over sequences of the evaluation stream of a sum over them.
    private static double mean(Task task, int sequences, ToDoubleFunction<Task.Examples> sum) {
        double total = 0;
        for (int first = 0; first < sequences; first += EVALUATION_ROWS) {
            int from = first;
            int rows = Math.min(EVALUATION_ROWS, sequences - first);
            total +=
                    Scopes.run(() ->
                            Scopes.withoutGradient(() ->
                                    sum.applyAsDouble(
                                            task.examples(
                                                    0, Draws.Purpose.EVALUATION, from, rows))));
        }
        return total / sequences;
    }

    private static double right(Target target, Task.Examples examples) {
        Tensor outputs = target.forward(examples.batch(), Map.of(), null).outputs();
        Tensor best = outputs.argmax(2, false); // [B, P]
        Tensor hits = best.eq(examples.labels());
        Tensor counted = examples.batch().losses().counted();
        return Tensors.number(counted == null ? hits.sum() : hits.logical_and(counted).sum());
    }

    private static double squaredError(Target target, Task.Examples examples) {
        Tensor outputs = target.forward(examples.batch(), Map.of(), null).outputs();
        return Tensors.number(
                Divergence.from(Target.Outputs.VALUES, examples.labels(), null).sum(outputs));
    }

    private static String card(TargetFile file, String command, Result result) {
        return """
        # Model card

        Trained by Cleave with

            %s

        | | |
        |---|---|
        %s
        | seed | %d |
        | steps, batch | %d, %d |

        %s Licence: Apache-2.0, like the code.

        The configuration in full:

        ```yaml
        %s```
        """
                .formatted(
                        command,
                        figures(result, file.model().length()),
                        file.seed(),
                        file.steps(),
                        file.batch(),
                        about(result),
                        YamlTree.write(Binder.toTree(file)));
    }

    private static String about(Result result) {
        return switch (result) {
            case Tokens _, Values _ ->
                    """
                    The evaluation sequences are those of stream `evaluation` (docs/reference/spec.md, R5); no training
                    sequence is among them but by chance.\
                    """;
            case Text text ->
                    """
                    Its tokens are those of GPT-2 that occur in its text, renumbered: token i is GPT-2's token
                    `tokens[i]` of `compact_vocabulary.json`, 0 is end-of-text.\
                    """
                            + (text.heldOut() == null ? "" : " " + text.heldOut().source());
        };
    }

    private static String figures(Result result, int length) {
        return switch (result) {
            case Tokens(double accuracy, int sequences, double crossEntropy) ->
                    String.format(
                            Locale.ROOT,
                            """
                            | accuracy | %.4f %% of %d fresh sequences of length %d |
                            | cross-entropy of the last training step | %.2e nats |\
                            """,
                            100 * accuracy,
                            sequences,
                            length,
                            crossEntropy);
            case Text text ->
                    String.format(
                            Locale.ROOT,
                            """
                            %s| tokens of the training text | %.2f %% on top, in %d sequences |
                            | cross-entropy of the last training step | %.2e nats |\
                            """,
                            text.heldOut() == null ? "" : text.heldOut().card(),
                            100 * text.accuracy(),
                            text.sequences(),
                            text.crossEntropy());
            case Values(double meanSquaredError, int sequences, double lastStep) ->
                    String.format(
                            Locale.ROOT,
                            """
                            | mean squared error | %.3e on %d fresh examples |
                            | mean squared error of the last training step | %.3e |\
                            """,
                            meanSquaredError,
                            sequences,
                            lastStep);
        };
    }
}
