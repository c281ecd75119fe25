package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.decomposition.Decomposition;
import cleave.hub.Model;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.ModelSpec;
import cleave.run.LoadedRun;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave qk`: parts add up to scores, and scores to the pattern that the network has.
class QkTest {
    private static final String PROMPT = "3 1 4 1 5";
    private static final String FACTS = "models/facts-gpt2-decomposed";

    @TempDir private Path folder;

    private Path tiny(Code code, String... options) throws IOException {
        TinyRun tiny = TinyRun.in(folder);
        Scopes.run(() -> {
            ModelSpec.InductionTransformer spec =
                    new ModelSpec.InductionTransformer(
                            8, 12, 8, 2, code, Added.AFTER, true, true, 0.5);
            try {
                Model.save(tiny.model(), spec, spec.initial(0), "# Random weights\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        Path run = tiny.run("run");
        Result result = tiny.decompose(run, options);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return run;
    }

    private static Result qk(String run, String prompt, String... more) {
        List<String> arguments = new ArrayList<>(List.of("qk", run, "--prompt", prompt));
        arguments.addAll(List.of(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    private static JsonNode json(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    private static double sum(JsonNode pairs, String name) {
        double sum = 0;
        for (JsonNode pair : pairs) {
            sum += pair.path(name).asDouble();
        }
        return sum;
    }

    /// The softmax of the scores of all keys is the pattern of the pass itself.
    private static void assertScoresMakeThePattern(
            String run, String prompt, String head, String masks) {
        JsonNode first = json(qk(run, prompt, "--head", head, "--masks", masks, "--json"));
        int query = first.path("query").asInt();
        double[] scores = new double[query + 1];
        double[] above = new double[query + 1];
        for (int key = 0; key <= query; key++) {
            JsonNode found =
                    json(
                            qk(
                                    run,
                                    prompt,
                                    "--head",
                                    head,
                                    "--masks",
                                    masks,
                                    "--key",
                                    Integer.toString(key),
                                    "--top",
                                    "100000",
                                    "--json"));
            scores[key] = found.path("score").asDouble();
            above[key] = found.path("above").asDouble();
            assertThat(found.path("pairs").size()).isEqualTo(found.path("found").asInt());
            assertThat(sum(found.path("pairs"), "part")).isCloseTo(scores[key], within(1e-4));
            assertThat(sum(found.path("pairs"), "share")).isCloseTo(1, within(1e-3));
            assertThat(sum(found.path("pairs"), "above")).isCloseTo(above[key], within(1e-4));
        }
        double mean = Arrays.stream(scores).average().orElseThrow();
        double all = Arrays.stream(scores).map(Math::exp).sum();
        JsonNode row = first.path("pattern").get(query);
        for (int key = 0; key <= query; key++) {
            assertThat(above[key]).isCloseTo(scores[key] - mean, within(1e-4));
            assertThat(row.get(key).asDouble())
                    .isCloseTo(Math.exp(scores[key]) / all, within(1e-5));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "FIXED, importance",
        "FIXED, ones",
        "LEARNED, ones",
        "ROTARY, ones",
        "ROTARY, importance"
    })
    void partsAddUpToScoresThatMakeThePattern(Code code, String masks) throws IOException {
        Path run = tiny(code, "--set", "steps=2");
        assertScoresMakeThePattern(run.toString(), PROMPT, "0.0", masks);
        assertScoresMakeThePattern(run.toString(), PROMPT, "1.0", masks);
    }

    /// Several heads, biases, and one map to queries, keys and values.
    @Test
    void partsAddUpInALanguageModel() {
        assertScoresMakeThePattern(FACTS, "Tiger Woods", "1.1", "ones");
    }

    /// By hand: each pair of numbers `i` and `i + 4` turns by `position 10000^(-i / 4)`.
    @Test
    void strengthsOfRotaryHeadsAreByDistance() throws IOException {
        Path run =
                tiny(
                        Code.ROTARY,
                        "--set",
                        "steps=2",
                        "--set",
                        "sites=[{pattern: Q0, subcomponents: 4}, {pattern: K0, subcomponents: 4}]");
        JsonNode found =
                json(
                        qk(
                                run.toString(),
                                PROMPT,
                                "--head",
                                "0.0",
                                "--masks",
                                "ones",
                                "--key",
                                "2",
                                "--json"));
        assertThat(found.path("turns").asBoolean()).isTrue();
        int compared = 0;
        for (JsonNode pair : found.path("pairs")) {
            String query = pair.path("query").stringValue();
            String key = pair.path("key").stringValue();
            if (!query.startsWith("Q0:") || !key.startsWith("K0:")) {
                assertThat(pair.path("strength").isNull()).isTrue();
                continue;
            }
            int i = query.charAt(3) - '0';
            int j = key.charAt(3) - '0';
            for (int distance = 0; distance < 5; distance++) {
                assertThat(pair.path("strengths").get(distance).asDouble())
                        .isCloseTo(strength(run, i, j, distance), within(1e-5));
            }
            assertThat(pair.path("strength").asDouble())
                    .isCloseTo(strength(run, i, j, 2), within(1e-5));
            compared++;
        }
        assertThat(compared).isEqualTo(16);
    }

    private static double strength(Path run, int i, int j, int distance) {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            return Scopes.run(() -> {
                Decomposition all = loaded.decomposition();
                var queries = all.subcomponents(all.sites().get(0));
                var keys = all.subcomponents(all.sites().get(1));
                double[] q = Tensors.toDoubles(queries.U().select(0, i).contiguous());
                double[] k = Tensors.toDoubles(keys.U().select(0, j).contiguous());
                double sum = 0;
                for (int n = 0; n < 4; n++) {
                    double angle = distance * Math.pow(10_000, -n / 4.0);
                    double a = q[n] * Math.cos(angle) - q[n + 4] * Math.sin(angle);
                    double b = q[n + 4] * Math.cos(angle) + q[n] * Math.sin(angle);
                    sum += a * k[n] + b * k[n + 4];
                }
                return sum
                        / Math.sqrt(8)
                        * Tensors.number(queries.V().select(1, i).norm())
                        * Tensors.number(keys.V().select(1, j).norm());
            });
        }
    }

    @Test
    void aPatternIsShownWithAndWithoutAndDrawn() throws IOException {
        Path picture = folder.resolve("pattern.svg");
        Result result =
                qk(
                        FACTS,
                        "Tiger Woods",
                        "--head",
                        "0.0",
                        "--masks",
                        "ones",
                        "--without",
                        "h.0.attn.c_attn:1",
                        "--picture",
                        picture.toString());
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .startsWith("Head 0.0, query 2 \" Woods\", key ")
                .contains("above the mean of its keys", "do not depend on the distance", "without");
        assertThat(result.out().lines().skip(1))
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
        assertThat(Files.readString(picture))
                .startsWith("<svg")
                .contains("head 0.0 without", "difference", "Woods");
    }

    @Test
    void wrongInputIsRefusedAllAtOnce() throws IOException {
        Result form = qk(FACTS, "Tiger", "--head", "one", "--masks", "x", "--top", "-1");
        assertThat(form.exitCode()).isEqualTo(2);
        assertThat(form.err())
                .contains(
                        "--head must be LAYER.HEAD such as 1.3, got one",
                        "--masks must be importance or ones, got x",
                        "--top must be >= 0, got -1");
        Result range = qk(FACTS, "Tiger Woods", "--head", "0.99", "--query", "9");
        assertThat(range.exitCode()).isEqualTo(2);
        assertThat(range.err())
                .contains(
                        "head must be in 0..",
                        "query must be one of the 3 positions from 0, got 9");
        assertThat(qk(FACTS, "Tiger Woods", "--head", "77.0").err())
                .contains("layer must be in 0..3, got 77");
        assertThat(qk(FACTS, "Tiger Woods", "--head", "0.0", "--query=1", "--key=2").err())
                .contains("key must be a position that query 1 sees, got 2");
        assertThat(qk(FACTS, "Tiger", "--head", "0.0", "--without", "nothing").err())
                .contains("subcomponent must be SITE:INDEX, got 'nothing'");
    }
}
