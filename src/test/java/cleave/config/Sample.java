package cleave.config;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A small configuration with every kind of component, for the tests of this package.
record Sample(
        @AtLeast(1) int steps,
        long seed,
        String name,
        boolean causal,
        Optional<Device> device,
        Method method,
        @NotEmpty List<Loss> losses,
        @AtLeast(1) Map<String, Integer> subcomponents) {
    enum Device {
        CPU,
        CUDA_GRAPH
    }

    record Method(@Above(0) double learningRate, @Range(min = 0, max = 1) List<Double> betas)
            implements Checked {
        @Override
        public void check(Problems problems) {
            if (betas.size() != 2) {
                problems.add("betas", "must have 2 numbers, got " + betas.size());
            }
            if (betas.size() == 2 && betas.get(1) < betas.get(0)) {
                problems.add("betas[1]", "must be >= betas[0], got " + betas.get(1), "swap them");
            }
        }
    }

    sealed interface Loss {
        record Faithfulness(@AtLeast(0) Schedule coefficient) implements Loss {}

        record ImportanceMinimality(
                @AtLeast(0) Schedule coefficient,
                @Above(0) @AtMost(2) double p,
                Optional<Double> epsilon)
                implements Loss {}
    }

    sealed interface Schedule {
        @FromScalar
        static Schedule constant(double value) {
            return new Constant(value);
        }

        record Constant(@OuterRule double value) implements Schedule {}

        record Linear(@OuterRule double from, @OuterRule double to) implements Schedule {
            public Linear {
                if (from == to) {
                    throw new IllegalArgumentException("from must differ from to, got " + to);
                }
            }
        }

        record Warmup(@AtLeast(1) int steps, Schedule then) implements Schedule {}
    }

    static final String TEXT =
            """
            steps: 300
            seed: 5000000000
            name: induction
            causal: true
            method:
              learning_rate: 1e-3
              betas: [0.9, 0.999]
            losses:
              - kind: faithfulness
                coefficient: 1000
              - kind: importance_minimality
                coefficient: {kind: linear, from: 1.0, to: 0.4}
                p: 2
            subcomponents:
              Q0: 40
              "h.*.attn": 8
            """;

    static final Sample VALUE =
            new Sample(
                    300,
                    5_000_000_000L,
                    "induction",
                    true,
                    Optional.empty(),
                    new Method(1e-3, List.of(0.9, 0.999)),
                    List.of(
                            new Loss.Faithfulness(new Schedule.Constant(1000)),
                            new Loss.ImportanceMinimality(
                                    new Schedule.Linear(1.0, 0.4), 2, Optional.empty())),
                    Map.of("Q0", 40, "h.*.attn", 8));
}
