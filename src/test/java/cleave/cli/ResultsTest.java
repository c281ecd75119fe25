package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What `census`, `circuit`, `suppress` and `report` print of a finished tiny run.
class ResultsTest {
    private static final String TOKENS = "0,1,9,3,4,9";

    @TempDir private static Path shared;
    private static String run = "";

    @BeforeAll
    static void decompose() throws IOException {
        TinyRun tiny = TinyRun.in(shared);
        Path directory = tiny.run("whole");
        Result result = tiny.decompose(directory);
        assertThat(result.exitCode()).as(result.err()).isZero();
        run = directory.toString();
    }

    private static JsonNode json(String... arguments) {
        Result result = TinyRun.cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    @Test
    void theCensusHasTheKeysThatScriptsRead() {
        JsonNode census = json("census", run, "--sequences", "20", "--json");

        assertThat(census.propertyNames())
                .contains("sites", "losses", "accuracy", "position_free", "sample");
        JsonNode site = census.path("sites").path("V1");
        assertThat(site.path("active").propertyNames()).containsExactly("s1", "m", "s2", "random");
        assertThat(site.path("unique").isInt()).isTrue();
        assertThat(site.path("unique_at").propertyNames()).containsExactly("0.1", "0.5", "0.9");
        assertThat(census.path("losses").propertyNames())
                .contains(
                        "faithfulness",
                        "importance_reconstruction",
                        "rounded_reconstruction",
                        "stochastic_reconstruction",
                        "stochastic_reconstruction_layerwise",
                        "stochastic_reconstruction_partial");
        assertThat(census.path("position_free").propertyNames()).contains("kept", "kl", "accuracy");
        assertThat(census.path("sample").path("sequences").asInt()).isEqualTo(20);
    }

    @Test
    void theCensusAsTextNamesItsSample() {
        Result result = TinyRun.cleave("census", run, "--sequences", "20");

        assertThat(result.exitCode()).isZero();
        assertThat(result.out()).contains("20 sequences", "20 loss positions", "position-free");
    }

    @Test
    void aCircuitCheckNeedsEveryStepsSites() {
        Result result = TinyRun.cleave("circuit", run, "--sequences", "20");

        // The tiny run decomposes Q0 and V1 alone.
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("step 2", "[Q0, V1]");
    }

    @Test
    void suppressingComparesTheOutputBeforeAndAfter() {
        JsonNode result =
                json("suppress", run, "--subcomponents", "V1:3", "--tokens", TOKENS, "--json");

        assertThat(result.propertyNames()).contains("tokens", "suppressed", "top", "kl");
        assertThat(result.path("top").get(0).propertyNames()).contains("token", "before", "after");
        assertThat(result.path("kl").asDouble()).isGreaterThanOrEqualTo(0);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "V1:4|0|4",
                "V2:0|0|V2",
                "V1:x|0|V1:x",
                "V1:3|6|6",
            })
    void suppressRefusesWhatIsNotThere(String subcomponents, String position, String named) {
        Result result =
                TinyRun.cleave(
                        "suppress",
                        run,
                        "--subcomponents",
                        subcomponents,
                        "--at",
                        position,
                        "--tokens",
                        TOKENS);

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains(named).doesNotContain("\tat ");
        assertThat(result.err().lines()).hasSizeLessThanOrEqualTo(3);
    }

    @ParameterizedTest
    @CsvSource({"--threshold,1.5,threshold", "--sequences,0,--sequences"})
    void theCensusRefusesWrongOptions(String option, String value, String named) {
        Result result = TinyRun.cleave("census", run, option, value);

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains(named);
    }

    @Test
    void theReportIsWrittenIntoTheRun() throws IOException {
        Result result = TinyRun.cleave("report", run, "--sequences", "20");

        assertThat(result.exitCode()).as(result.err()).isZero();
        Path page = Path.of(run, "report.html");
        assertThat(result.out()).contains(page.toString());
        assertThat(Files.readString(page)).contains("<!DOCTYPE html>", "V1");
        assertThat(List.of(result.err().split("\n"))).hasSizeLessThanOrEqualTo(3);
    }
}
