package cleave.model;

import cleave.config.UserError;
import cleave.model.Batch.LossPositions;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// What a target of tokens says comes next.
public final class Generation {
    private Generation() {}

    /// How a token is chosen from logits.
    ///
    /// @param temperature logits are divided by it; 0 takes the most probable token, the lowest of
    ///   equals
    /// @param topP only the most probable tokens whose probabilities reach it together are drawn
    ///   from, at least one
    /// @param seed of the draws
    public record Choice(double temperature, double topP, long seed) {

        /// Checks the numbers.
        public Choice {
            if (!(temperature >= 0) || Double.isInfinite(temperature)) {
                throw new IllegalArgumentException("temperature must be >= 0, got " + temperature);
            }
            if (!(topP > 0 && topP <= 1)) {
                throw new IllegalArgumentException("top-p must be > 0 and <= 1, got " + topP);
            }
        }

        /// The token after these logits.
        ///
        /// @param index of the draw
        public int of(double[] logits, long index) {
            Integer[] order =
                    IntStream.range(0, logits.length)
                            .boxed()
                            .sorted(Comparator.comparingDouble((Integer token) -> -logits[token]))
                            .toArray(Integer[]::new);
            if (temperature == 0) {
                return order[0];
            }
            double[] weights =
                    Arrays.stream(order)
                            .mapToDouble(token ->
                                    StrictMath.exp(
                                            (logits[token] - logits[order[0]]) / temperature))
                            .toArray();
            double all = Arrays.stream(weights).sum();
            int kept = 0;
            double sum = 0;
            while (kept < weights.length && sum < topP * all) {
                sum += weights[kept++];
            }
            double drawn = key().uniform(index) * sum;
            double reached = 0;
            for (int i = 0; i < kept - 1; i++) {
                reached += weights[i];
                if (drawn < reached) {
                    return order[i];
                }
            }
            return order[kept - 1];
        }

        private Draws.Key key() {
            return Draws.key(seed, Draws.Purpose.DATA).with("generation");
        }
    }

    /// The logits after the last of these tokens.
    ///
    /// @param tokens at least one, and no more than the target's longest input
    /// @throws IllegalArgumentException when one is not finite
    public static double[] logits(Target target, int... tokens) {
        double[] logits =
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            long[] ids = Arrays.stream(tokens).asLongStream().toArray();
                            Tensor inputs = Tensors.of(ids, 1, ids.length);
                            Batch batch =
                                    new Batch(
                                            "prompt",
                                            0,
                                            inputs,
                                            null,
                                            LossPositions.last(1, ids.length, null));
                            return Tensors.toDoubles(
                                    target.forward(batch, java.util.Map.of(), null).outputs());
                        }));
        if (!Arrays.stream(logits).allMatch(Double::isFinite)) {
            throw new UserError(
                    "model's logits must be finite, got NaN or infinity after %d tokens\nhint: look for such numbers in its weights"
                            .formatted(tokens.length));
        }
        return logits;
    }

    /// These tokens and `count` more, each chosen after all before it.
    public static int[] continued(Target target, int[] tokens, int count, Choice choice) {
        int[] all = Arrays.copyOf(tokens, tokens.length + count);
        for (int i = 0; i < count; i++) {
            int[] before = Arrays.copyOf(all, tokens.length + i);
            all[tokens.length + i] = choice.of(logits(target, before), i);
        }
        return all;
    }
}
