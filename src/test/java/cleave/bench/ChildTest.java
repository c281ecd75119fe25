package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.BriefChildren;
import cleave.testing.TinyRun;
import cleave.training.Phases;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The talk between a parent and its children.
@ExtendWith(BriefChildren.class)
class ChildTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"matmul:2:1", "matmul:1:2", "plain:2", "fast:3"})
    void variantsAreWords(String word) {
        assertThat(Variant.parse(word).word()).isEqualTo(word);
    }

    @Test
    void answersAreLines() {
        Answer answer = new Answer(List.of(1.5, 2.0), 7L, 9L, Map.of("data", 0.25), null);
        assertThat(answer.line()).doesNotContain("\n").matches(Answer::isAnswer);
        assertThat(Answer.parse(answer.line())).isEqualTo(answer);
        assertThat(answer.growth()).isEqualTo(2);
        assertThat(Answer.parse(Answer.failed("out of\nmemory").line()).failure())
                .isEqualTo("out of\nmemory");
        assertThat(Answer.isAnswer("OpenJDK warning")).isFalse();
    }

    @Test
    void aChildStepsAsOftenAsAskedAndSaysWhereTheTimeGoes() throws IOException {
        Path config = TinyRun.in(folder).config();
        try (ChildProcess child = ChildProcess.start(new Variant.Fast(2), config, List.of())) {
            assertThat(child.ready().failure()).isNull();
            assertThat(child.ask("steps 3").milliseconds()).hasSize(3).allMatch(ms -> ms > 0);
            Answer phases = child.ask("phases 2");
            assertThat(phases.milliseconds()).hasSize(2);
            assertThat(phases.phases())
                    .containsKeys(Phases.GATES, Phases.GATES_BACKWARD, Phases.OPTIMIZER)
                    .doesNotContainKey(Phases.WAITING);
            // Threads of two workers cannot be busy for longer than twice the time.
            assertThat(sum(phases.phases().values()))
                    .isBetween(0.0, 2 * sum(phases.milliseconds()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"matmul:1:1", "plain:1", "fast:1"})
    void aChildComputesInTheArithmeticOfItsConfiguration(String variant) throws IOException {
        Path config = TinyRun.in(folder).config();
        try (ChildProcess child =
                ChildProcess.start(
                        Variant.parse(variant), config, List.of("machine.arithmetic=portable"))) {
            assertThat(child.ready().failure()).isNull();
            assertThat(child.ask("steps 1").milliseconds()).hasSize(1);
        }
    }

    private static double sum(Iterable<Double> values) {
        double sum = 0;
        for (double value : values) {
            sum += value;
        }
        return sum;
    }

    @Test
    void aChildThatCannotLoadOrIsKilledSaysSo() throws IOException {
        Path config = TinyRun.in(folder).config();
        try (ChildProcess child =
                ChildProcess.start(new Variant.Plain(1), config, List.of("target=nowhere"))) {
            assertThat(child.ready().failure()).contains("target model must be a folder");
        }
        try (ChildProcess child = ChildProcess.start(new Variant.Plain(1), config, List.of())) {
            assertThat(child.ready().failure()).isNull();
            ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly);
            assertThat(child.ask("steps 1").failure()).startsWith("killed");
        }
    }
}
