package cleave.importance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.importance.ImportanceFunction.Parameter;
import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import cleave.testing.Problem;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class ImportanceFunctionTest {
    private static final JsonNode GATES = Golden.read("gates.json");
    private static final JsonNode INITIAL = Golden.read("draws.json").get("initialisation");

    private static Stream<String> gates() {
        return StreamSupport.stream(GATES.get("gates").spliterator(), false)
                .map(gate -> gate.get("name").asString());
    }

    private static JsonNode gate(String name) {
        return StreamSupport.stream(GATES.get("gates").spliterator(), false)
                .filter(gate -> gate.get("name").asString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @MethodSource("gates")
    void valuesAndGradientsAgreeWithTheReference(String name) {
        JsonNode golden = gate(name);
        Differences differences = Golden.differences("gates.json, " + name);
        Scopes.run(() -> {
            SortedMap<String, Tensor> parameters = Golden.tensors(golden.get("parameters"));
            Tensor V = Golden.tensor(GATES.get("V"));
            V.requires_grad_(true);
            parameters.values().forEach(parameter -> parameter.requires_grad_(true));
            Tensor valid = Golden.flags(GATES.get("valid"));
            Tensor y =
                    Problem.gate(golden.get("settings"))
                            .preactivation(
                                    parameter -> Tensors.named(parameter, parameters),
                                    Golden.tensor(GATES.get("input")),
                                    V,
                                    valid);
            differences.check(
                    "pre-activation",
                    y.masked_fill(valid.logical_not().unsqueeze(2), 0),
                    Golden.numbers(golden.get("pre_activation")));
            Tensor total = y.mul(Golden.tensor(GATES.get("weights"))).sum();
            differences.check("total", Tensors.number(total), golden.get("total").asDouble());
            total.backward();
            parameters.put("V", V);
            parameters.forEach((parameter, leaf) -> {
                JsonNode expected = golden.get("gradients").get(parameter);
                double[] none = new double[(int) leaf.numel()];
                differences.check(
                        parameter,
                        leaf.grad().defined() ? Tensors.toDoubles(leaf.grad()) : none,
                        expected == null ? none : Golden.numbers(expected));
            });
        });
        differences.report();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sequence", "vector_mlp", "shared_mlp", "mlp"})
    void initialParametersAgreeWithTheReference(String kind) {
        JsonNode expected = INITIAL.get("gates").get(kind);
        int hidden = INITIAL.get("hidden_width").asInt();
        int positions = INITIAL.get("positions").asInt();
        Optional<Integer> headWidth = Optional.of(INITIAL.get("head_width").asInt());
        ImportanceFunction function =
                switch (kind) {
                    case "sequence" -> new Sequence(hidden, headWidth, true, positions, true);
                    case "vector_mlp" -> new VectorMlp(hidden);
                    case "shared_mlp" -> new SharedMlp(hidden);
                    case "mlp" -> new Mlp(hidden);
                    default -> throw new IllegalArgumentException(kind);
                };
        String name = INITIAL.get("site").asString();
        long[] W = Golden.shape(INITIAL.get("W"));
        int C = (int) Golden.shape(INITIAL.get("kaiming").get("V"))[1];
        Draws.Key key = Draws.key(INITIAL.get("seed").asLong(), Purpose.INITIALISATION).with(name);
        Differences differences = Golden.differences("draws.json, " + kind);
        Map<String, Parameter> parameters =
                function.parameters(Site.whole(name, 0, "weight", W[1], W[0]), C);
        assertThat(parameters).hasSize(expected.size());
        Scopes.run(() ->
                parameters.forEach((parameter, settings) -> {
                    Tensor initial = settings.initial(key.with(parameter), Type.DOUBLE);
                    JsonNode values = expected.get(parameter);
                    assertThat(initial.shape()).as(parameter).containsExactly(Golden.shape(values));
                    differences.check(parameter, initial, Golden.numbers(values));
                }));
    }

    @Test
    void widthsFollowTheSettings() {
        Site site = Site.whole("Q0", 0, "weight", 4, 3);
        Sequence full = new Sequence(3, Optional.empty(), true, 6, true);
        assertThat(shape(full, site, "query")).containsExactly(4L, 4L);
        assertThat(shape(full, site, "hidden")).containsExactly(8L, 15L);
        Sequence narrow = new Sequence(3, Optional.of(2), false, 6, false);
        assertThat(shape(narrow, site, "hidden")).containsExactly(2L, 15L);
        assertThat(shape(narrow, site, "relative")).containsExactly(11L);
        assertThat(full.maximumLength()).isEqualTo(6);
        assertThat(new Mlp(3).maximumLength()).isEqualTo(Integer.MAX_VALUE);
    }

    private static List<Long> shape(ImportanceFunction function, Site site, String parameter) {
        return Objects.requireNonNull(function.parameters(site, 5).get(parameter)).shape();
    }

    @Test
    void inputLongerThanThePositionTablesIsRefused() {
        Sequence function = new Sequence(2, Optional.of(2), true, 4, true);
        Scopes.run(() -> {
            SortedMap<String, Tensor> parameters = initial(function);
            assertThat(preactivation(function, parameters, input(4), null).shape())
                    .containsExactly(1, 4, 3);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> preactivation(function, parameters, input(5), null))
                    .withMessage(
                            "input length must be <= 4, the size of the importance function's position tables, got 5");
        });
    }

    @Test
    void aCausalFunctionDoesNotSeeLaterPositions() {
        Sequence causal = new Sequence(2, Optional.of(2), true, 6, true);
        Sequence bidirectional = new Sequence(2, Optional.of(2), false, 6, true);
        Scopes.run(() -> {
            assertThat(firstPosition(causal, 6)).isEqualTo(firstPosition(causal, 3));
            assertThat(firstPosition(bidirectional, 6))
                    .isNotEqualTo(firstPosition(bidirectional, 3));
        });
    }

    @Test
    void paddingOnTheLeftChangesNothingWhereOnlyDistancesCount() {
        Sequence function = new Sequence(2, Optional.of(2), true, 6, true);
        Scopes.run(() -> {
            SortedMap<String, Tensor> parameters = initial(function);
            Tensor padded =
                    preactivation(
                            function,
                            parameters,
                            Tensors.concatenate(1, input(2), input(3)),
                            Tensors.of(new boolean[] {false, false, true, true, true}, 1, 5));
            double[] all = Tensors.toDoubles(padded);
            assertThat(all).doesNotContain(Double.NaN);
            // Tables start at zero, so that only distances and contents count.
            assertThat(Arrays.copyOfRange(all, 2 * 3, 5 * 3))
                    .containsExactly(
                            Tensors.toDoubles(preactivation(function, parameters, input(3), null)),
                            Offset.offset(1e-14));
        });
    }

    private static double firstPosition(Sequence function, int length) {
        return Tensors.toDoubles(preactivation(function, initial(function), input(length), null))[
                0];
    }

    private static Tensor preactivation(
            PerSite function,
            SortedMap<String, Tensor> parameters,
            Tensor input,
            @Nullable Tensor valid) {
        Tensor unused = Tensors.zeros(Type.DOUBLE, 4, 3);
        return function.preactivation(
                name -> Tensors.named(name, parameters), input, unused, valid);
    }

    private static SortedMap<String, Tensor> initial(ImportanceFunction function) {
        SortedMap<String, Tensor> initial = new TreeMap<>();
        Draws.Key key = Draws.key(1, Purpose.INITIALISATION);
        function.parameters(Site.whole("Q0", 0, "weight", 4, 4), 3)
                .forEach((name, parameter) ->
                        initial.put(name, parameter.initial(key.with(name), Type.DOUBLE)));
        return initial;
    }

    /// The first positions of one sequence.
    private static Tensor input(int length) {
        return Draws.key(2, Purpose.DATA).normal(1, Type.DOUBLE, 1, length, 4);
    }
}
