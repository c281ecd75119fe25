package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/// Compares gradients of the production step with central differences of its total, in float64.
final class FiniteDifferences {
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 1e-6;

    /// A derivative below this share of the largest gradient is compared at that share.
    private static final double SMALLEST = 1e-3;

    /// What rounding of the total does to a difference quotient.
    private static final double ROUNDING = 1e-10;

    private double largest;

    /// Prints the largest difference.
    void report(String subject) {
        System.out.printf(
                "%s: largest difference from finite differences %.1e of %.0e allowed%n",
                subject, largest, TOLERANCE);
    }

    /// One random direction of each tensor, another for every objective. Tensors whose gradient is
    /// zero share one: the total must not move at all.
    void check(Problem problem, StepRunner runner, String objective) {
        double total = runner.run(0).total();
        SortedMap<String, double[]> gradients = runner.gradients();
        double scale =
                SMALLEST
                        * gradients.values().stream()
                                .mapToDouble(FiniteDifferences::norm)
                                .max()
                                .orElseThrow();
        List<String> zero = new ArrayList<>();
        for (Map.Entry<String, double[]> gradient : gradients.entrySet()) {
            if (norm(gradient.getValue()) == 0) {
                zero.add(gradient.getKey());
            } else {
                compare(problem, runner, objective, List.of(gradient.getKey()), gradients, scale);
            }
        }
        compare(problem, runner, objective, zero, gradients, Math.max(scale, Math.abs(total)));
    }

    private void compare(
            Problem problem,
            StepRunner runner,
            String objective,
            List<String> names,
            SortedMap<String, double[]> gradients,
            double scale) {
        double analytic = 0;
        SortedMap<String, Tensor> steps = new TreeMap<>();
        for (String name : names) {
            Tensor values = Tensors.named(name, problem.decomposition().tensors());
            double[] direction =
                    Draws.key(0, Purpose.INITIALISATION)
                            .with(objective)
                            .with(name)
                            .normals((int) values.numel());
            double[] gradient = Objects.requireNonNull(gradients.get(name));
            double size = norm(direction);
            for (int i = 0; i < direction.length; i++) {
                direction[i] *= STEP / size;
                analytic += gradient[i] * direction[i] / STEP;
            }
            steps.put(name, Tensors.of(direction, Type.DOUBLE, values.shape()));
        }
        double numeric = numeric(problem, runner, steps);
        double allowed = TOLERANCE * Math.max(Math.abs(analytic), scale) + ROUNDING;
        double difference = Math.abs(analytic - numeric);
        largest = Math.max(largest, TOLERANCE * difference / allowed);
        assertThat(difference)
                .as("%s: %s by backward, %s by differences", names, analytic, numeric)
                .isLessThan(allowed);
    }

    private static double numeric(
            Problem problem, StepRunner runner, SortedMap<String, Tensor> steps) {
        SortedMap<String, Tensor> values = problem.decomposition().tensors();
        SortedMap<String, Tensor> before = new TreeMap<>();
        steps.keySet().forEach(name -> before.put(name, Tensors.named(name, values).clone()));
        steps.forEach((name, step) -> Tensors.named(name, values).add_(step));
        double above = runner.run(0).total();
        before.forEach((name, old) -> Tensors.named(name, values).copy_(old));
        steps.forEach((name, step) -> Tensors.named(name, values).sub_(step));
        double below = runner.run(0).total();
        before.forEach((name, old) -> Tensors.named(name, values).copy_(old));
        return (above - below) / (2 * STEP);
    }

    private static double norm(double[] numbers) {
        double sum = 0;
        for (double number : numbers) {
            sum += number * number;
        }
        return Math.sqrt(sum);
    }
}
