package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Twins;
import cleave.decomposition.Twins.Handover;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A search over the examples of a step, in slices (spec W1 to W5).
class TwinSearchTest {
    private static final PaddedTask TASK = new PaddedTask("toy", Toy.TOKENS, 5, true);
    private static final List<Stream> STREAMS =
            List.of(new Stream(TASK, 4, WeightDelta.NONE, List.of()));
    private static final long SEED = 7;
    private static final long STEP = 3;

    @Test
    void theFreedOnesGateIsShutOnTheExamplesAndAllElseStays() {
        Scopes.run(() -> {
            try (Problem problem = twins()) {
                Decomposition decomposition = problem.decomposition();
                double[] bias = bias(decomposition);
                double[] sum = sum(decomposition);

                Map<String, List<Handover>> done = search(decomposition, Optional.of(0.1));

                assertThat(done).containsOnlyKeys("V0");
                assertThat(done.values().stream().flatMap(List::stream))
                        .extracting(Handover::freed)
                        .containsExactly(1);
                double[] after = bias(decomposition);
                assertThat(after[0]).isEqualTo(bias[0]);
                assertThat(after[1]).isLessThan(bias[1]);
                assertThat(after[2]).isEqualTo(bias[2]);
                assertThat(largestOfTheSecond(decomposition)).isEqualTo(-0.1, within(1e-12));
                assertThat(sum(decomposition)).containsExactly(sum, within(1e-12));
            }
        });
    }

    @Test
    void withoutShutNoGateChanges() {
        Scopes.run(() -> {
            try (Problem problem = twins()) {
                double[] bias = bias(problem.decomposition());
                assertThat(search(problem.decomposition(), Optional.empty()))
                        .containsOnlyKeys("V0");
                assertThat(bias(problem.decomposition())).containsExactly(bias);
            }
        });
    }

    private static Map<String, List<Handover>> search(
            Decomposition decomposition, Optional<Double> shut) {
        Twins.Settings settings = new Twins.Settings(1, 0, 1, 0.8, 0.02, shut);
        return TwinSearch.handOverInPlace(decomposition, STREAMS, settings, SEED, STEP, 3);
    }

    /// Of three at V0 the first two read the same and are on everywhere, the first a little more.
    private static Problem twins() {
        Target target = Toy.target(Type.DOUBLE);
        Problem problem =
                Toy.problem(
                        target, Toy.sites(target, 3, "V0"), new VectorMlp(2), Leak.SIGN_GATED, 3);
        Map<String, Tensor> views = problem.parameters().views();
        Tensors.named("V0.gate.output", views).mul_(0.01);
        Tensors.named("V0.gate.output_bias", views)
                .copy_(Tensors.of(new double[] {0.9, 0.7, -9}, Type.DOUBLE, 3));
        Tensor V = Tensors.named("V0.V", views);
        V.select(1, 1).copy_(V.select(1, 0));
        return problem;
    }

    private static double largestOfTheSecond(Decomposition decomposition) {
        Batch batch = TASK.examples(SEED, Draws.Purpose.DATA, 4 * STEP, 4).batch();
        Tensor all =
                decomposition
                        .importances(decomposition.target().clean(batch), batch.valid())
                        .getFirst()
                        .preactivation();
        double[] values = Tensors.toDoubles(all.select(2, 1).contiguous());
        double[] valid = Tensors.toDoubles(Objects.requireNonNull(batch.valid()).to(Type.DOUBLE));
        double largest = Double.NEGATIVE_INFINITY;
        for (int at = 0; at < values.length; at++) {
            largest = valid[at] == 1 ? Math.max(largest, values[at]) : largest;
        }
        return largest;
    }

    private static double[] bias(Decomposition decomposition) {
        return Tensors.toDoubles(decomposition.gateBias(decomposition.sites().getFirst()));
    }

    private static double[] sum(Decomposition decomposition) {
        return Tensors.toDoubles(
                decomposition.subcomponents(decomposition.sites().getFirst()).delta());
    }
}
