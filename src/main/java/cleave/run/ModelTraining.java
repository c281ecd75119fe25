package cleave.run;

import cleave.config.Binder;
import cleave.config.YamlTree;
import cleave.target.Target;
import cleave.target.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.training.NonFiniteLoss;
import cleave.training.TargetTrainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;

/// Trains a target model and writes its folder.
public final class ModelTraining {
    private static final int EVALUATION_ROWS = 500;

    private ModelTraining() {}

    /// Hears of progress.
    @FunctionalInterface
    public interface Listener {
        /// After a step, with the cross-entropy before it.
        void step(long step, int length, double crossEntropy);
    }

    /// What came out.
    ///
    /// @param accuracy share of fresh sequences answered right
    /// @param sequences how many fresh sequences
    /// @param crossEntropy of the last step, nats
    public record Result(double accuracy, int sequences, double crossEntropy) {}

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
                                weights -> spec.over(weights, () -> {}),
                                step -> spec.task("train", file.lengthAt(step)),
                                file.workers(),
                                file.slice()))) {
            double crossEntropy = Double.NaN;
            while (trainer.nextStep() < file.steps()) {
                long step = trainer.nextStep();
                crossEntropy = trainer.step();
                listener.step(step, file.lengthAt(step), crossEntropy);
            }
            requireFinite(trainer);
            double accuracy = accuracy(spec, trainer.weights(), file.evaluationSequences());
            Result result = new Result(accuracy, file.evaluationSequences(), crossEntropy);
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

    /// The share of sequences of the evaluation stream, at full length, that a model answers right.
    public static double accuracy(
            ModelSpec spec, SortedMap<String, Tensor> weights, int sequences) {
        Task task = spec.task("evaluation", spec.length());
        Target target = Scopes.run(() -> spec.over(weights, () -> {}));
        try {
            double right = 0;
            for (int first = 0; first < sequences; first += EVALUATION_ROWS) {
                int from = first;
                int rows = Math.min(EVALUATION_ROWS, sequences - first);
                right +=
                        Scopes.run(() ->
                                Scopes.withoutGradient(() -> right(target, task, from, rows)));
            }
            return right / sequences;
        } finally {
            target.close();
        }
    }

    private static double right(Target target, Task task, int first, int rows) {
        Task.Examples examples = task.examples(0, Draws.Purpose.EVALUATION, first, rows);
        Tensor outputs = target.forward(examples.batch(), Map.of(), null).outputs();
        Tensor best = outputs.argmax(new LongOptional(2), false); // [B, P]
        return Tensors.number(best.eq(examples.labels()).sum());
    }

    private static String card(TrainFile file, String command, Result result) {
        return """
        # Model card

        Trained by Cleave with

            %s

        | | |
        |---|---|
        | accuracy | %.4f %% of %d fresh sequences of length %d |
        | cross-entropy of the last training step | %.2e nats |
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
                        100 * result.accuracy(),
                        result.sequences(),
                        file.model().length(),
                        result.crossEntropy(),
                        file.seed(),
                        file.steps(),
                        file.batch(),
                        YamlTree.write(Binder.toTree(file)));
    }
}
