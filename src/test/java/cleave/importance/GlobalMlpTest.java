package cleave.importance;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Engines;
import cleave.importance.GateInputs.OfSite;
import cleave.model.Clean;
import cleave.model.Site;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class GlobalMlpTest {
    private static final Site FIRST = Site.whole("first", 0, "first", 2, 2);
    private static final Site SECOND = Site.whole("second", 1, "second", 1, 1);
    private static final GlobalMlp FUNCTION = new GlobalMlp(List.of(2));
    private static final Offset<Double> NEAR = Offset.offset(1e-5);

    // gelu(2) and gelu(-1), to ten digits, from tables of the normal distribution function.
    private static final double OF_2 = 1.9544997361;
    private static final double OF_MINUS_1 = -0.1586552539;

    /// The first site reads (3, -3), whose root mean square is 3, and the second 5: together (1,
    /// -1, 1). The hidden layer is gelu(x_1 + x_3) = gelu(2) and gelu(x_2) = gelu(-1).
    @Test
    void everySiteReadsTheNormalisedInputsOfAll() {
        Scopes.run(() -> {
            GatesPass pass = FUNCTION.open(inputs(read(3, -3), parameters()));
            assertThat(numbers(pass.preactivations().get(0)))
                    .containsExactly(new double[] {OF_2 + 0.5, 2 * OF_MINUS_1 + 0.25}, NEAR);
            assertThat(numbers(pass.preactivations().get(1)))
                    .containsExactly(new double[] {OF_2 - OF_MINUS_1}, NEAR);
        });
    }

    @Test
    void aSiteThatReadsNothingIsAsZero() {
        Scopes.run(() -> {
            GatesPass pass = FUNCTION.open(inputs(read(0, 0), parameters()));
            // gelu(x_3) = gelu(1) = 0.8413447461, and gelu(0) = 0
            assertThat(numbers(pass.preactivations().get(1)))
                    .containsExactly(new double[] {0.8413447461}, NEAR);
        });
    }

    /// With gradients a = (1, 2) of the first site's and b = 3 of the second's: the shared layer
    /// gets those of both, the output layers their own. gelu'(2) = F(2) + 2 f(2) = 0.9772498681 + 2
    /// x 0.0539909665 = 1.0852318011.
    @Test
    void gradientsOfAllSitesMeetInTheSharedLayers() {
        Scopes.run(() -> {
            Map<String, Tensor> parameters = parameters();
            parameters.values().forEach(parameter -> parameter.requires_grad_(true));
            FUNCTION.open(inputs(read(3, -3), parameters)).backward(List.of(read(1, 2), read(3)));
            assertThat(numbers(Tensors.named("first.output", parameters).grad()))
                    .containsExactly(
                            new double[] {OF_2, 2 * OF_2, OF_MINUS_1, 2 * OF_MINUS_1}, NEAR);
            assertThat(numbers(Tensors.named("second.output", parameters).grad()))
                    .containsExactly(new double[] {3 * OF_2, 3 * OF_MINUS_1}, NEAR);
            assertThat(numbers(Tensors.named("second.output_bias", parameters).grad()))
                    .containsExactly(3);
            // To the first hidden number: (1 x 1 + 3 x 1) gelu'(2).
            assertThat(numbers(Tensors.named("hidden_1_bias", parameters).grad())[0])
                    .isCloseTo(4 * 1.0852318011, NEAR);
        });
    }

    @Test
    void theHiddenLayersAreSharedAndAsWideAsAsked() {
        GlobalMlp function = new GlobalMlp(List.of(4, 7));
        assertThat(function.shared(List.of(FIRST, SECOND)).keySet())
                .containsExactly("hidden_1", "hidden_1_bias", "hidden_2", "hidden_2_bias");
        assertThat(function.shared(List.of(FIRST, SECOND)).values())
                .extracting(ImportanceFunction.Parameter::shape)
                .containsExactly(List.of(3L, 4L), List.of(4L), List.of(4L, 7L), List.of(7L));
        assertThat(function.parameters(FIRST, 5).get("output"))
                .isEqualTo(ImportanceFunction.Parameter.of(1 / Math.sqrt(7), 7, 5).along(1));
    }

    /// W sends x_1 and x_3 to the first number and x_2 to the second. The first site's gates read
    /// one number each, the second's their difference.
    private static Map<String, Tensor> parameters() {
        return new TreeMap<>(
                Map.of(
                        "hidden_1", matrix(3, 1, 0, 0, 1, 1, 0),
                        "hidden_1_bias", vector(0, 0),
                        "first.output", matrix(2, 1, 0, 0, 2),
                        "first.output_bias", vector(0.5, 0.25),
                        "second.output", matrix(2, 1, -1),
                        "second.output_bias", vector(0)));
    }

    private static GateInputs inputs(Tensor first, Map<String, Tensor> parameters) {
        Clean unused = new Clean(first, new TreeMap<>(), List.of(), List.of());
        return new GateInputs(
                Engines.LIBTORCH,
                List.of(site(FIRST, first, parameters), site(SECOND, read(5), parameters)),
                name -> Tensors.named(name, parameters),
                null,
                unused);
    }

    private static OfSite site(Site site, Tensor activation, Map<String, Tensor> parameters) {
        return new OfSite(
                site,
                activation,
                read(0), // V is not read
                name -> Tensors.named(site.name() + "." + name, parameters));
    }

    /// One position of one sequence.
    private static Tensor read(double... values) {
        return Tensors.of(values, Type.DOUBLE, 1, 1, values.length);
    }

    private static Tensor matrix(int rows, double... values) {
        return Tensors.of(values, Type.DOUBLE, rows, values.length / rows);
    }

    private static Tensor vector(double... values) {
        return Tensors.of(values, Type.DOUBLE, values.length);
    }

    private static double[] numbers(Tensor tensor) {
        return Tensors.toDoubles(tensor);
    }
}
