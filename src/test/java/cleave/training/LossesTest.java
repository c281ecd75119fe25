package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.loss.Usage;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.Differences;
import cleave.testing.GivenTask;
import cleave.testing.Golden;
import cleave.testing.GoldenLosses;
import cleave.testing.Problem;
import cleave.testing.WrappedTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Every loss by itself and its gradients, by the production step, against the reference.
class LossesTest {
    private static final JsonNode GOLDEN = Golden.read("losses.json");
    private static final long SEED = GOLDEN.get("draws").get("seed").asLong();
    private static final long STEP = GOLDEN.get("draws").get("step").asLong();
    private static final Schedule ONE = Schedule.constant(1);
    private static final Differences DIFFERENCES = Golden.differences("losses.json");

    @AfterAll
    static void report() {
        DIFFERENCES.report();
    }

    private static java.util.stream.Stream<String> losses() {
        return StreamSupport.stream(GOLDEN.get("losses").spliterator(), false)
                .map(loss -> loss.get("name").asString());
    }

    @ParameterizedTest
    @MethodSource("losses")
    void valueAndGradientsAgreeWithTheReference(String name) {
        JsonNode loss = golden(name);
        check(loss, 1, 4);
        check(loss, 2, 3);
    }

    private static JsonNode golden(String name) {
        return StreamSupport.stream(GOLDEN.get("losses").spliterator(), false)
                .filter(loss -> loss.get("name").asString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static void check(JsonNode loss, int workers, int sliceRows) {
        String name = loss.get("name").asString();
        JsonNode settings = loss.get("settings");
        Scopes.run(() -> {
            Stream stream =
                    new Stream(
                            new GivenTask("golden", _ -> batch()),
                            4,
                            GoldenLosses.weightDelta(settings),
                            terms(settings));
            try (Workers threads = new Workers(workers);
                    Problem problem = problem(loss);
                    StepRunner runner =
                            new StepRunner(
                                    problem,
                                    List.of(stream),
                                    faithfulness(settings),
                                    threads,
                                    sliceRows,
                                    SEED,
                                    STEP + 1)) {
                DIFFERENCES.check(name, runner.run(STEP).total(), loss.get("value").asDouble());
                runner.gradients()
                        .forEach((parameter, gradient) -> {
                            JsonNode expected = loss.get("gradients").get(parameter);
                            DIFFERENCES.check(
                                    name + ", " + parameter,
                                    gradient,
                                    expected == null
                                            ? new double[gradient.length]
                                            : Golden.numbers(expected));
                        });
            }
        });
    }

    private static Batch batch() {
        return Golden.batch("golden", GOLDEN.get("batch"));
    }

    private static Problem problem(JsonNode loss) {
        Leak leak = Leak.valueOf(loss.get("leak").asString().toUpperCase(Locale.ROOT));
        Problem problem = Problem.golden(GOLDEN.get("model"), GOLDEN.get("parameters"), leak);
        if (!loss.get("settings").has("divergence")) {
            return problem;
        }
        Decomposition logits = problem.decomposition();
        Target values = WrappedTarget.values(logits.target());
        return new Problem(
                new Decomposition(
                        values, logits.sites(), logits.function(), logits.leak(), logits.tensors()),
                problem.parameters());
    }

    private static Faithfulness faithfulness(JsonNode settings) {
        return settings.get("kind").asString().equals("faithfulness")
                ? new Faithfulness(ONE, settings.get("relative").asBoolean())
                : StepRunner.NONE;
    }

    private static List<LossTerm> terms(JsonNode settings) {
        List<LossTerm> terms = new ArrayList<>();
        // Terms of coefficient zero bring the term to its place in the stream.
        for (int i = 0; settings.has("term") && i < settings.get("term").asInt(); i++) {
            terms.add(new Usage(Schedule.constant(0), 0.5, 1e-5));
        }
        switch (settings.get("kind").asString()) {
            case "faithfulness" -> {}
            case "frequency" -> {
                // The reference has the frequency part by itself, we have it within minimality.
                terms.add(GoldenLosses.minimality(settings, ONE, 1));
                terms.add(GoldenLosses.minimality(settings, Schedule.constant(-1), 0));
            }
            default -> terms.add(GoldenLosses.term(settings, ONE));
        }
        return terms;
    }

    @Test
    void cleanForwardAndImportancesAgreeWithTheReference() {
        Scopes.run(() -> {
            try (Problem gated = problem(golden("stochastic/all"));
                    Problem plain = problem(golden("stochastic/all plain leak"))) {
                Batch batch = batch();
                Clean clean = gated.decomposition().target().clean(batch);
                clean.inputs()
                        .forEach((site, input) ->
                                atValid(
                                        "input of " + site,
                                        input,
                                        GOLDEN.get("site_inputs").get(site)));
                assertThat(clean.inputs().keySet()).hasSize(gated.decomposition().sites().size());
                List<CausalImportance> importances =
                        gated.decomposition().importances(clean, batch.valid());
                List<CausalImportance> leaking =
                        plain.decomposition().importances(clean, batch.valid());
                for (int i = 0; i < importances.size(); i++) {
                    String site = gated.decomposition().sites().get(i).name();
                    CausalImportance g = importances.get(i);
                    atValid(
                            "x of " + site,
                            g.preactivation(),
                            GOLDEN.get("pre_activation").get(site));
                    atValid(
                            "lower of " + site,
                            g.lower(),
                            GOLDEN.get("lower_sign_gated").get(site));
                    atValid("upper of " + site, g.upper(), GOLDEN.get("upper").get(site));
                    atValid(
                            "plain lower of " + site,
                            leaking.get(i).lower(),
                            GOLDEN.get("lower_plain").get(site));
                }
            }
        });
    }

    private static void atValid(String what, Tensor actual, JsonNode expected) {
        Tensor padding = Golden.flags(GOLDEN.get("batch").get("valid")).logical_not().unsqueeze(2);
        DIFFERENCES.check(what, actual.masked_fill(padding, 0), Golden.numbers(expected));
    }

    @Test
    void cleanOutputsAgreeWithTheReferenceAtEveryPosition() {
        Scopes.run(() -> {
            try (Problem problem = problem(golden("stochastic/all"))) {
                Batch batch = batch();
                long[] everywhere = new long[(int) (batch.rows() * batch.length())];
                for (int i = 0; i < everywhere.length; i++) {
                    everywhere[i] = i % batch.length();
                }
                Batch all =
                        new Batch(
                                batch.stream(),
                                batch.firstExample(),
                                batch.inputs(),
                                batch.valid(),
                                new Batch.LossPositions(
                                        Tensors.of(everywhere, batch.rows(), batch.length()),
                                        null));
                Tensor outputs = problem.decomposition().target().clean(all).outputs();
                atValid("clean logits", outputs, GOLDEN.get("clean_logits"));
            }
        });
    }
}
