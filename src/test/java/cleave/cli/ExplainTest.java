package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The command on the shipped facts model.
class ExplainTest {
    private static Result explain(String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "explain",
                                "models/facts-gpt2-decomposed",
                                "--prompt",
                                "Tiger Woods plays the sport of",
                                "--answer",
                                " golf"));
        arguments.addAll(List.of(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    @Test
    void theFewKeepTheAnswerBesideOtherChoicesOfAsMany() {
        Result result = explain("--steps", "40", "--attack", "1,3", "--json");
        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode found = new JsonMapper().readTree(result.out());
        double target = found.path("target").asDouble();
        assertThat(target).isGreaterThan(0.99);
        assertThat(found.path("members").size()).isBetween(5, 29);
        double before = 1;
        for (JsonNode member : found.path("members")) {
            assertThat(member.path("importance").asDouble())
                    .isPositive()
                    .isLessThanOrEqualTo(before);
            before = member.path("importance").asDouble();
        }
        assertThat(found.path("choices").valueStream().map(each -> each.path("name").asString("")))
                .containsExactly("importances", "fitted", "greedy", "attribution");
        for (JsonNode choice : found.path("choices")) {
            boolean all = choice.path("name").asString("").equals("importances");
            assertThat(choice.path("pieces").asInt())
                    .isEqualTo(all ? 29 : found.path("members").size());
            assertThat(choice.path("importance").asDouble()).isGreaterThan(0.9 * target);
            assertThat(choice.path("attacks").get(0).path("steps").asInt()).isEqualTo(1);
            // The least so far, so that it falls only where the adversary finds something worse.
            assertThat(choice.path("attacks").get(1).path("probability").asDouble())
                    .as(choice.toString())
                    .isLessThan(choice.path("attacks").get(0).path("probability").asDouble());
        }
        assertThat(found.path("fitted").asBoolean(false)).isTrue();
        JsonNode fitted = found.path("choices").get(1);
        for (String masks : List.of("importance", "stochastic", "rounded")) {
            assertThat(fitted.path(masks).asDouble()).as(masks).isGreaterThan(0.9 * target);
        }
        for (String moved : List.of("attacks", "others", "on")) {
            assertThat(fitted.path(moved).size()).as(moved).isEqualTo(2);
        }
    }

    /// That is a place which an adversary can go to whatever is chosen; ascent finds worse ones.
    @Test
    void noChoiceKeepsMoreThanAllSubcomponentsAlone() {
        Result result = explain("--steps", "2", "--attack", "20", "--minimality", "0.01", "--json");
        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode found = new JsonMapper().readTree(result.out());
        assertThat(found.path("minimality").asDouble()).isEqualTo(0.01);
        assertThat(found.path("ceiling").asDouble()).isLessThan(0.05);
        for (JsonNode choice : found.path("choices")) {
            assertThat(choice.path("others").get(0).path("probability").asDouble())
                    .isLessThan(found.path("ceiling").asDouble());
        }
    }

    @Test
    void withoutAnAdversaryItSaysThatWhatWasFoundMayBeUnfaithful() {
        Result result = explain("--steps", "2", "--attack", "1", "--no-adversary");
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .startsWith("\" golf\" after the prompt: probability 99.5")
                .contains("h.0.mlp.c_fc:76", "greedy", "adversary 1")
                .contains(
                        "No adversary took part in the fit, so that what was found may be unfaithful");
    }

    @Test
    void whatCannotBeAskedIsSaid() {
        Result result =
                explain(
                        "--steps",
                        "-1",
                        "--minimality",
                        "-1",
                        "--attack",
                        "3,1",
                        "--keep",
                        "0",
                        "--pieces",
                        "0");
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "--steps must be >= 0, got -1",
                        "--minimality must be >= 0, got -1.0",
                        "--keep must be > 0 and <= 1, got 0.0",
                        "--pieces must be >= 1, got 0",
                        "--attack must be growing numbers >= 0, got [3, 1]");
    }
}
