package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.testing.BriefChildren;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave bench` on a tiny target: the shape of what it prints, not the speed.
@ExtendWith(BriefChildren.class)
class BenchTest {
    @TempDir private Path folder;
    private TinyRun tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(folder);
    }

    @Test
    void stepSaysTimesMemoryAndWhereTheTimeGoes() throws IOException {
        Result result =
                TinyRun.cleave(
                        "bench",
                        "step",
                        tiny.config().toString(),
                        "--batch",
                        "6",
                        "--workers",
                        "1,2",
                        "--steps",
                        "2",
                        "--warm-up",
                        "0",
                        "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode json = JsonMapper.shared().readTree(result.out());
        assertThat(json.get("runs").size()).isEqualTo(2);
        JsonNode run = json.get("runs").get(1);
        assertThat(run.get("batch").asInt()).isEqualTo(6);
        assertThat(run.get("workers").asInt()).isEqualTo(2);
        assertThat(run.get("positions").asInt()).isEqualTo(6 * 12);
        double plain = run.get("plain").get("ms").asDouble();
        double fast = run.get("fast").get("ms").asDouble();
        assertThat(run.get("ratio").asDouble()).isCloseTo(plain / fast, within(1e-9));
        assertThat(run.get("ceiling_gflops").asDouble()).isPositive();
        assertThat(run.get("plain").get("peak_growth_mib").asDouble()).isNotNegative();
        assertThat(run.get("fast").get("peak_growth_mib").asDouble()).isNotNegative();
        assertThat(run.get("fast").get("ceiling_share").asDouble()).isBetween(0.0, 1.0);
        assertThat(run.get("plain_at").size()).isBetween(1, 2);
        assertThat(run.get("fast").get("spread").get("count").asInt()).isEqualTo(2);
        assertThat(run.get("fast").get("phases_ms").propertyNames())
                .contains("clean forward", "gates forward", "usage", "waiting");
        double alone = json.get("runs").get(0).get("fast").get("ms").asDouble();
        assertThat(run.get("worker_scaling").asDouble()).isCloseTo(alone / fast, within(1e-9));
        assertThat(result.err()).contains("batch 6: round 1 of 1");
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void scalingSaysTimesAndExponents() throws IOException {
        Result result =
                TinyRun.cleave(
                        "bench",
                        "scaling",
                        tiny.config().toString(),
                        "--only",
                        "sites",
                        "--steps",
                        "2",
                        "--warm-up",
                        "0",
                        "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode axes = JsonMapper.shared().readTree(result.out()).get("axes");
        assertThat(axes.size()).isEqualTo(1);
        JsonNode points = axes.get(0).get("points");
        assertThat(points.size()).isEqualTo(2);
        assertThat(points.get(1).get("configured").asBoolean()).isTrue();
        double one = points.get(0).get("ms").asDouble();
        double two = points.get(1).get("ms").asDouble();
        assertThat(points.get(1).get("microseconds_per_position").asDouble())
                .isCloseTo(two * 1000 / (4 * 12), within(1e-6 * two * 1000));
        assertThat(axes.get(0).get("exponent").asDouble())
                .isCloseTo(Math.log(two / one) / Math.log(2), within(1e-9));
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void planSaysWhatARunWillNeedAndBeginsNone() throws IOException {
        Path run = tiny.run("run");
        Result result = tiny.decompose(run, "--plan", "--set", "steps=1000000");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .contains("MiB predicted", "MiB a checkpoint", " for 1000000 steps");
        assertThat(run).doesNotExist();
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void planOfARunThatDoesNotFitIsWrongInput() throws IOException {
        Path run = tiny.run("run");
        Result result =
                tiny.decompose(
                        run, "--plan", "--json", "--set", "sites[0].subcomponents=2000000000");

        assertThat(result.exitCode()).isEqualTo(2);
        JsonNode json = JsonMapper.shared().readTree(result.out());
        assertThat(json.get("time").isNull()).isTrue();
        assertThat(json.get("problems").size()).isEqualTo(2);
        assertThat(json.get("disk").get("needed_mib").asDouble())
                .isGreaterThan(json.get("disk").get("free_mib").asDouble());
        assertThat(json.get("memory").get("predicted_mib").asDouble()).isPositive();
        assertThat(leftovers()).isEmpty();
    }

    @Test
    void wrongOptionsAreRefused() {
        String config = tiny.config().toString();
        assertThat(TinyRun.cleave("bench").err()).contains("missing command");
        assertThat(TinyRun.cleave("bench", "step", config, "--batch", "0"))
                .returns(2, Result::exitCode)
                .extracting(Result::err)
                .asString()
                .contains("--batch must be >= 1, got 0");
        assertThat(TinyRun.cleave("bench", "scaling", config, "--only", "depth").err())
                .contains("--only must be some of [batch, ", "got [depth]");
        assertThat(TinyRun.cleave("bench", "step", config, "--steps", "0").exitCode()).isEqualTo(2);
        assertThat(TinyRun.cleave("bench", "step", config, "--warm-up", "-1").err())
                .contains("--warm-up must be >= 0, got -1");
        assertThat(TinyRun.cleave("bench", "step", config, "--set", "steps=0").err())
                .contains("steps must be >= 1, got 0");
    }

    /// What a command wrote beside its input.
    private List<Path> leftovers() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> !file.equals(tiny.config()) && !file.equals(tiny.model()))
                    .toList();
        }
    }
}
