package cleave.analysis;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.loss.Divergence;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/// What the target says at the last position of one sequence, and what it says with some
/// subcomponents suppressed: mask 0 for those, 1 for all others, the weight delta kept, so that
/// suppressing nothing leaves the target as it is (spec A5).
///
/// @param tokens the sequence; the sample is this one sequence
/// @param suppressed what is off
/// @param positions where it is off
/// @param top the most probable tokens before and after, by probability before
/// @param kl of the output after from the output before, nats
/// @param importances of the suppressed subcomponents
public record Suppression(
        List<Long> tokens,
        List<SubcomponentId> suppressed,
        List<Integer> positions,
        List<TokenProbability> top,
        double kl,
        List<Importance> importances) {

    /// How many of the most probable tokens are listed, before and after each.
    public static final int TOP = 10;

    /// The probability of one token.
    public record TokenProbability(long token, double before, double after) {}

    /// The lower importance of a subcomponent at each position.
    public record Importance(SubcomponentId subcomponent, List<Double> byPosition) {}

    /// Suppresses subcomponents on one sequence.
    ///
    /// @param off what to suppress
    /// @param positions where; empty for everywhere
    /// @throws UserError when a subcomponent, position or token is out of range
    public static Suppression of(
            Decomposition decomposition,
            List<SubcomponentId> off,
            List<Integer> positions,
            long[] tokens) {
        off.forEach(id -> id.requireIn(decomposition));
        requireLength(decomposition, tokens);
        requirePositions(positions, tokens.length);
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    requireTokens(decomposition.target(), tokens);
                    List<Integer> where =
                            positions.isEmpty()
                                    ? IntStream.range(0, tokens.length).boxed().toList()
                                    : positions.stream().distinct().sorted().toList();
                    return of(
                            decomposition,
                            off.stream().distinct().sorted().toList(),
                            where,
                            sequence(tokens));
                }));
    }

    private static Suppression of(
            Decomposition decomposition,
            List<SubcomponentId> off,
            List<Integer> positions,
            Batch batch) {
        Target target = decomposition.target();
        Clean clean = target.clean(batch);
        Tensor after =
                Ablations.pass(
                                Ablations.without(
                                        decomposition, off, positions, (int) batch.length()),
                                decomposition,
                                batch,
                                clean,
                                WeightDelta.ON)
                        .outputs();
        Divergence divergence = Divergence.from(target.outputs(), clean.outputs(), null);
        return new Suppression(
                Arrays.stream(Tensors.toLongs(batch.inputs())).boxed().toList(),
                off,
                positions,
                top(
                        Tensors.toDoubles(Tensors.softmax(clean.outputs())),
                        Tensors.toDoubles(Tensors.softmax(after))),
                Tensors.number(divergence.sum(after)),
                importances(decomposition, clean, batch, off));
    }

    private static Batch sequence(long... tokens) {
        return new Batch(
                "given",
                0,
                Tensors.of(tokens, 1, tokens.length),
                null,
                LossPositions.last(1, tokens.length, null));
    }

    private static List<TokenProbability> top(double[] before, double[] after) {
        Set<Integer> top = new LinkedHashSet<>(largest(before));
        top.addAll(largest(after));
        return top.stream()
                .sorted(Comparator.comparingDouble(token -> -before[token]))
                .map(token -> new TokenProbability(token, before[token], after[token]))
                .toList();
    }

    private static List<Integer> largest(double[] probabilities) {
        return IntStream.range(0, probabilities.length)
                .boxed()
                .sorted(Comparator.comparingDouble(token -> -probabilities[token]))
                .limit(TOP)
                .toList();
    }

    private static List<Importance> importances(
            Decomposition decomposition, Clean clean, Batch batch, List<SubcomponentId> off) {
        List<Tensor> lower = Importances.of(decomposition, clean, batch); // [1, T, C] each
        List<Importance> importances = new ArrayList<>();
        for (SubcomponentId id : off) {
            Tensor g = lower.get(decomposition.sites().indexOf(decomposition.site(id.site())));
            importances.add(new Importance(id, numbers(g.select(2, id.index()))));
        }
        return List.copyOf(importances);
    }

    private static List<Double> numbers(Tensor x) {
        return Arrays.stream(Tensors.toDoubles(x)).boxed().toList();
    }

    private static void requireLength(Decomposition decomposition, long... tokens) {
        int longest =
                Math.min(
                        decomposition.target().maximumLength(),
                        decomposition.function().maximumLength());
        if (tokens.length < 1 || tokens.length > longest) {
            throw new UserError(
                    "number of tokens must be in 1..%d, got %d".formatted(longest, tokens.length));
        }
    }

    private static void requirePositions(List<Integer> positions, int length) {
        for (int position : positions) {
            if (position < 0 || position >= length) {
                throw new UserError(
                        "position must be in 0..%d for %d tokens, got %d"
                                .formatted(length - 1, length, position));
            }
        }
    }

    /// A target whose outputs are logits reads and writes the same tokens.
    private static void requireTokens(Target target, long... tokens) {
        if (target.outputs() != Target.Outputs.LOGITS) {
            throw Evaluation.ofValues("suppression");
        }
        long count = target.clean(sequence(0)).outputs().size(2);
        for (int position = 0; position < tokens.length; position++) {
            if (tokens[position] < 0 || tokens[position] >= count) {
                throw new UserError(
                        "token must be in 0..%d, got %d (position %d)"
                                .formatted(count - 1, tokens[position], position));
            }
        }
    }
}
