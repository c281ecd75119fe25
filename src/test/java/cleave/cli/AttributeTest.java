package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The command on the shipped facts model, whose figures are those of `docs/appendix/explore.md`.
class AttributeTest {
    private static final String RUN = "models/facts-gpt2-decomposed";
    private static final String PROMPT = "Tiger Woods plays the sport of";

    @TempDir private Path folder;

    private static Result attribute(String... more) {
        List<String> arguments = new ArrayList<>(List.of("attribute", RUN, "--prompt", PROMPT));
        arguments.addAll(List.of(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
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
        JsonNode one = json(attribute("--json", "--answer", " golf"));
        JsonNode other = json(attribute("--json", "--answer", " tennis"));
        JsonNode both = json(attribute("--json", "--answer", " golf", "--against", " tennis"));
        double expected =
                end(one).path("explained").asDouble() - end(other).path("explained").asDouble();
        assertThat(end(both).path("explained").asDouble()).isCloseTo(expected, within(1e-4));
        assertThat(end(both).path("name").stringValue()).isEqualTo(" golf - tennis");
    }

    /// The ratio of two probabilities is that of the exponentials of their logits, so that both are
    /// of one pass.
    @Test
    void theProbabilityOfThePassThatIsAttributedStandsBesideItsLogit() {
        String[] quick = {"--json", "--random", "0", "--answer"};
        for (String masks : List.of("importance", "ones")) {
            JsonNode one = json(attribute(with(quick, " golf", "--masks", masks)));
            JsonNode other = json(attribute(with(quick, " tennis", "--masks", masks)));
            assertThat(one.path("masks").stringValue()).isEqualTo(masks);
            double ratio =
                    one.path("own_probability").asDouble()
                            / other.path("own_probability").asDouble();
            double logits =
                    end(one).path("activation").asDouble()
                            - end(other).path("activation").asDouble();
            assertThat(Math.log(ratio)).isCloseTo(logits, within(1e-4));
            boolean same =
                    one.path("own_probability").asDouble() == one.path("probability").asDouble();
            assertThat(same).isEqualTo(masks.equals("ones"));
        }
    }

    private static String[] with(String[] first, String... more) {
        return Stream.of(first, more).flatMap(Stream::of).toArray(String[]::new);
    }

    private static JsonNode end(JsonNode found) {
        return found.path("nodes").get(found.path("nodes").size() - 1);
    }

    @Test
    void theFileHasTheFormOfCircuitTracers() throws IOException {
        Path file = folder.resolve("Some graph.json");
        JsonNode printed = json(attribute("--json", "--random", "0", "--graph", file.toString()));
        JsonNode graph = new JsonMapper().readTree(Files.readString(file));
        assertThat(graph.propertyNames()).containsExactly("metadata", "qParams", "nodes", "links");
        assertThat(graph.path("metadata").path("slug").stringValue()).isEqualTo("some-graph");
        assertThat(graph.path("metadata").path("prompt_tokens").size()).isEqualTo(7);
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
        assertThat(ids)
                .contains("16_%d_6".formatted(printed.path("answer").path("id").asInt()))
                .hasSize(printed.path("nodes").size());
        assertThat(graph.path("links").size()).isEqualTo(printed.path("edges").size());
        for (JsonNode link : graph.path("links")) {
            assertThat(ids)
                    .contains(link.path("source").stringValue(), link.path("target").stringValue());
        }
    }

    @Test
    void theTextNamesNodesEdgesAndWhatIsExplained() {
        Result result = attribute("--hold", "attention", "--masks", "ones");
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .startsWith("\" golf\" after the prompt: probability 99.5")
                .contains("; under masks of 1 probability 99.5")
                .contains("29 subcomponents at 7 positions")
                .contains("embedding", "h.0.mlp.c_fc:76", "> \" golf\"")
                .contains("Explained by edges: of the logit ");
    }

    @Test
    void whatCannotBeAskedIsSaid() {
        assertThat(attribute("--answer", " golf golf").err())
                .startsWith("answer must be one token, got 2: [ golf,  golf]");
        assertThat(attribute("--answer", " golf", "--against", " golf").err())
                .startsWith("answer must be another token than what it is compared with");
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

    @Test
    void edgesExplainAlmostAll() {
        JsonNode completeness = json(attribute("--random", "0", "--json")).path("completeness");
        assertThat(completeness.path("output").asDouble()).isCloseTo(0.98, within(0.005));
        assertThat(completeness.path("middle").asDouble()).isCloseTo(0.99, within(0.005));
        assertThat(completeness.path("overall").asDouble()).isCloseTo(0.94, within(0.005));
    }
}
