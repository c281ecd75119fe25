package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.SolvedInduction;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave verdict` on a good run and on four that differ from it in one setting each, with the
/// limits as they are.
class VerdictCommandTest {
    @TempDir private static Path folder;
    private static SolvedInduction solved;

    @BeforeAll
    static void writeTarget() throws IOException {
        solved = SolvedInduction.in(folder);
    }

    /// A verdict and how the process would end.
    private record Judged(int exitCode, JsonNode verdict) {
        static Judged of(Path run) {
            Result result =
                    TinyRun.cleave("verdict", run.toString(), "--sequences", "256", "--json");
            return new Judged(result.exitCode(), new JsonMapper().readTree(result.out()));
        }

        double figure(String check) {
            for (JsonNode line : verdict.path("lines")) {
                if (line.path("check").asString().equals(check)) {
                    return line.path("figure").asDouble();
                }
            }
            throw new AssertionError(check);
        }

        List<String> checks(String status) {
            return checks("status", status);
        }

        List<String> checks(String key, String value) {
            List<String> checks = new ArrayList<>();
            verdict.path("lines")
                    .forEach(line -> {
                        if (line.path(key).asString().equals(value)) {
                            checks.add(line.path("check").asString());
                        }
                    });
            return checks;
        }
    }

    @Test
    void aGoodRunPassesEveryCheck() throws IOException {
        Path run = solved.decompose("good");

        Judged judged = Judged.of(run);

        assertThat(judged.exitCode()).as("%s", judged.verdict()).isZero();
        assertThat(judged.checks("pass"))
                .containsExactly(
                        "finished",
                        "converged",
                        "faithful",
                        "g_masked_kl",
                        "g_masked_accuracy",
                        "rounded_kl",
                        "stochastic_kl",
                        "position_free_accuracy",
                        "position_free_kl",
                        "unlike_accuracy",
                        "unlike_kl",
                        "bimodal",
                        "nothing_dense",
                        "stable_by_threshold",
                        "stable_by_floor",
                        "adversarial_kl_20",
                        "adversarial_kl_80");
        assertThat(judged.checks("info")).containsExactly("dead");
        assertThat(judged.verdict().path("verdict").asString()).isEqualTo("pass");
        assertThat(judged.checks("basis", "trained_on"))
                .containsExactly("g_masked_kl", "g_masked_accuracy", "stochastic_kl");
        assertThat(judged.checks("basis", "held_out"))
                .containsExactly(
                        "rounded_kl",
                        "position_free_accuracy",
                        "position_free_kl",
                        "unlike_accuracy",
                        "unlike_kl",
                        "adversarial_kl_20",
                        "adversarial_kl_80");
        saysWhatItWasMeasuredOn(judged.verdict(), run);
        saysTheSameAsText(run);
    }

    private static void saysWhatItWasMeasuredOn(JsonNode verdict, Path run) throws IOException {
        assertThat(verdict.path("seed").asInt()).isEqualTo(1);
        assertThat(verdict.path("step").asInt()).isEqualTo(300);
        assertThat(verdict.path("sequences").asInt()).isEqualTo(256);
        assertThat(verdict.path("program").path("version").asString()).isNotEmpty();
        JsonNode digests = verdict.path("sha256");
        assertThat(digests.propertyNames())
                .containsExactlyInAnyOrder(
                        "config.yaml",
                        "metrics.jsonl",
                        "provenance.json",
                        "target/model.safetensors",
                        "checkpoints/300/decomposition.safetensors",
                        "checkpoints/300/training.safetensors");
        for (String file : digests.propertyNames()) {
            assertThat(digests.path(file).asString()).isEqualTo(sha256(run.resolve(file)));
        }
    }

    private static String sha256(Path file) throws IOException {
        try {
            return HexFormat.of()
                    .formatHex(
                            MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible);
        }
    }

    private static void saysTheSameAsText(Path run) {
        Result result = TinyRun.cleave("verdict", run.toString(), "--sequences", "256");

        assertThat(result.exitCode()).isZero();
        assertThat(result.out())
                .contains("position-free KL", "verdict: pass (0 failed, 0 warned of, 17 passed)")
                .doesNotContain("fail  ", "warn  ");
    }

    @Test
    void aRunOfTooFewStepsHasNotConverged() {
        Judged judged = Judged.of(solved.decompose("few", "steps=70"));

        assertThat(judged.exitCode()).isEqualTo(1);
        assertThat(judged.checks("fail")).contains("converged");
        assertThat(judged.checks("pass")).contains("finished", "g_masked_accuracy");
    }

    @Test
    void minimalityAHundredTimesTooHighSwitchesOffWhatIsNeeded() {
        Judged judged =
                Judged.of(solved.decompose("high", "streams[0].losses[2].coefficient=0.15"));

        assertThat(judged.exitCode()).isEqualTo(1);
        assertThat(judged.checks("fail"))
                .contains(
                        "g_masked_kl",
                        "g_masked_accuracy",
                        "stochastic_kl",
                        "position_free_kl",
                        "unlike_accuracy",
                        "unlike_kl");
        assertThat(judged.checks("pass")).contains("finished", "converged", "nothing_dense");
        assertThat(judged.figure("dead")).isEqualTo(1);
    }

    @Test
    void minimalityAHundredTimesTooLowLeavesEverythingOn() {
        Judged judged =
                Judged.of(solved.decompose("low", "streams[0].losses[2].coefficient=0.000015"));

        assertThat(judged.exitCode()).isEqualTo(1);
        assertThat(judged.checks("fail")).contains("nothing_dense");
        assertThat(judged.checks("pass"))
                .contains("finished", "converged", "faithful", "g_masked_kl", "position_free_kl");
        assertThat(judged.figure("dead")).isZero();
    }

    @Test
    void withoutFaithfulnessThePiecesDoNotSumToTheWeights() {
        Judged judged = Judged.of(solved.decompose("unfaithful", "faithfulness.coefficient=0.0"));

        assertThat(judged.exitCode()).isEqualTo(1);
        assertThat(judged.checks("fail")).contains("faithful");
        assertThat(judged.checks("pass"))
                .contains("g_masked_kl", "g_masked_accuracy", "stochastic_kl", "nothing_dense");
        JsonNode faithful = judged.verdict().path("lines").get(2);
        assertThat(faithful.path("what_to_do").asString()).contains("faithfulness.coefficient");
        assertThat(faithful.path("limit").path("pass").asDouble()).isEqualTo(1e-7);
    }
}
