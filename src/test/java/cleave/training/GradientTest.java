package cleave.training;

import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.Usage;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Gradients of the production step against central differences of its total, in float64 with the
/// plain leak and away from kinks, in random directions of every parameter tensor.
class GradientTest {
    private static final Schedule ONE = Schedule.constant(1);
    private static final long SEED = 3;

    private static final FiniteDifferences DIFFERENCES = new FiniteDifferences();
    private static Workers workers;

    @BeforeAll
    static void start() {
        workers = new Workers(1);
    }

    @AfterAll
    static void stop() {
        workers.close();
        DIFFERENCES.report("losses on a toy");
    }

    /// What is differentiated.
    record Objective(
            String name, WeightDelta delta, Faithfulness faithfulness, List<LossTerm> terms) {
        @Override
        public String toString() {
            return name;
        }
    }

    record Case(ImportanceFunction function, Objective objective) {
        @Override
        public String toString() {
            return function + ", " + objective;
        }
    }

    private static List<ImportanceFunction> functions() {
        return List.of(
                new Sequence(2, Optional.of(3), true, Toy.LENGTH, true),
                new Sequence(2, Optional.empty(), false, Toy.LENGTH, false),
                new VectorMlp(2),
                new SharedMlp(3),
                new Mlp(2),
                new GlobalMlp(List.of(3, 2)));
    }

    private static List<Routing> routings() {
        return List.of(
                new Routing.All(),
                new Routing.EachAlone(),
                new Routing.RandomSubset(Drawn.PER_BATCH),
                new Routing.RandomSubset(Drawn.PER_POSITION),
                new Routing.Bernoulli(0.6, Drawn.PER_BATCH),
                new Routing.Bernoulli(0.6, Drawn.PER_POSITION));
    }

    private static List<Objective> objectives() {
        List<Objective> objectives = new ArrayList<>();
        List<Masking> sources =
                List.of(
                        new Masking.Stochastic(),
                        new Masking.Importance(),
                        new Masking.Ones(),
                        new Masking.Zero());
        for (Masking source : sources) {
            for (Routing routing : routings()) {
                objectives.add(
                        terms(
                                source + " " + routing,
                                WeightDelta.NONE,
                                new Reconstruction(ONE, source, routing, 1)));
            }
            for (WeightDelta delta : List.of(WeightDelta.STOCHASTIC, WeightDelta.ON)) {
                objectives.add(
                        terms(
                                source + " with delta " + delta,
                                delta,
                                new Reconstruction(ONE, source, new Routing.All(), 2)));
            }
        }
        for (double p : new double[] {1, 2, 0.5}) {
            for (double frequency : new double[] {0, 0.7}) {
                objectives.add(
                        terms(
                                "minimality p %s frequency %s".formatted(p, frequency),
                                WeightDelta.NONE,
                                minimality(p, PositionReduction.MEAN, frequency)));
            }
        }
        objectives.add(
                terms(
                        "minimality summed over positions",
                        WeightDelta.NONE,
                        minimality(1.5, PositionReduction.SUM, 0.7)));
        objectives.add(terms("usage", WeightDelta.NONE, new Usage(ONE, 0.5, 1e-2)));
        for (boolean relative : new boolean[] {false, true}) {
            objectives.add(
                    new Objective(
                            relative ? "faithfulness relative" : "faithfulness",
                            WeightDelta.NONE,
                            new Faithfulness(ONE, relative),
                            List.of()));
        }
        return objectives;
    }

    private static Objective terms(String name, WeightDelta delta, LossTerm... terms) {
        return new Objective(name, delta, StepRunner.NONE, List.of(terms));
    }

    private static LossTerm minimality(double p, PositionReduction positions, double frequency) {
        // A large epsilon: powers below 1 are too curved near zero for finite differences.
        return new ImportanceMinimality(
                ONE, Schedule.constant(p), 1e-1, true, positions, frequency);
    }

    private static List<Case> cases() {
        return functions().stream()
                .flatMap(function -> objectives().stream().map(each -> new Case(function, each)))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFiniteDifferences(Case each) {
        Scopes.run(() -> {
            PaddedTask task = new PaddedTask("toy", Toy.TOKENS, 5, true);
            Stream stream = new Stream(task, 2, each.objective().delta(), each.objective().terms());
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = clearOfKinks(target, each.function(), task);
                    StepRunner runner =
                            new StepRunner(
                                    problem,
                                    List.of(stream),
                                    each.objective().faithfulness(),
                                    workers,
                                    2,
                                    SEED,
                                    1)) {
                DIFFERENCES.check(problem, runner, each.objective().name());
            }
        });
    }

    private static Problem clearOfKinks(
            Target target, ImportanceFunction function, PaddedTask task) {
        for (long seed = 0; seed < 1000; seed++) {
            Problem problem =
                    Toy.problem(
                            target, Toy.sites(target, 3, "V0", "Q1"), function, Leak.PLAIN, seed);
            if (Toy.distanceToKinks(
                            problem.decomposition(),
                            task.examples(SEED, Purpose.DATA, 0, 2).batch())
                    > 5e-3) {
                return problem;
            }
            problem.parameters().close();
        }
        throw new AssertionError("no problem is clear of kinks for " + function);
    }
}
