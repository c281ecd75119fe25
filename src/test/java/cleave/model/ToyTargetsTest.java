package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.loss.Divergence;
import cleave.loss.Losses;
import cleave.model.Batch.LossPositions;
import cleave.model.SparseFeatures.Answer;
import cleave.study.toys.NeuronContributions;
import cleave.subcomponent.MaskedSite;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// The toys of SPD against numpy (`src/test/golden/toys.py`).
class ToyTargetsTest {
    private static final String FILE = "toys.json";
    private static final int C = 4;

    private final Differences differences = Golden.differences(FILE);

    @Test
    void theToyModelOfSuperpositionIsThatOfNumpy() {
        JsonNode golden = Golden.read(FILE).get("tms");
        Scopes.run(() -> {
            Tms.Shape shape =
                    new Tms.Shape(golden.get("features").asInt(), golden.get("hidden").asInt(), 1);
            try (Target target = new Tms(shape, Golden.tensors(golden.get("weights")), () -> {})) {
                Decomposition decomposition = decomposition(target, golden);
                Batch batch = batch(golden);
                Clean clean = target.clean(batch);
                check("clean", clean.outputs(), golden.get("clean"));
                Divergence divergence = Divergence.from(target.outputs(), clean.outputs(), null);
                Map<String, Replacement> masked = masked(decomposition, golden);
                Tensor all = target.forward(batch, masked, clean).outputs();
                Tensor hidden = alone(target, batch, clean, masked, "hidden0");
                Tensor last = alone(target, batch, clean, masked, "linear2");
                check("all", all, golden.get("all"));
                check("hidden alone", hidden, golden.get("hidden_alone"));
                check("last alone", last, golden.get("last_alone"));
                List<Tensor> outputs = List.of(all, hidden, last);
                for (int i = 0; i < 3; i++) {
                    check("error", divergence, outputs.get(i), golden.get("errors").get(i));
                }
                differences.check(
                        "faithfulness",
                        new double[] {Tensors.number(Losses.faithfulness(decomposition, false))},
                        new double[] {golden.get("faithfulness").asDouble()});
                check(
                        "loss of the target",
                        Divergence.from(target.outputs(), batch.inputs().abs(), null),
                        clean.outputs(),
                        golden.get("target_loss"));
            }
        });
    }

    @Test
    void theResidualMlpIsThatOfNumpy() {
        JsonNode golden = Golden.read(FILE).get("residual_mlp");
        Scopes.run(() -> {
            ResidualMlp.Shape shape =
                    new ResidualMlp.Shape(
                            golden.get("features").asInt(),
                            golden.get("width").asInt(),
                            golden.get("layers").asInt(),
                            golden.get("neurons").asInt());
            try (ResidualMlp target =
                    new ResidualMlp(shape, Golden.tensors(golden.get("weights")), () -> {})) {
                Decomposition decomposition = decomposition(target, golden);
                Batch batch = batch(golden);
                Clean clean = target.clean(batch);
                check("clean", clean.outputs(), golden.get("clean"));
                Map<String, Replacement> masked = masked(decomposition, golden);
                check("all", target.forward(batch, masked, clean).outputs(), golden.get("all"));
                for (Site site : target.sites()) {
                    check(
                            site.name(),
                            alone(target, batch, clean, masked, site.name()),
                            golden.get("alone").get(site.block()));
                }
                check(
                        "loss of the target",
                        Divergence.from(
                                target.outputs(), batch.inputs().add(batch.inputs().relu()), null),
                        clean.outputs(),
                        golden.get("target_loss"));
                contributions(decomposition, target, golden.get("contributions"));
            }
        });
    }

    private void contributions(Decomposition decomposition, ResidualMlp target, JsonNode golden) {
        NeuronContributions found = NeuronContributions.of(decomposition, target);
        differences.check(
                "contributions of the target", array(found.target()), numbers(golden, "target"));
        differences.check(
                "contributions", array(found.decomposed()), numbers(golden, "decomposed"));
        assertThat(found.correlation())
                .isCloseTo(golden.get("correlation").asDouble(), Offset.offset(1e-12));
    }

    private static double[] array(List<Double> list) {
        return list.stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static double[] numbers(JsonNode golden, String name) {
        return Golden.numbers(golden.get(name));
    }

    private void check(String what, Tensor actual, JsonNode expected) {
        differences.check(what, Tensors.toDoubles(actual), Golden.numbers(expected));
    }

    private void check(String what, Divergence divergence, Tensor outputs, JsonNode expected) {
        double mean = Tensors.number(divergence.sum(outputs)) / outputs.size(0);
        differences.check(what, new double[] {mean}, new double[] {expected.asDouble()});
    }

    private static Decomposition decomposition(Target target, JsonNode golden) {
        return new Decomposition(
                target,
                target.sites().stream().map(site -> new DecomposedSite(site, C)).toList(),
                new Mlp(8),
                Leak.PLAIN,
                Golden.tensors(golden.get("parameters")));
    }

    private static Batch batch(JsonNode golden) {
        Tensor inputs = Golden.tensor(golden.get("inputs"));
        return new Batch("toys", 0, inputs, null, LossPositions.last(inputs.size(0), 1, null));
    }

    private static Map<String, Replacement> masked(Decomposition decomposition, JsonNode golden) {
        Map<String, Replacement> masked = new LinkedHashMap<>();
        for (int i = 0; i < decomposition.sites().size(); i++) {
            DecomposedSite site = decomposition.sites().get(i);
            masked.put(
                    site.name(),
                    new MaskedSite(
                            decomposition.subcomponents(site),
                            Golden.tensor(golden.get("masks").get(i))));
        }
        return masked;
    }

    /// The same from the kept pass and from the inputs.
    private static Tensor alone(
            Target target, Batch batch, Clean clean, Map<String, Replacement> masked, String site) {
        Map<String, Replacement> one = new TreeMap<>(masked);
        one.keySet().retainAll(List.of(site));
        Tensor kept = target.forward(batch, one, clean).outputs();
        assertThat(Tensors.toDoubles(kept))
                .containsExactly(Tensors.toDoubles(target.forward(batch, one, null).outputs()));
        return kept;
    }

    @Test
    void sparseFeaturesAreThoseOfNumpy() {
        for (JsonNode golden : Golden.read(FILE).get("features")) {
            Scopes.run(() -> {
                SparseFeatures task =
                        new SparseFeatures(
                                golden.get("stream").asString(),
                                golden.get("features").asInt(),
                                golden.get("low").asDouble(),
                                golden.get("probability").asDouble(),
                                Answer.PLUS_RELU);
                Purpose purpose =
                        golden.get("evaluation").asBoolean() ? Purpose.EVALUATION : Purpose.DATA;
                Task.Examples examples = task.examples(golden.get("seed").asLong(), purpose, 7, 5);
                double[] expected = Golden.numbers(golden.get("values"));
                double[] values = Tensors.toDoubles(examples.batch().inputs());
                assertThat(values).hasSameSizeAs(expected);
                for (int i = 0; i < values.length; i++) {
                    assertThat(values[i]).isCloseTo(expected[i], Offset.offset(1e-7)); // float32
                }
                assertThat(Tensors.toDoubles(examples.labels()))
                        .containsExactly(
                                Arrays.stream(values).map(x -> x + Math.max(0, x)).toArray(),
                                Offset.offset(1e-7));
            });
        }
    }

    @Test
    void aProbeHasOneFeatureAtThreeQuarters() {
        Scopes.run(() -> {
            Task.Examples probes = new SparseFeatures("p", 2, 0, 0.5, Answer.SIZE).probes();
            assertThat(Tensors.toDoubles(probes.batch().inputs()))
                    .containsExactly(0.75, 0, 0, 0.75);
            assertThat(Tensors.toDoubles(probes.labels())).containsExactly(0.75, 0, 0, 0.75);
        });
    }

    @Test
    void anEmbeddingHasRowsOfUnitLengthAndAnIdentityIsOne() {
        Scopes.run(() -> {
            Tensor E = new ResidualMlp.Shape(3, 50, 1, 2).initial(1).get("embedding");
            double[] lengths =
                    Tensors.toDoubles(
                            Objects.requireNonNull(E).mul(E).matmul(Tensors.ones(Type.FLOAT, 50)));
            assertThat(lengths).containsExactly(new double[] {1, 1, 1}, Offset.offset(1e-6));
            assertThat(
                            Tensors.toDoubles(
                                    Tensors.named(
                                            "hidden0", new Tms.Shape(3, 2, 1).initial(1, true))))
                    .containsExactly(1, 0, 0, 1);
        });
    }

    @Test
    void weightsOfAnotherShapeAreRefused() {
        Scopes.run(() -> {
            var weights = new Tms.Shape(3, 2, 0).initial(1, false);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Tms(new Tms.Shape(4, 2, 0), weights, () -> {}))
                    .withMessageContaining("bias must have shape [4], got [3]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new Tms(new Tms.Shape(3, 2, 1), weights, () -> {}))
                    .withMessageContaining("must be [bias, hidden0, linear1]");
        });
    }
}
