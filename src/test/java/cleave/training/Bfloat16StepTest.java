package cleave.training;

import static cleave.model.InductionTransformer.Added.AFTER;
import static cleave.model.InductionTransformer.Code.FIXED;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.engine.Products;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// A step with its large products in bfloat16 against one in float32, where sites and gates are too
/// wide for kernels.
class Bfloat16StepTest {
    private static final long SEED = 5;

    /// What one product adds: both operands and the result are rounded by at most 2^-9 of
    /// themselves, `sqrt(3) 2^-9 < 2^-8` when roundings are independent.
    private static final double OF_A_PRODUCT = 1.0 / (1 << 8);

    /// Products from the input of a masked pass to a gradient: seven a block forwards and as many
    /// backwards, for two blocks, the output layer, and the gates' three.
    private static final int PRODUCTS = 2 * (2 * 7 + 1) + 3;

    /// Terms that depend on masks continuously; a drawn mask of 0 or 1 may flip by a rounding.
    private static final List<Stream> STREAMS =
            List.of(
                    new Stream(
                            new PaddedTask("padded", Toy.TOKENS, Toy.LENGTH, true),
                            5,
                            WeightDelta.STOCHASTIC,
                            List.of(
                                    reconstruct(new Masking.Stochastic(), new Routing.All()),
                                    reconstruct(
                                            new Masking.Importance(), new Routing.EachAlone()))));

    private static LossTerm reconstruct(Masking masking, Routing routing) {
        return new Reconstruction(Schedule.constant(1), masking, routing, 1);
    }

    @Test
    void agreesWithFloat32AsFarAsItsRoundingGoes() {
        Outcome exact = run(Products.EXACT);
        Outcome rounded = run(Products.bfloat16());
        assertThat(rounded.total())
                .isNotEqualTo(exact.total())
                .isCloseTo(
                        exact.total(),
                        Offset.offset(
                                Math.sqrt(PRODUCTS) * OF_A_PRODUCT * Math.abs(exact.total())));
        double largest = 0;
        for (String name : exact.gradients().keySet()) {
            double[] expected = Objects.requireNonNull(exact.gradients().get(name));
            double[] actual = Objects.requireNonNull(rounded.gradients().get(name));
            largest = Math.max(largest, distance(actual, expected));
        }
        System.out.printf("bfloat16: largest difference of a gradient %.1e%n", largest);
        assertThat(largest).isLessThan(PRODUCTS * OF_A_PRODUCT);
    }

    @Test
    void isTheSameEachTime() {
        Outcome first = run(Products.bfloat16());
        Outcome second = run(Products.bfloat16());
        assertThat(second.total()).isEqualTo(first.total());
        first.gradients()
                .forEach((name, gradient) ->
                        assertThat(second.gradients().get(name)).isEqualTo(gradient));
    }

    /// Fresh parameters, with importances in between so that few lie at a kink.
    private static Problem problem(
            Target target, List<DecomposedSite> sites, ImportanceFunction function) {
        Parameters initial =
                Decomposition.initial(target, sites, function, Start.KAIMING, SEED, target::weight);
        initial.views()
                .forEach((name, one) -> {
                    if (name.endsWith("output_bias")) {
                        one.add_(0.5);
                    }
                });
        return new Problem(
                new Decomposition(target, sites, function, Leak.SIGN_GATED, initial.views()),
                initial);
    }

    private record Outcome(double total, SortedMap<String, double[]> gradients) {}

    private static Outcome run(Products products) {
        return Scopes.run(() -> {
            Target target = Toy.target(new Shape(5, 6, 136, 2, FIXED, AFTER, true), Type.FLOAT);
            target.use(products);
            try (Problem problem =
                            problem(
                                    target,
                                    Toy.sites(target, 8, "Q0", "V0", "K1", "O1"),
                                    new VectorMlp(8));
                    Workers workers = new Workers(2);
                    StepRunner runner =
                            new StepRunner(
                                    problem,
                                    STREAMS,
                                    ToyStreams.FAITHFULNESS,
                                    workers,
                                    2,
                                    SEED,
                                    4)) {
                double total = runner.run(1).total();
                return new Outcome(total, runner.gradients());
            }
        });
    }

    private static double distance(double[] actual, double[] expected) {
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            size += expected[i] * expected[i];
        }
        return size == 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
    }
}
