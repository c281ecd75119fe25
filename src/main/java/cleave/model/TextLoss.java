package cleave.model;

import cleave.config.UserError;
import cleave.model.Batch.LossPositions;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/// How well a target of tokens predicts a text.
///
/// @param tokens how many are predicted: all but the first
/// @param nats mean over them of minus the log-probability of each after those before it
/// @param window how many tokens it sees at most; each window begins where the last one ends, so
///   that its first tokens have few before them
public record TextLoss(int tokens, double nats, int window) {

    /// Asks a target for every token of a text but the first.
    ///
    /// @param window at most the target's longest input
    /// @throws UserError when there are fewer than two tokens, or the loss is not finite
    public static TextLoss of(Target target, int window, int... tokens) {
        int predicted = tokens.length - 1;
        if (predicted < 1) {
            throw new UserError(
                    "text must have at least two tokens for a loss, got " + tokens.length);
        }
        double sum = 0;
        for (int from = 0; from < predicted; from += window) {
            int to = Math.min(from + window, predicted);
            int[] inputs = Arrays.copyOfRange(tokens, from, to);
            int[] next = Arrays.copyOfRange(tokens, from + 1, to + 1);
            sum += Scopes.run(() -> Scopes.withoutGradient(() -> sum(target, inputs, next)));
        }
        if (!Double.isFinite(sum)) {
            throw new UserError(
                    "model's loss must be finite, got %s\nhint: look for NaN or infinity in its weights"
                            .formatted(sum));
        }
        return new TextLoss(predicted, sum / predicted, Math.min(window, predicted));
    }

    private static double sum(Target target, int[] inputs, int[] next) {
        int length = inputs.length;
        Batch batch =
                new Batch(
                        "text",
                        0,
                        Tensors.of(Arrays.stream(inputs).asLongStream().toArray(), 1, length),
                        null,
                        new LossPositions(
                                Tensors.of(LongStream.range(0, length).toArray(), 1, length),
                                null));
        Tensor logits = target.forward(batch, Map.of(), null).outputs(); // [1, T, tokens]
        Tensor labels =
                Tensors.of(Arrays.stream(next).asLongStream().toArray(), 1, length).unsqueeze(2);
        double[] logarithms = Tensors.toDoubles(Tensors.logSoftmax(logits).gather(2, labels));
        return -Arrays.stream(logarithms).sum();
    }
}
