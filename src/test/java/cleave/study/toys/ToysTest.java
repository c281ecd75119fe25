package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The suite on toys of three features that are trained and decomposed in a few steps.
class ToysTest {
    private static final String TRAINING =
            """
            model: %s
            seed: 0
            steps: 5
            batch: 8
            curriculum: [{length: 1, until: 1.0}]
            learning_rate: 0.01
            adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.01}
            workers: 1
            slice: 8
            evaluation_sequences: 20
            """;

    private static final String DECOMPOSITION =
            """
            target: elsewhere
            seed: 0
            steps: 3
            sites: [{pattern: "*", subcomponents: 4}]
            start: aligned
            importance: {kind: mlp, hidden: 8}
            leak: plain
            faithfulness: {coefficient: 1.0, relative: false}
            streams:
              - name: train
                length: 1
                batch: 8
                weight_delta: none
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: each_alone, draws: 1}
                  - {kind: importance_minimality, coefficient: 0.01, p: 1.0, epsilon: 0.0, zero_is_free: false, positions: mean, frequency: 0.0}
            optimizer:
              learning_rate: 0.001
              adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
            machine: {workers: 1, slice: 8, precision: float32}
            cadence: {log: 1, checkpoint: 10}
            """;

    private static final String SUITE =
            """
            toys:
              - name: easy
                model: models/small
                training: small.yaml
                settings: {paper: decomposition.yaml}
                cuts: {}
                checks:
                  - {metric: live.linear1, at_most: 4.0, spd: "3"}
                  - {metric: l0.hidden0}
              - name: hard
                model: models/mlp
                training: mlp.yaml
                settings: {paper: decomposition.yaml, quick: decomposition.yaml}
                cuts: {}
                checks: [{metric: contributions, at_least: 1.5}]
              - name: control
                model: models/small
                training: small.yaml
                control: shuffled
                settings: {paper: decomposition.yaml}
                cuts: {linear1: 0.1}
                checks: [{metric: mmcs, at_least: 1.5, apd: "0.998"}]
            """;

    @TempDir private Path temporary;

    @BeforeEach
    void write() throws IOException {
        file(
                "small.yaml",
                TRAINING.formatted(
                        "{kind: tms, features: 3, hidden: 2, identities: 1, zero_bias: true, probability: 0.3}"));
        file(
                "mlp.yaml",
                TRAINING.formatted(
                        "{kind: residual_mlp, features: 3, width: 6, layers: 2, neurons: 2, probability: 0.3}"));
        file("decomposition.yaml", DECOMPOSITION);
        file("suite.yaml", SUITE);
    }

    private void file(String name, String text) throws IOException {
        Files.writeString(temporary.resolve(name), text);
    }

    private Path runs() {
        return temporary.resolve("runs");
    }

    private Result toys(String... options) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "toys",
                                "--suite",
                                temporary.resolve("suite.yaml").toString(),
                                "--dir",
                                runs().toString()));
        arguments.addAll(List.of(options));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    @Test
    void trainsDecomposesComparesAndKeepsTheRows() throws IOException {
        Result first = toys("--only", "easy,control", "--seeds", "0-1");
        assertThat(first.exitCode()).as(first.err()).isZero();
        assertThat(first.out())
                .contains("easy", "live.linear1", "<= 4", "SPD paper", "ok")
                .contains("control: 0 of 2", "0.998", "0 of 2 would pass (a control)");
        List<String> rows = Files.readAllLines(runs().resolve("rows.jsonl"));
        assertThat(rows).hasSize(4);
        JsonNode row = JsonMapper.shared().readTree(rows.getFirst());
        assertThat(row.at("/toy").asString()).isEqualTo("easy");
        assertThat(row.at("/facts/command").asString()).startsWith("bin/cleave toys --suite");
        assertThat(row.at("/facts/steps").asString()).isEqualTo("3");
        assertThat(row.at("/numbers/live.linear1").asDouble()).isBetween(0.0, 4.0);
        assertThat(runs().resolve("easy-paper-1/report.html"))
                .content()
                .contains(
                        "Importance on single features",
                        "hidden 0",
                        "one for each feature",
                        "<a href=\"#directions\">Directions</a>");

        Result again = toys("--only", "easy", "--seeds", "1");
        assertThat(again.err()).doesNotContain("settings, seed");
        assertThat(again.exitCode()).isZero();
        assertThat(runs().resolve("rows.jsonl")).content().hasLineCount(4);
    }

    @Test
    void aMissedThresholdEndsWithOneAndTheJsonSaysWhich() throws IOException {
        Result missed = toys("--quick", "--json");
        assertThat(missed.exitCode()).as(missed.err()).isEqualTo(1);
        JsonNode json = JsonMapper.shared().readTree(missed.out());
        assertThat(json.at("/fine").asBoolean()).isFalse();
        assertThat(json.at("/toys").size()).isEqualTo(1); // the others have no quick settings
        assertThat(json.at("/toys/0/name").asString()).isEqualTo("hard");
        assertThat(json.at("/toys/0/checks/0/holding").asInt()).isZero();
        assertThat(json.at("/toys/0/checks/0/at_least").asDouble()).isEqualTo(1.5);
        assertThat(json.at("/toys/0/rows/0/numbers/contributions").asDouble()).isBetween(-1.0, 1.0);
        assertThat(runs().resolve("hard-quick-0/report.html")).content().contains("correlation");

        Result report =
                TinyRun.cleave("report", runs().resolve("hard-quick-0").toString(), "--json");
        assertThat(report.exitCode()).as(report.err()).isZero();
    }

    @Test
    void keptRowsAreShownWithoutRunningAnything() {
        Result nothing = toys("--kept");
        assertThat(nothing.exitCode()).as(nothing.err()).isZero();
        assertThat(runs()).doesNotExist();
    }

    @Test
    void wrongInputIsRefused() {
        assertRefused(toys("--only", "esay"), "toy must be one of [easy, hard, control], got esay");
        assertRefused(toys("--quick", "--paper"), "either --quick or --paper");
        assertRefused(toys("--seeds", "2-1"), "--seeds must have ranges that rise");
        assertRefused(
                TinyRun.cleave("toys", "--suite", temporary.resolve("small.yaml").toString()),
                "toys");
    }

    private static void assertRefused(Result result, String message) {
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains(message);
    }
}
