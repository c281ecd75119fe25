package cleave.model;

import cleave.model.Batch.LossPositions;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;

/// The induction toy: `BOS, ordinary tokens ..., s, m, ..., s`; the answer at the final s is m, the
/// token that followed the first s (DST section on the toy model).
///
/// Tokens: BOS is 0, ordinary tokens are `1 .. vocabulary`, s is `vocabulary + 1`. The first s
/// stands at a uniform position of `2 .. length - 3`. Without BOS position 0 is an ordinary token.
///
/// Marks: `s1`, `m`, `s2` and `random`, a uniform position of `1 .. length - 2` other than s1 and
/// m.
///
/// @param stream name of the stream
/// @param vocabulary number of ordinary tokens
/// @param length sequence length T, at least 6
/// @param beginToken whether position 0 is BOS
public record InductionTask(String stream, int vocabulary, int length, boolean beginToken)
        implements Task {
    private static final int SHORTEST = 6;

    /// Checks the sizes.
    public InductionTask {
        if (vocabulary < 1) {
            throw new IllegalArgumentException("vocabulary must be >= 1, got " + vocabulary);
        }
        if (length < SHORTEST) {
            throw new IllegalArgumentException(
                    "length must be >= %d, got %d".formatted(SHORTEST, length));
        }
    }

    /// The token s.
    public int special() {
        return vocabulary + 1;
    }

    @Override
    public List<String> marks() {
        return List.of("s1", "m", "s2", "random");
    }

    /// Sequences of half and of three quarters the length, and sequences of this length in which
    /// few tokens are common.
    @Override
    public SequencedMap<String, Task> unlike() {
        SequencedMap<String, Task> kinds = new LinkedHashMap<>();
        for (int other : List.of(length / 2, 3 * length / 4)) {
            if (other >= SHORTEST && other < length) {
                kinds.put(
                        "length " + other,
                        new InductionTask(stream, vocabulary, other, beginToken));
            }
        }
        kinds.put("common tokens", new CommonTokens(this));
        return kinds;
    }

    /// The same task on tokens that are not alike frequent: each is uniform among the first k, and
    /// k is uniform. Of 128 tokens the first is some 700 times as frequent as the last.
    ///
    /// @param like gives everything else
    private record CommonTokens(InductionTask like) implements Task {
        @Override
        public String stream() {
            return like.stream();
        }

        @Override
        public List<String> marks() {
            return like.marks();
        }

        @Override
        public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
            return like.examples(
                    seed,
                    purpose,
                    first,
                    rows,
                    (key, t) ->
                            1 + key.below(1 + key.below(like.vocabulary, t), like.length + 2L + t));
        }
    }

    /// Draws an ordinary token for a position.
    @FunctionalInterface
    private interface Ordinary {
        long token(Draws.Key key, int position);
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        return examples(seed, purpose, first, rows, (key, t) -> 1L + key.below(vocabulary, t));
    }

    private Examples examples(
            long seed, Draws.Purpose purpose, long first, int rows, Ordinary ordinary) {
        long[] tokens = new long[rows * length];
        long[] labels = new long[rows];
        long[][] marks = new long[4][rows];
        Draws.Key stream = Draws.key(seed, purpose).with(stream());
        for (int row = 0; row < rows; row++) {
            Draws.Key key = stream.with(first + row);
            int at = row * length;
            for (int t = 0; t < length; t++) {
                tokens[at + t] = ordinary.token(key, t);
            }
            if (beginToken) {
                tokens[at] = 0;
            }
            int s1 = 2 + key.below(length - 4, length);
            tokens[at + s1] = special();
            tokens[at + length - 1] = special();
            labels[row] = tokens[at + s1 + 1];
            int random = 1 + key.below(length - 4, length + 1L);
            marks[0][row] = s1;
            marks[1][row] = s1 + 1L;
            marks[2][row] = length - 1L;
            marks[3][row] = random < s1 ? random : random + 2L;
        }
        TreeMap<String, Tensor> marked = new TreeMap<>();
        for (int i = 0; i < 4; i++) {
            marked.put(marks().get(i), Tensors.of(marks[i], rows));
        }
        return new Examples(
                new Batch(
                        stream(),
                        first,
                        Tensors.of(tokens, rows, length),
                        null,
                        LossPositions.last(rows, length, null)),
                Tensors.of(labels, rows, 1),
                marked);
    }
}
