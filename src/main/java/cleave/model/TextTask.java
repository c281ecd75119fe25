package cleave.model;

import cleave.model.Batch.LossPositions;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.TreeMap;

/// Sentences, one in each row, padded at the end. Every sentence comes once in each round; the
/// order of a round is drawn (spec R5).
///
/// The label of a loss position is the token that follows it, UNKNOWN where there is none.
///
/// The mark `answer` is the position from which the answer's first token is predicted.
///
/// @param stream name of the stream
/// @param sentences at least one
/// @param length sequence length T
/// @param losses at which positions outputs are compared
/// @param padding the token after a sentence's end; which one it is changes nothing
public record TextTask(
        String stream, List<Sentence> sentences, int length, LossesAt losses, int padding)
        implements Task {

    /// Where outputs are compared.
    public enum LossesAt {
        /// At the position before the answer; the row ends there.
        LAST,
        /// At the positions before each token of the answer; the row ends at the last of them.
        ANSWER,
        /// At every position of the sentence.
        ALL
    }

    /// Checks that every sentence fits.
    public TextTask {
        sentences = List.copyOf(sentences);
        if (sentences.isEmpty()) {
            throw new IllegalArgumentException("sentences must not be empty");
        }
        for (Sentence sentence : sentences) {
            int used = used(sentence, losses);
            if (used > length) {
                throw new IllegalArgumentException(
                        "sentences must have at most %d tokens, the sequence length, got %d"
                                .formatted(length, used));
            }
        }
    }

    /// How many tokens of a sentence a row holds.
    public static int used(Sentence sentence, LossesAt losses) {
        return switch (losses) {
            case LAST -> sentence.answer();
            case ANSWER -> Math.max(sentence.answer(), sentence.answerEnd() - 1);
            case ALL -> sentence.tokens().size();
        };
    }

    private static int firstLoss(Sentence sentence, LossesAt losses) {
        return switch (losses) {
            case LAST, ANSWER -> sentence.answer() - 1;
            case ALL -> 0;
        };
    }

    @Override
    public long different() {
        return sentences.size();
    }

    @Override
    public List<String> marks() {
        return List.of("answer");
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        Draws.Key stream = Draws.key(seed, purpose).with(stream());
        Sentence[] chosen = new Sentence[rows];
        long round = -1;
        int[] order = {};
        for (int row = 0; row < rows; row++) {
            long index = first + row;
            if (index / sentences.size() != round) {
                round = index / sentences.size();
                order = order(stream.with(round), sentences.size());
            }
            chosen[row] = sentences.get(order[(int) (index % sentences.size())]);
        }
        return rows(first, List.of(chosen));
    }

    /// The sentences in their own order.
    ///
    /// @param first index of the first sentence
    /// @param rows how many
    public Examples inOrder(int first, int rows) {
        return rows(first, sentences.subList(first, first + rows));
    }

    private static int[] order(Draws.Key key, int count) {
        int[] order = new int[count];
        for (int i = 0; i < count; i++) {
            int other = key.below(i + 1, i);
            order[i] = order[other];
            order[other] = i;
        }
        return order;
    }

    private Examples rows(long first, List<Sentence> chosen) {
        int rows = chosen.size();
        int most = 1;
        boolean full = true;
        for (Sentence sentence : chosen) {
            int used = used(sentence, losses);
            most = Math.max(most, used - firstLoss(sentence, losses));
            full &= used == length;
        }
        long[] tokens = new long[rows * length];
        boolean[] valid = new boolean[rows * length];
        long[] index = new long[rows * most];
        boolean[] counted = new boolean[rows * most];
        long[] labels = new long[rows * most];
        long[] answers = new long[rows];
        boolean allCount = true;
        for (int row = 0; row < rows; row++) {
            Sentence sentence = chosen.get(row);
            int used = used(sentence, losses);
            for (int t = 0; t < length; t++) {
                tokens[row * length + t] = t < used ? sentence.tokens().get(t) : padding;
                valid[row * length + t] = t < used;
            }
            int from = firstLoss(sentence, losses);
            for (int p = 0; p < most; p++) {
                boolean real = from + p < used;
                index[row * most + p] = real ? from + p : 0;
                counted[row * most + p] = real;
                labels[row * most + p] = real ? sentence.at(from + p + 1) : Sentence.UNKNOWN;
                allCount &= real;
            }
            answers[row] = sentence.answer() - 1L;
        }
        TreeMap<String, Tensor> marks = new TreeMap<>();
        marks.put(marks().getFirst(), Tensors.of(answers, rows));
        Batch batch =
                new Batch(
                        stream,
                        first,
                        Tensors.of(tokens, rows, length),
                        full ? null : Tensors.of(valid, rows, length),
                        new LossPositions(
                                Tensors.of(index, rows, most),
                                allCount ? null : Tensors.of(counted, rows, most)));
        return new Examples(batch, Tensors.of(labels, rows, most), marks);
    }
}
