package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Inquiry.Reply;
import cleave.model.Batch;
import cleave.model.Positions;
import cleave.model.Sentence;
import cleave.model.SimpleTarget;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Places of answers, on a network whose logits after a token are a row of numbers.
class InquiryTest {
    private static final double NAN = Double.NaN;

    /// After token 0 token 1 is alone on top; after 1 tokens 0 and 1 tie there; after 2 there are
    /// no numbers, and after 3 none for token 3.
    private static final double[] LOGITS = {
        1, 4, 3, 2, //
        3, 3, 0, 1, //
        NAN, NAN, NAN, NAN, //
        1, 3, 2, NAN
    };

    private static final class Rows extends SimpleTarget {
        Rows() {
            super(Outputs.LOGITS, List.of(), Map.of("rows", Tensors.of(LOGITS, Type.DOUBLE, 4, 4)));
        }

        @Override
        protected Tensor run(Batch batch, Maps maps) {
            Tensor rows =
                    Tensors.named("rows", weights())
                            .index_select(0, batch.inputs().flatten())
                            .view(batch.rows(), batch.length(), 4);
            return Positions.select(rows, batch.losses().index());
        }
    }

    private static Reply asked(Sentence sentence) {
        return Scopes.run(() -> {
            try (Rows target = new Rows()) {
                QuestionGroup group =
                        new QuestionGroup("given", List.of(sentence), LossesAt.ANSWER);
                return Inquiry.unchanged(target, group).getFirst();
            }
        });
    }

    private static Reply after(int token, int answer) {
        return asked(Sentence.of(List.of(token), answer));
    }

    @Test
    void anAnswersPlaceIsHowManyTokensAreNotLessProbable() {
        assertThat(after(0, 1).rank()).isEqualTo(1);
        assertThat(after(0, 1).onTop()).isTrue();
        assertThat(after(0, 2).rank()).isEqualTo(2);
        assertThat(after(0, 0).rank()).isEqualTo(4);
        assertThat(after(0, 0).onTop()).isFalse();
        double sum = Math.exp(1) + Math.exp(4) + Math.exp(3) + Math.exp(2);
        assertThat(after(0, 1).probability()).isCloseTo(Math.exp(4) / sum, within(1e-12));
    }

    @Test
    void ofTokensThatTieNoneIsOnTop() {
        assertThat(after(1, 0).rank()).isEqualTo(2);
        assertThat(after(1, 1).rank()).isEqualTo(2);
        assertThat(after(1, 1).onTop()).isFalse();
        assertThat(after(1, 3).rank()).isEqualTo(3);
    }

    @Test
    void whatIsNoNumberPutsNothingOnTop() {
        for (int answer = 0; answer < 4; answer++) {
            assertThat(after(2, answer).rank()).isEqualTo(4);
        }
        assertThat(after(3, 1).rank()).isEqualTo(2);
        assertThat(after(3, 3).rank()).isEqualTo(4);
        assertThat(after(3, 1).onTop()).isFalse();
    }

    @Test
    void withoutAnAnswerNothingIsOnTop() {
        assertThat(after(0, Sentence.UNKNOWN).rank()).isZero();
        assertThat(after(0, Sentence.UNKNOWN).onTop()).isFalse();
    }

    /// The second token of the answer ties after the first one.
    @Test
    void ofAnAnswerOfSeveralTokensTheWorstPlaceCounts() {
        Sentence two = new Sentence(List.of(0, 1, 0), 1, 1, 3);
        assertThat(asked(two).rank()).isEqualTo(2);
        assertThat(asked(new Sentence(List.of(0, 1), 0, 1, 2)).rank()).isEqualTo(1);
    }
}
