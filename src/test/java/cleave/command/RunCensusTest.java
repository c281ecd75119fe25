package cleave.command;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.InductionTask;
import cleave.model.Sentence;
import cleave.model.TextTask;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunCensusTest {
    private static final Sentence SENTENCE = new Sentence(List.of(1, 2), 3, 1, 2);

    @Test
    void ofAFewSentencesEachIsTaken64Times() {
        assertThat(RunCensus.sequences(null, sentences(2))).isEqualTo(128);
        assertThat(RunCensus.sequences(null, sentences(31))).isEqualTo(31 * 64);
        assertThat(RunCensus.sequences(null, sentences(32))).isEqualTo(2048);
        assertThat(RunCensus.sequences(null, sentences(72))).isEqualTo(2048);
        assertThat(RunCensus.sequences(null, new InductionTask("induction", 6, 10, true)))
                .isEqualTo(2048);
    }

    @Test
    void whatIsAskedForIsTaken() {
        assertThat(RunCensus.sequences(5000, sentences(2))).isEqualTo(5000);
    }

    private static TextTask sentences(int count) {
        return new TextTask(
                "text", Collections.nCopies(count, SENTENCE), 4, TextTask.LossesAt.ALL, 0);
    }
}
