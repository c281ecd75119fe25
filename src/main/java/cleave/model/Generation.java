package cleave.model;

import cleave.config.UserError;
import cleave.model.Batch.LossPositions;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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

    /// Positions whose logits are wanted.
    public enum At {
        /// The last of each prompt.
        LAST,
        /// All of each prompt.
        EVERY
    }

    /// Numbers of logits, and tokens, that one pass is given at most, unless one prompt alone has
    /// more.
    private static final long MOST_LOGITS = 1L << 25;

    private static final long MOST_TOKENS = 1L << 13;

    /// The logits after the last of these tokens.
    ///
    /// @param tokens at least one, and no more than the target's longest input
    /// @throws UserError when one is not finite
    public static double[] logits(Target target, int... tokens) {
        return logits(target, List.of(tokens), At.LAST).getFirst()[0];
    }

    /// The logits of several prompts, `[P][tokens]` of each: P is 1 or the prompt's length.
    ///
    /// Prompts go through the target together, the shorter ones padded at their end, where no
    /// position of theirs looks.
    ///
    /// @param prompts each of at least one token, and no more than the target's longest input
    /// @throws UserError when a logit is not finite
    public static List<double[][]> logits(Target target, List<int[]> prompts, At at) {
        List<double[][]> logits = new ArrayList<>();
        while (logits.size() < prompts.size()) {
            List<int[]> rest = prompts.subList(logits.size(), prompts.size());
            logits.addAll(pass(target, rest.subList(0, together(target, rest, at)), at));
        }
        return logits;
    }

    /// How many of the prompts go through the target together, from the first on.
    private static int together(Target target, List<int[]> prompts, At at) {
        long vocabulary =
                target.weights().values().stream().mapToLong(w -> w.size(0)).max().orElse(1);
        long longest = 0;
        int count = 0;
        for (int[] prompt : prompts) {
            longest = Math.max(longest, prompt.length);
            long tokens = longest * (count + 1);
            long numbers = (at == At.LAST ? count + 1 : tokens) * vocabulary;
            if (count > 0 && (tokens > MOST_TOKENS || numbers > MOST_LOGITS)) {
                break;
            }
            count++;
        }
        return count;
    }

    private static List<double[][]> pass(Target target, List<int[]> prompts, At at) {
        return Objects.requireNonNull(
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            Batch batch = batch(prompts, at);
                            Tensor outputs = target.forward(batch, Map.of(), null).outputs();
                            return rows(outputs, prompts, at); // [B, P, tokens]
                        })));
    }

    private static List<double[][]> rows(Tensor outputs, List<int[]> prompts, At at) {
        List<double[][]> rows = new ArrayList<>();
        for (int row = 0; row < prompts.size(); row++) {
            int length = prompts.get(row).length;
            int count = at == At.LAST ? 1 : length;
            double[][] logits = new double[count][];
            for (int p = 0; p < count; p++) {
                logits[p] = Tensors.toDoubles(outputs.narrow(0, row, 1).narrow(1, p, 1));
                requireFinite(at == At.LAST ? length : p + 1, logits[p]);
            }
            rows.add(logits);
        }
        return rows;
    }

    private static void requireFinite(int after, double... logits) {
        if (!Arrays.stream(logits).allMatch(Double::isFinite)) {
            throw new UserError(
                    "model's logits must be finite, got NaN or infinity after %d tokens\nhint: look for such numbers in its weights"
                            .formatted(after));
        }
    }

    /// Prompts as rows, padded at the end with token 0.
    private static Batch batch(List<int[]> prompts, At at) {
        int rows = prompts.size();
        int length = prompts.stream().mapToInt(prompt -> prompt.length).max().orElseThrow();
        long[] ids = new long[rows * length];
        boolean[] real = new boolean[rows * length];
        long[] every = new long[rows * length];
        boolean full = true;
        for (int row = 0; row < rows; row++) {
            int[] prompt = prompts.get(row);
            full &= prompt.length == length;
            for (int t = 0; t < length; t++) {
                ids[row * length + t] = t < prompt.length ? prompt[t] : 0;
                real[row * length + t] = t < prompt.length;
                every[row * length + t] = t;
            }
        }
        Tensor valid = full ? null : Tensors.of(real, rows, length);
        LossPositions losses =
                switch (at) {
                    case LAST -> LossPositions.last(rows, length, valid);
                    case EVERY -> new LossPositions(Tensors.of(every, rows, length), valid);
                };
        return new Batch("prompt", 0, Tensors.of(ids, rows, length), valid, losses);
    }

    /// These tokens and `count` more, each chosen after all before it.
    public static int[] continued(Target target, int[] tokens, int count, Choice choice) {
        return continued(target, List.of(tokens), count, choice).getFirst();
    }

    /// Each prompt and `count` more tokens, as each prompt alone goes on.
    public static List<int[]> continued(
            Target target, List<int[]> prompts, int count, Choice choice) {
        List<int[]> all = new ArrayList<>(prompts);
        for (int i = 0; i < count; i++) {
            List<double[][]> logits = logits(target, all, At.LAST);
            for (int row = 0; row < all.size(); row++) {
                int[] before = all.get(row);
                int[] longer = Arrays.copyOf(before, before.length + 1);
                longer[before.length] = choice.of(logits.get(row)[0], i);
                all.set(row, longer);
            }
        }
        return all;
    }

    /// What the target would say after each block if it were the last: the logits after the last of
    /// these tokens, first those of the embedding alone, last the target's own.
    ///
    /// @throws UserError when the target has no blocks to look between
    public static List<double[]> lens(Target target, int... tokens) {
        return Objects.requireNonNull(
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            Batch batch = batch(List.of(tokens), At.LAST);
                            Clean clean = target.clean(batch);
                            List<double[]> layers = new ArrayList<>();
                            for (Tensor residual : clean.blockInputs()) {
                                Tensor logits =
                                        target.unembedded(batch, residual)
                                                .orElseThrow(() ->
                                                        new UserError(
                                                                "--lens must have a model with a norm and a head after its blocks, got another"));
                                layers.add(Tensors.toDoubles(logits));
                            }
                            layers.add(Tensors.toDoubles(clean.outputs()));
                            layers.forEach(each -> requireFinite(tokens.length, each));
                            return List.copyOf(layers);
                        })));
    }
}
