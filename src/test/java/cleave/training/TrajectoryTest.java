package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.mask.WeightDelta;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.testing.Differences;
import cleave.testing.GivenTask;
import cleave.testing.Golden;
import cleave.testing.GoldenLosses;
import cleave.testing.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Whole training runs of a tiny transformer against the reference.
class TrajectoryTest {
    private static final int ROWS = 4;

    @ParameterizedTest
    @CsvSource({
        "trajectory.json, 1, 4",
        "trajectory.json, 1, 3",
        "trajectory.json, 2, 3",
        "trajectory.json, 2, 1",
        "trajectory_before.json, 1, 4",
        "trajectory_before.json, 2, 3",
        "trajectory_rotary.json, 1, 4",
        "trajectory_rotary.json, 2, 3",
    })
    void everyStepAgreesWithTheReference(String file, int workers, int sliceRows) {
        JsonNode golden = Golden.read(file);
        Differences differences = Golden.differences(file);
        Scopes.run(() -> {
            try (Problem problem =
                            Problem.golden(
                                    golden.get("model"), golden.get("initial"), Leak.SIGN_GATED);
                    Trainer trainer =
                            new Trainer(
                                    method(golden),
                                    problem.decomposition(),
                                    problem.parameters(),
                                    workers,
                                    sliceRows)) {
                for (JsonNode expected : golden.get("steps")) {
                    check(differences, trainer.step(), expected);
                }
                problem.parameters()
                        .views()
                        .forEach((name, values) ->
                                differences.check(
                                        "final " + name,
                                        values,
                                        Golden.numbers(golden.get("final").get(name))));
            }
        });
        differences.report();
    }

    private static void check(Differences differences, Trainer.Report report, JsonNode expected) {
        String at = "step %d, ".formatted(report.step());
        assertThat(report.step()).isEqualTo(expected.get("step").asLong());
        differences.check(
                at + "learning rate",
                report.learningRate(),
                expected.get("learning_rate").asDouble());
        Map<String, Double> terms = report.outcome().terms();
        assertThat(terms).hasSize(expected.get("losses").size());
        for (Map.Entry<String, JsonNode> loss : expected.get("losses").properties()) {
            String ours =
                    switch (loss.getKey()) {
                        case "importance/all" -> "importance_reconstruction";
                        case "stochastic/all" -> "stochastic_reconstruction";
                        case "stochastic/each_alone" -> "stochastic_reconstruction_layerwise";
                        case "importance/random_subset" -> "importance_reconstruction_partial";
                        default -> loss.getKey();
                    };
            assertThat(terms).containsKey(ours);
            differences.check(
                    at + ours, terms.getOrDefault(ours, Double.NaN), loss.getValue().asDouble());
        }
        differences.check(at + "total", report.outcome().total(), expected.get("total").asDouble());
        JsonNode norms = expected.get("gradient_norms");
        differences.check(
                at + "norm of U and V",
                report.subcomponentNorm(),
                norms.get("subcomponents").asDouble());
        differences.check(
                at + "norm of the gates", report.gateNorm(), norms.get("gates").asDouble());
    }

    private static Trainer.Method method(JsonNode golden) {
        JsonNode recipe = golden.get("recipe");
        assertThat(recipe.get("leak").asString()).isEqualTo("sign_gated");
        List<LossTerm> terms = new ArrayList<>();
        Faithfulness faithfulness = StepRunner.NONE;
        for (JsonNode loss : recipe.get("losses")) {
            JsonNode settings = loss.get("settings");
            Schedule coefficient = Golden.schedule(loss.get("coefficient"));
            if (settings.get("kind").asString().equals("faithfulness")) {
                faithfulness = new Faithfulness(coefficient, settings.get("relative").asBoolean());
            } else {
                terms.add(GoldenLosses.term(settings, coefficient));
            }
        }
        Stream stream =
                new Stream(
                        new GivenTask(
                                "golden",
                                first ->
                                        Golden.batch(
                                                "golden",
                                                golden.get("steps")
                                                        .get((int) (first / ROWS))
                                                        .get("batch"))),
                        ROWS,
                        WeightDelta.NONE,
                        terms);
        return new Trainer.Method(
                recipe.get("seed").asLong(),
                recipe.get("steps").asLong(),
                faithfulness,
                List.of(stream),
                Golden.schedule(recipe.get("learning_rate")),
                1,
                new Adam.Settings(
                        recipe.get("beta1").asDouble(),
                        recipe.get("beta2").asDouble(),
                        recipe.get("eps").asDouble(),
                        recipe.get("weight_decay").asDouble()),
                Optional.of(recipe.get("clip").get("subcomponents").asDouble()),
                Optional.of(recipe.get("clip").get("gates").asDouble()));
    }
}
