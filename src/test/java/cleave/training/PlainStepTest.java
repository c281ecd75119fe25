package cleave.training;

import static cleave.model.InductionTransformer.Added.AFTER;
import static cleave.model.InductionTransformer.Code.FIXED;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.model.Activation;
import cleave.model.Gpt2;
import cleave.model.InductionTransformer.Shape;
import cleave.model.ResidualMlp;
import cleave.model.SparseFeatures;
import cleave.model.Target;
import cleave.model.Tms;
import cleave.reference.PlainStep;
import cleave.schedule.Schedule;
import cleave.tensor.Device;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import cleave.testing.WrappedTarget;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

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

    /// Logits and values, one loss position that does not count, tied sites, models of every kind.
    enum Kind {
        TMS,
        RESIDUAL_MLP,
        GPT2,
        /// The token embedding and the head that is tied to it.
        GPT2_ENDS,
        VALUES;

        Target target(Type type) {
            return switch (this) {
                case TMS -> {
                    Tms.Shape shape = new Tms.Shape(5, 3, 1);
                    yield new Tms(shape, to(type, shape.initial(1, false)), () -> {});
                }
                case RESIDUAL_MLP -> {
                    ResidualMlp.Shape shape = new ResidualMlp.Shape(5, 6, 2, 4);
                    yield new ResidualMlp(shape, to(type, shape.initial(1)), () -> {});
                }
                case GPT2, GPT2_ENDS -> {
                    Gpt2.Shape shape =
                            new Gpt2.Shape(
                                    Toy.TOKENS,
                                    Toy.LENGTH,
                                    8,
                                    2,
                                    2,
                                    12,
                                    Activation.GELU_NEW,
                                    1e-5,
                                    true);
                    yield new Gpt2(shape, to(type, shape.initial(1)), () -> {});
                }
                case VALUES -> WrappedTarget.values(Toy.target(type));
            };
        }

        private static SortedMap<String, Tensor> to(Type type, SortedMap<String, Tensor> weights) {
            SortedMap<String, Tensor> typed = new TreeMap<>();
            weights.forEach((name, weight) -> typed.put(name, weight.to(type).mul(2)));
            return typed;
        }

        List<DecomposedSite> sites(Target target) {
            return switch (this) {
                case TMS, RESIDUAL_MLP -> Toy.sites(target, 3);
                case GPT2 ->
                        Toy.sites(
                                target, 3, "h.0.attn.c_attn", "h.0.mlp.c_proj", "h.1.attn.c_proj");
                case GPT2_ENDS -> Toy.sites(target, 3, "wte", "h.0.attn.c_proj", "lm_head");
                case VALUES -> Toy.sites(target, 3, "Q0", "V0", "O1");
            };
        }

        List<Stream> streams() {
            return switch (this) {
                case TMS, RESIDUAL_MLP ->
                        ToyStreams.everything(
                                1,
                                new SparseFeatures("one", 5, 0, 0.7, SparseFeatures.Answer.SIZE),
                                new SparseFeatures("two", 5, -1, 0.6, SparseFeatures.Answer.SIZE));
                case GPT2, GPT2_ENDS, VALUES -> ToyStreams.everything(1);
            };
        }
    }

    private static List<Arguments> kinds() {
        return java.util.stream.Stream.of(Kind.values())
                .flatMap(kind ->
                        java.util.stream.Stream.of(
                                Arguments.of(kind, Type.DOUBLE, 1e-10),
                                Arguments.of(kind, Type.FLOAT, 1e-5)))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void agreesOnModelsOfEveryKind(Kind kind, Type type, double tolerance) {
        Scopes.run(() -> {
            Target target = kind.target(type);
            try (Problem problem =
                    Toy.problem(
                            target, kind.sites(target), new VectorMlp(2), Leak.SIGN_GATED, SEED)) {
                assertThat(largest(problem, kind.streams())).isLessThan(tolerance);
            }
        });
    }

    /// Gates of every kind on a site that reads tokens, beside one that reads numbers.
    @ParameterizedTest
    @CsvSource({"sequence", "mlp", "wide", "vector_mlp", "shared_mlp", "global_mlp"})
    void agreesWhereTheEmbeddingIsDecomposed(String function) {
        Scopes.run(() -> {
            Target target = Kind.GPT2_ENDS.target(Type.DOUBLE);
            try (Problem problem =
                    Toy.problem(
                            target,
                            Kind.GPT2_ENDS.sites(target),
                            function(function),
                            Leak.SIGN_GATED,
                            SEED)) {
                assertThat(largest(problem, Kind.GPT2_ENDS.streams())).isLessThan(1e-10);
            }
        });
    }

    /// A site of which all but one subcomponent is left, one with all, and tied ones.
    @ParameterizedTest
    @CsvSource({
        "TMS, DOUBLE, 1e-10",
        "TMS, FLOAT, 1e-5",
        "GPT2, DOUBLE, 1e-10",
        "GPT2, FLOAT, 1e-5",
        "GPT2_ENDS, DOUBLE, 1e-10",
        "GPT2_ENDS, FLOAT, 1e-5"
    })
    void agreesAfterACompaction(Kind kind, Type type, double tolerance) {
        Scopes.run(() -> {
            Target target = kind.target(type);
            try (Problem before =
                    Toy.problem(
                            target, kind.sites(target), new VectorMlp(2), Leak.SIGN_GATED, SEED)) {
                List<DecomposedSite> sites = before.decomposition().sites();
                String whole = sites.get(1).name();
                Decomposition merged =
                        Compaction.merge(
                                before.decomposition(),
                                Compaction.living(
                                        sites,
                                        site ->
                                                site.equals(whole)
                                                        ? new long[3]
                                                        : new long[] {9, 0, 9},
                                        new Compaction.Settings(5, 1, Optional.empty())));
                assertThat(merged.sites()).extracting(DecomposedSite::count).contains(1, 3);
                try (Parameters left = new Parameters(merged.parameters(), type)) {
                    Problem problem = new Problem(merged.on(left.views()), left);
                    assertThat(largest(problem, kind.streams())).isLessThan(tolerance);
                }
            }
        });
    }

    /// What users may bring: a loss on a pass, one on outputs and one on importances that couples,
    /// a masking that draws, and importance functions of one site and of all.
    @ParameterizedTest
    @CsvSource({
        "DOUBLE, true, 1e-10",
        "FLOAT, true, 1e-5",
        "DOUBLE, false, 1e-10",
        "FLOAT, false, 1e-5"
    })
    void agreesOnWhatUsersBring(Type type, boolean perSite, double tolerance) {
        Scopes.run(() -> {
            Target target = Toy.target(type);
            ImportanceFunction function =
                    perSite ? new OwnParts.Linear() : new OwnParts.LinearOfAll();
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, "Q0", "V0", "K1", "O1"),
                            function,
                            Leak.SIGN_GATED,
                            SEED)) {
                assertThat(largest(problem, OwnParts.streams())).isLessThan(tolerance);
            }
        });
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
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, "Q0", "V0", "K1", "O1"),
                            function,
                            leak,
                            SEED)) {
                double largest = largest(problem, ToyStreams.everything(p));
                assertThat(largest).isLessThan(tolerance);
                return largest;
            }
        });
    }

    /// The largest difference over all cuts.
    private static double largest(Problem problem, List<Stream> streams) {
        Plain plain = plain(problem, streams);
        return CUTS.stream()
                .mapToDouble(cut -> difference(problem, streams, cut, plain))
                .max()
                .orElseThrow();
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
                            problem.decomposition().on(leaves), method(streams), STEP, Phases.NONE);
            SortedMap<String, double[]> gradients = new TreeMap<>();
            leaves.forEach((name, leaf) -> gradients.put(name, Tensors.toDoubles(leaf.grad())));
            return new Plain(total, gradients);
        });
    }

    private static Trainer.Method method(List<Stream> streams) {
        return new Trainer.Method(
                SEED,
                STEPS,
                ToyStreams.FAITHFULNESS,
                streams,
                Schedule.constant(0),
                1,
                new Adam.Settings(0.9, 0.999, 1e-8, 0),
                Optional.empty(),
                Optional.empty());
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
