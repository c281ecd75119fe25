package cleave.run;

import cleave.config.Binder;
import cleave.config.YamlTree;
import cleave.loss.Divergence;
import cleave.target.Target;
import cleave.target.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.training.NonFiniteLoss;
import cleave.training.TargetTrainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.ToDoubleFunction;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;

/// Trains a target model and writes its folder.
public final class ModelTraining {
    private static final int EVALUATION_ROWS = 500;

    private ModelTraining() {}

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

    /// Trains and saves a model.
    ///
    /// @param command the command line, for the card
    public static Result train(TrainFile file, Path folder, String command, Listener listener)
            throws IOException {
        ModelSpec spec = file.model();
        TargetTrainer.Method method =
                new TargetTrainer.Method(
                        file.seed(), file.steps(), file.batch(), file.learningRate(), file.adam());
        try (TargetTrainer trainer =
                Scopes.run(() ->
                        new TargetTrainer(
                                method,
                                spec.initial(file.seed()),
                                spec.frozen(),
                                weights -> spec.over(weights, () -> {}),
                                step -> spec.task("train", file.lengthAt(step)),
                                file.workers(),
                                file.slice()))) {
            double loss = Double.NaN;
            while (trainer.nextStep() < file.steps()) {
                long step = trainer.nextStep();
                loss = trainer.step();
                listener.step(step, file.lengthAt(step), loss);
            }
            requireFinite(trainer);
            Result result = result(spec, trainer.weights(), file.evaluationSequences(), loss);
            Model.save(folder, spec, trainer.weights(), card(file, command, result));
            return result;
        }
    }

    private static void requireFinite(TargetTrainer trainer) {
        boolean finite =
                Scopes.run(() ->
                        trainer.weights().values().stream()
                                .allMatch(w -> Tensors.number(w.isfinite().all()) != 0));
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
        Tensor best = outputs.argmax(new LongOptional(2), false); // [B, P]
        return Tensors.number(best.eq(examples.labels()).sum());
    }

    private static double squaredError(Target target, Task.Examples examples) {
        Tensor outputs = target.forward(examples.batch(), Map.of(), null).outputs();
        return Tensors.number(
                Divergence.from(Target.Outputs.VALUES, examples.labels(), null).sum(outputs));
    }

    private static String card(TrainFile file, String command, Result result) {
        return """
        # Model card

        Trained by Cleave with

            %s

        | | |
        |---|---|
        %s
        | seed | %d |
        | steps, batch | %d, %d |

        The evaluation sequences are those of stream `evaluation` (docs/spec.md, R5); no training
        sequence is among them but by chance. Licence: Apache-2.0, like the code.

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
                        YamlTree.write(Binder.toTree(file)));
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
