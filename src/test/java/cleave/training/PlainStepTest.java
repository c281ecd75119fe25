package cleave.training;

import static cleave.model.InductionTransformer.Added.AFTER;
import static cleave.model.InductionTransformer.Code.FIXED;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Target;
import cleave.reference.PlainStep;
import cleave.tensor.Device;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The production step against the plain one, on everything at once.
class PlainStepTest {
    private static final long SEED = 5;
    private static final long STEP = 1;
    private static final long STEPS = 4;

    /// Batches of 5 and 4 rows in slices, most of which do not divide them; gate graphs kept
    /// between the passes of a coupled batch, or computed again.
    private record Cut(int workers, int sliceRows, long keptBytes) {}

    private static final List<Cut> CUTS =
            List.of(
                    new Cut(1, 8, SlicedStep.KEPT_BYTES),
                    new Cut(1, 3, 0),
                    new Cut(2, 2, SlicedStep.KEPT_BYTES),
                    new Cut(2, 2, 0),
                    new Cut(3, 3, 0),
                    new Cut(3, 1, SlicedStep.KEPT_BYTES));

    @ParameterizedTest
    @CsvSource({
        "SIGN_GATED, sequence, 0.5",
        "SIGN_GATED, mlp, 1.5",
        "BOTH_SIGNS, sequence, 0.5",
        "PLAIN, sequence, 1",
        "PLAIN, mlp, 0.5",
        "SIGN_GATED, wide, 0.5",
        "SIGN_GATED, vector_mlp, 1",
        "PLAIN, shared_mlp, 1",
    })
    void agreesInFloat64(Leak leak, String function, double p) {
        double largest = compare(Type.DOUBLE, leak, function(function), p, 1e-10);
        System.out.printf("plain step, float64: largest difference %.1e of 1e-10%n", largest);
    }

    @ParameterizedTest
    @CsvSource({
        "SIGN_GATED, sequence, 1",
        "SIGN_GATED, mlp, 1.5",
        "BOTH_SIGNS, sequence, 1",
        "PLAIN, sequence, 2",
        "SIGN_GATED, wide, 1",
        "PLAIN, wide, 1.5",
        "SIGN_GATED, vector, 1",
        "SIGN_GATED, global_mlp, 1",
    })
    void agreesInFloat32(Leak leak, String function, double p) {
        double largest = compare(Type.FLOAT, leak, function(function), p, 1e-5);
        System.out.printf("plain step, float32: largest difference %.1e of 1e-5%n", largest);
    }

    /// On a target of narrow sites, and on some too wide for kernels of sites and gates. The plain
    /// step takes the same numbers in float64, so that only the engine's own rounding counts, which
    /// grows as the root of how many numbers are summed.
    @ParameterizedTest
    @CsvSource({
        "4, sequence, 1",
        "4, vector, 1.5",
        "4, mlp, 1",
        "72, wide, 1",
        "136, vector, 1",
    })
    void bothEnginesAgreeInFloat32(int width, String function, double p) {
        Scopes.run(() -> {
            Shape shape = new Shape(5, 6, width, 2, FIXED, AFTER, true);
            List<Stream> streams = ToyStreams.everything(p);
            Cut cut = new Cut(2, 2, SlicedStep.KEPT_BYTES);
            Engine fused = Engines.of(Type.FLOAT, Device.CPU);
            assertThat(fused).isNotSameAs(Engines.LIBTORCH);
            try (Problem problem = problem(shape, Type.FLOAT, function);
                    Problem wide = problem(shape, Type.DOUBLE, function)) {
                wide.parameters().set(widened(problem.parameters().views()));
                Plain plain = plain(wide, streams);
                for (Engine engine : List.of(Engines.LIBTORCH, fused)) {
                    Problem on =
                            new Problem(problem.decomposition().on(engine), problem.parameters());
                    assertThat(difference(on, streams, cut, plain))
                            .as(engine.name())
                            .isLessThan(1e-5 * Math.sqrt(width / 4.0));
                }
            }
        });
    }

    private static Problem problem(Shape shape, Type type, String function) {
        Target target = Toy.target(shape, type);
        return Toy.problem(
                target,
                Toy.sites(target, 3, "Q0", "V0", "K1", "O1"),
                function(function),
                Leak.SIGN_GATED,
                SEED);
    }

    private static SortedMap<String, Tensor> widened(SortedMap<String, Tensor> numbers) {
        SortedMap<String, Tensor> widened = new TreeMap<>();
        numbers.forEach((name, tensor) -> widened.put(name, tensor.to(Type.DOUBLE)));
        return widened;
    }

    private static ImportanceFunction function(String name) {
        return switch (name) {
            case "mlp" -> new Mlp(2);
            case "vector" -> new VectorMlp(16); // as wide as the kernels' vectors
            case "wide" -> new Sequence(8, Optional.empty(), true, 16, true);
            case "vector_mlp" -> new VectorMlp(2);
            case "shared_mlp" -> new SharedMlp(3);
            case "global_mlp" -> new GlobalMlp(List.of(4, 3));
            default -> Toy.SEQUENCE;
        };
    }

    private static double compare(
            Type type, Leak leak, ImportanceFunction function, double p, double tolerance) {
        return Scopes.run(() -> {
            Target target = Toy.target(type);
            List<Stream> streams = ToyStreams.everything(p);
            double largest = 0;
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, "Q0", "V0", "K1", "O1"),
                            function,
                            leak,
                            SEED)) {
                Plain plain = plain(problem, streams);
                for (Cut cut : CUTS) {
                    largest = Math.max(largest, difference(problem, streams, cut, plain));
                }
            }
            assertThat(largest).isLessThan(tolerance);
            return largest;
        });
    }

    /// What the plain step gives.
    private record Plain(double total, SortedMap<String, double[]> gradients) {}

    private static Plain plain(Problem problem, List<Stream> streams) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> leaves = new TreeMap<>();
            problem.parameters()
                    .views()
                    .forEach((name, view) -> {
                        Tensor leaf = view.detach().clone();
                        leaf.requires_grad_(true);
                        leaves.put(name, leaf);
                    });
            double total =
                    PlainStep.gradients(
                            problem.decomposition().on(leaves),
                            streams,
                            ToyStreams.FAITHFULNESS,
                            SEED,
                            STEP,
                            STEPS,
                            Phases.NONE);
            SortedMap<String, double[]> gradients = new TreeMap<>();
            leaves.forEach((name, leaf) -> gradients.put(name, Tensors.toDoubles(leaf.grad())));
            return new Plain(total, gradients);
        });
    }

    private static double difference(Problem problem, List<Stream> streams, Cut cut, Plain plain) {
        try (Workers threads = new Workers(cut.workers());
                StepRunner runner =
                        new StepRunner(
                                problem,
                                streams,
                                ToyStreams.FAITHFULNESS,
                                threads,
                                cut.sliceRows(),
                                SEED,
                                STEPS,
                                cut.keptBytes())) {
            double total = runner.run(STEP).total();
            SortedMap<String, double[]> gradients = runner.gradients();
            double values = Math.abs(total - plain.total()) / Math.abs(plain.total());
            double largest = 0;
            for (String name : plain.gradients().keySet()) {
                largest =
                        Math.max(
                                largest,
                                difference(
                                        Objects.requireNonNull(gradients.get(name)),
                                        Objects.requireNonNull(plain.gradients().get(name))));
            }
            return Math.max(values, largest);
        }
    }

    /// The norm of the difference of a gradient, relative to its own.
    private static double difference(double[] actual, double[] expected) {
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            size += expected[i] * expected[i];
        }
        return size == 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
    }
}
