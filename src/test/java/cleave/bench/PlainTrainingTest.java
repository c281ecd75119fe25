package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.training.Phases;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlainTrainingTest {
    private static final int STEPS = 3;
    private static final List<String> SETTINGS =
            List.of(
                    "machine.precision=float64",
                    "optimizer.clip_subcomponents=0.5",
                    "optimizer.subcomponent_rate=0.25",
                    "optimizer.adam.weight_decay=0.1");

    @TempDir private Path folder;

    /// Clipping, decay and schedules included. Adam divides by the size of the gradient, so that
    /// even where gradients vanish the difference stays that of rounding over the steps.
    @Test
    void threeStepsEndWhereOursEnd() throws IOException {
        RunFile file = RunFile.read(TinyRun.in(folder).config(), SETTINGS);
        SortedMap<String, double[]> ours = new TreeMap<>();
        PreparedRun run = PreparedRun.of(file);
        try (run;
                Trainer trainer = run.trainer()) {
            for (int i = 0; i < STEPS; i++) {
                trainer.step();
            }
            copy(run.parameters().views(), ours);
        }
        SortedMap<String, double[]> plain = new TreeMap<>();
        try (PlainTraining training = new PlainTraining(PreparedRun.of(file))) {
            for (int i = 0; i < STEPS; i++) {
                training.run();
            }
            copy(training.parameters(), plain);
        }

        assertThat(plain.keySet()).isEqualTo(ours.keySet());
        plain.forEach((name, values) -> {
            double[] expected = Objects.requireNonNull(ours.get(name));
            for (int i = 0; i < values.length; i++) {
                assertThat(values[i]).as("%s[%d]", name, i).isCloseTo(expected[i], within(1e-8));
            }
        });
    }

    private static void copy(
            SortedMap<String, Tensor> tensors, SortedMap<String, double[]> numbers) {
        tensors.forEach((name, tensor) -> numbers.put(name, Tensors.toDoubles(tensor)));
    }

    @Test
    void bothStepsSayTheSamePhases() throws IOException {
        RunFile file = RunFile.read(TinyRun.in(folder).config(), List.of());
        Set<String> plain = new TreeSet<>();
        try (PlainTraining training = new PlainTraining(PreparedRun.of(file))) {
            training.listen(plain::add);
            training.run();
        }
        Set<String> ours = new TreeSet<>();
        PreparedRun run = PreparedRun.of(file);
        try (run;
                Trainer trainer = run.trainer()) {
            trainer.listen(ours::add);
            trainer.step();
        }

        assertThat(ours.remove(Phases.WAITING)).isTrue();
        assertThat(plain)
                .isEqualTo(ours)
                .contains(
                        Phases.DATA,
                        Phases.CLEAN,
                        Phases.GATES,
                        "faithfulness",
                        "stochastic_reconstruction",
                        "importance_reconstruction_partial",
                        "importance_minimality",
                        "usage",
                        Phases.BACKWARD,
                        Phases.GATES_BACKWARD,
                        Phases.OPTIMIZER,
                        Phases.REST);
    }
}
