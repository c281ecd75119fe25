package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The command on a small run, and its figures on the shipped one.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AttributeTest {
    private static final String PROMPT = "8 3 5 7 9 3 2 9";

    @TempDir private static Path folder;
    private Path run;

    @BeforeAll
    void decompose() throws IOException {
        TinyRun tiny = TinyRun.in(folder);
        run = tiny.run("run");
        // After so few steps all subcomponents are still on.
        assertThat(tiny.decompose(run, "--set", "steps=5").exitCode()).isZero();
    }

    private Result attribute(String... more) {
        String[] arguments = new String[more.length + 4];
        arguments[0] = "attribute";
        arguments[1] = run.toString();
        arguments[2] = "--prompt";
        arguments[3] = PROMPT;
        System.arraycopy(more, 0, arguments, 4, more.length);
        return TinyRun.cleave(arguments);
    }

    private static JsonNode json(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    @Test
    void whatIsPrintedAsJsonAddsUp() {
        JsonNode found = json(attribute("--json", "--random", "2"));
        JsonNode nodes = found.path("nodes");
        double[] explained = new double[nodes.size()];
        for (JsonNode edge : found.path("edges")) {
            explained[edge.path("target").asInt()] += edge.path("value").asDouble();
            assertThat(edge.path("source").asInt()).isLessThan(edge.path("target").asInt());
            assertThat(edge.path("chance").asDouble()).isPositive();
        }
        assertThat(found.path("edges").size()).isEqualTo(found.path("found").asInt(0));
        int subcomponents = 0;
        for (int i = 0; i < explained.length; i++) {
            JsonNode node = nodes.get(i);
            double told = node.path("explained").asDouble();
            assertThat(explained[i]).isCloseTo(told, within(1e-9 + 1e-9 * Math.abs(told)));
            subcomponents += node.path("kind").stringValue().equals("subcomponent") ? 1 : 0;
        }
        assertThat(subcomponents).isPositive();
        assertThat(nodes.get(0).path("name").stringValue()).isEqualTo("embedding");
        JsonNode end = nodes.get(nodes.size() - 1);
        assertThat(end.path("name").stringValue())
                .isEqualTo(found.path("answer").path("text").stringValue());
        assertThat(found.path("completeness").path("output").asDouble())
                .isCloseTo(
                        end.path("explained").asDouble() / end.path("activation").asDouble(),
                        within(1e-12));
    }

    /// A difference is what two answers have alone, the one less the other.
    @Test
    void theDifferenceOfTwoAnswersIsTheDifferenceOfTheirEdges() {
        JsonNode one = json(attribute("--json", "--answer", "3"));
        JsonNode other = json(attribute("--json", "--answer", "5"));
        JsonNode both = json(attribute("--json", "--answer", "3", "--against", "5"));
        double expected =
                end(one).path("explained").asDouble() - end(other).path("explained").asDouble();
        assertThat(end(both).path("explained").asDouble()).isCloseTo(expected, within(1e-5));
        assertThat(end(both).path("name").stringValue()).isEqualTo("3 -5");
    }

    private static JsonNode end(JsonNode found) {
        return found.path("nodes").get(found.path("nodes").size() - 1);
    }

    @Test
    void theFileHasTheFormOfCircuitTracers() throws IOException {
        Path file = folder.resolve("Some graph.json");
        JsonNode printed =
                json(attribute("--json", "--answer", "3", "--graph", file.toString()));
        JsonNode graph = new JsonMapper().readTree(Files.readString(file));
        assertThat(graph.propertyNames())
                .containsExactly("metadata", "qParams", "nodes", "links");
        assertThat(graph.path("metadata").path("slug").stringValue()).isEqualTo("some-graph");
        assertThat(graph.path("metadata").path("prompt_tokens").size()).isEqualTo(8);
        Set<String> ids = new HashSet<>();
        for (JsonNode node : graph.path("nodes")) {
            assertThat(node.propertyNames())
                    .contains(
                            "node_id",
                            "feature",
                            "layer",
                            "ctx_idx",
                            "feature_type",
                            "token_prob",
                            "is_target_logit",
                            "run_idx",
                            "reverse_ctx_idx",
                            "jsNodeId",
                            "clerp",
                            "influence",
                            "activation");
            assertThat(ids.add(node.path("node_id").stringValue())).isTrue();
            assertThat(node.path("node_id").stringValue())
                    .isEqualTo(
                            "%s_%d_%d"
                                    .formatted(
                                            node.path("layer").stringValue(),
                                            node.path("feature").asInt(),
                                            node.path("ctx_idx").asInt()));
        }
        assertThat(ids).contains("E_8_0", "2_3_7").hasSize(printed.path("nodes").size());
        assertThat(graph.path("links").size()).isEqualTo(printed.path("edges").size());
        for (JsonNode link : graph.path("links")) {
            assertThat(ids)
                    .contains(
                            link.path("source").stringValue(), link.path("target").stringValue());
        }
    }

    @Test
    void theTextNamesNodesEdgesAndWhatIsExplained() {
        Result result = attribute("--answer", "3", "--hold", "attention", "--masks", "ones");
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .startsWith("\"3\" after the prompt: probability ")
                .contains("embedding", "V1:", "> \"3\"", "Explained by edges: of the logit ");
    }

    @Test
    void whatCannotBeAskedIsSaid() {
        assertThat(attribute("--answer", "3 5").err())
                .isEqualTo("answer must be one token, got 2: [3, 5]" + System.lineSeparator());
        assertThat(attribute("--answer", "3", "--against", "3").err())
                .startsWith("answer must be another token than what it is compared with, got 3");
        Result result =
                attribute("--threshold", "1", "--hold", "x", "--masks", "y", "--random", "-1");
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "--threshold must be >= 0 and < 1, got 1.0",
                        "--hold must be nothing, norms or attention, got x",
                        "--masks must be importance or ones, got y",
                        "--random must be >= 0, got -1");
    }

    /// The figures of `docs/explore.md`.
    @Test
    void onTheShippedFactsModelEdgesExplainAlmostAll() throws IOException {
        Result result =
                TinyRun.cleave(
                        "attribute",
                        "models/facts-gpt2-decomposed",
                        "--prompt",
                        "Tiger Woods plays the sport of",
                        "--answer",
                        " golf",
                        "--random",
                        "0",
                        "--json");
        JsonNode found = json(result);
        JsonNode completeness = found.path("completeness");
        assertThat(completeness.path("output").asDouble()).isCloseTo(0.98, within(0.005));
        assertThat(completeness.path("middle").asDouble()).isCloseTo(0.99, within(0.005));
        assertThat(completeness.path("overall").asDouble()).isCloseTo(0.94, within(0.005));
    }
}
