package cleave.own;

import cleave.model.Batch;
import cleave.model.Positions;
import cleave.model.SimpleTarget;
import cleave.model.Site;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;

/// A model of one's own: it embeds tokens, adds to each what came before it, and reads the sum by
/// two maps.
final class Averages extends SimpleTarget {
    private static final int TOKENS = 5;
    private static final int WIDTH = 6;
    private static final Draws.Key KEY = Draws.key(4, Draws.Purpose.INITIALISATION);

    Averages() {
        super(
                Outputs.LOGITS,
                List.of(
                        Site.whole("mix", 0, "mix", WIDTH, WIDTH),
                        Site.whole("answer", 1, "answer", WIDTH, TOKENS)),
                Map.of(
                        "embedding", KEY.with("embedding").normal(1, Type.FLOAT, TOKENS, WIDTH),
                        "mix", KEY.with("mix").normal(0.5, Type.FLOAT, WIDTH, WIDTH),
                        "answer", KEY.with("answer").normal(0.5, Type.FLOAT, TOKENS, WIDTH)));
    }

    @Override
    protected Tensor run(Batch batch, Maps maps) {
        Tensor tokens = batch.inputs(); // [B, T]
        Tensor x =
                Tensors.named("embedding", weights())
                        .index_select(0, tokens.flatten())
                        .view(tokens.size(0), tokens.size(1), WIDTH);
        Tensor mixed = maps.of("mix", x.cumsum(1)).relu();
        return Positions.select(maps.of("answer", mixed), batch.losses().index());
    }

    /// Four tokens; the right answer is the first.
    record Firsts(String stream) implements Task {
        private static final int LENGTH = 4;

        @Override
        public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
            long[] inputs = new long[rows * LENGTH];
            long[] answers = new long[rows];
            for (int row = 0; row < rows; row++) {
                Draws.Key key = Draws.key(seed, purpose).with(stream).with(first + row);
                for (int t = 0; t < LENGTH; t++) {
                    inputs[row * LENGTH + t] = key.below(TOKENS, t);
                }
                answers[row] = inputs[row * LENGTH];
            }
            return Examples.whole(
                    stream, first, Tensors.of(inputs, rows, LENGTH), Tensors.of(answers, rows, 1));
        }

        @Override
        public List<String> marks() {
            return List.of();
        }
    }
}
