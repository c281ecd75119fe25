package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// A run in which twins hand over: with bounds this wide some are found at once.
class TwinsRunTest {
    private static final String[] SET = {
        "--set", "steps=16",
        "--set", "optimizer.learning_rate=0.001",
        "--set", "twins={every: 1, start: 0.0, end: 1.0, overlap: 0.001, share: 0.35}",
        "--set", "cadence.checkpoint=9",
    };

    @TempDir private static Path shared;
    private static TinyRun tiny;
    private static Path whole;
    private static List<JsonNode> handovers;

    @TempDir private Path temporary;

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        whole = tiny.run("whole");
        Result result = tiny.decompose(whole, SET);
        assertThat(result.exitCode()).as(result.err()).isZero();
        handovers = TinyRun.lines(whole.resolve("twins.jsonl"));
    }

    @Test
    void everyHandoverHasALine() {
        assertThat(handovers).isNotEmpty();
        for (JsonNode each : handovers) {
            assertThat(each.get("step").asInt()).isBetween(1, 15);
            assertThat(each.get("site").asString()).isIn("Q0", "V1");
            assertThat(each.get("kept").asInt()).isBetween(0, 3);
            assertThat(each.get("freed").asInt())
                    .isBetween(0, 3)
                    .isNotEqualTo(each.get("kept").asInt());
            assertThat(each.get("overlap").asDouble()).isBetween(0.001, 1.0);
            assertThat(each.get("share").asDouble()).isBetween(0.0, 0.35);
            assertThat(each.get("left").asDouble()).isBetween(0.0, 1.0);
        }
        assertThat(whole.resolve("log.txt"))
                .content()
                .contains(
                        "INFO step %d: twins at %s, "
                                .formatted(
                                        handovers.getFirst().get("step").asInt(),
                                        handovers.getFirst().get("site").asString()));
    }

    @Test
    void handoversChangeTheRunAndNothingBeforeTheFirst() throws IOException {
        Path without = tiny.run("without");
        Result result =
                tiny.decompose(without, SET[0], SET[1], SET[2], SET[3], "--set", "cadence.log=1");
        Path with = tiny.run("with");
        Result again =
                tiny.decompose(
                        with,
                        Stream.concat(Stream.of(SET), Stream.of("--set", "cadence.log=1"))
                                .toArray(String[]::new));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(again.exitCode()).as(again.err()).isZero();
        int first = handovers.getFirst().get("step").asInt();
        List<JsonNode> one = metrics(without);
        List<JsonNode> other = metrics(with);
        for (int step = 0; step < 16; step++) {
            boolean same = one.get(step).get("total").equals(other.get(step).get("total"));
            if (step < first) {
                assertThat(same).as("step %d", step).isTrue();
            }
            if (step == first) {
                // What is written together stays, so faithfulness does.
                assertThat(other.get(step).get("faithfulness").asDouble())
                        .isCloseTo(
                                one.get(step).get("faithfulness").asDouble(),
                                org.assertj.core.data.Percentage.withPercentage(1e-3));
            }
        }
        assertThat(one.getLast().get("total")).isNotEqualTo(other.getLast().get("total"));
    }

    private static List<JsonNode> metrics(Path run) throws IOException {
        return TinyRun.lines(run.resolve("metrics.jsonl"));
    }

    @Test
    void aRunCutOffAfterAHandoverResumesToTheSameBytes() throws IOException {
        Path run = TinyRun.withoutCheckpoint(whole, 16, temporary.resolve("copy"));
        assertThat(handovers.getLast().get("step").asInt()).isGreaterThan(9);

        Result result =
                tiny.decompose(
                        run,
                        Stream.concat(Stream.of("--resume"), Stream.of(SET))
                                .toArray(String[]::new));

        assertThat(result.exitCode()).as(result.err()).isZero();
        for (String file :
                List.of(
                        "checkpoints/16/decomposition.safetensors",
                        "checkpoints/16/training.safetensors",
                        "twins.jsonl")) {
            assertThat(run.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
    }

    @Test
    void wrongSettingsAreRefusedByName() {
        Result result =
                tiny.decompose(
                        temporary.resolve("wrong"),
                        "--set",
                        "twins={every: 0, start: -1, end: 2, overlap: 0, share: 0.6, shut: 0}");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "twins.every must be >= 1, got 0",
                        "twins.start",
                        "twins.end",
                        "twins.overlap",
                        "twins.share",
                        "twins.shut must be > 0, got 0");
        Result reading =
                tiny.decompose(
                        temporary.resolve("wrong"),
                        "--set",
                        "twins={every: 4, start: 0.0, end: 1.0, overlap: 0.9, share: 0.01}",
                        "--set",
                        "importance={kind: mlp, hidden: 4}");
        assertThat(reading.exitCode()).isEqualTo(2);
        assertThat(reading.err()).contains("twins must be absent with importance mlp");
        Result plain =
                tiny.decompose(
                        temporary.resolve("wrong"),
                        "--set",
                        "twins={every: 4, start: 0.0, end: 1.0, overlap: 0.9, share: 0.01}",
                        "--set",
                        "leak=plain");
        assertThat(plain.exitCode()).isEqualTo(2);
        assertThat(plain.err()).contains("twins must be absent with leak plain");
        assertThat(temporary.resolve("wrong")).doesNotExist();
    }
}
