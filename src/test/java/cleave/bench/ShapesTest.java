package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import cleave.decomposition.Decomposition;
import cleave.engine.Engines;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Device;
import cleave.tensor.Meter;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.TinyRun;
import cleave.training.DryStep;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A step with shapes alone is the step with numbers: the same code, the same products, the same
/// memory. Nothing of it reads or writes memory of the CPU, for there is none.
class ShapesTest {
    @TempDir private Path folder;
    private TinyRun tiny;
    private List<String> gpt2;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(folder);
        gpt2 = TinyGpt2.write(folder);
    }

    @Test
    void aTrainerStepsWithShapesAlone() {
        for (List<String> settings : settings()) {
            RunFile file = RunFile.read(tiny.config(), settings);
            try (PreparedRun run = PreparedRun.shaped(file);
                    Trainer trainer = run.trainer()) {
                assertThat(run.decomposition().engine().name()).isEqualTo("libtorch on meta");
                trainer.step();
                Trainer.Report report = trainer.step();
                assertThat(report.outcome().total()).isZero();
                assertThat(trainer.nextStep()).isEqualTo(2);
                assertThat(run.parameters().flat().device()).isEqualTo(Device.META);
            }
        }
    }

    @Test
    void shapesTakeTheProductsAndTheMemoryOfNumbers() {
        for (List<String> settings : settings()) {
            RunFile file = RunFile.read(tiny.config(), settings);
            DryStep.Cost shapes;
            double operations;
            try (PreparedRun run = PreparedRun.shaped(file)) {
                shapes = Device.META.run(() -> step(run).cost(2, 1));
                operations = Device.META.run(() -> step(run).operations(8));
                assertThat(run.model().target().weights().values())
                        .allMatch(weight -> weight.device().equals(Device.META));
            }
            try (PreparedRun run = PreparedRun.of(file)) {
                DryStep.Cost numbers = step(run).cost(2, 1);
                assertThat(operations).isEqualTo(step(run).operations(8));
                assertThat(shapes.shared()).isEqualTo(numbers.shared());
                // A norm keeps two numbers of each row, which shapes leave out.
                assertThat((double) shapes.slices())
                        .isCloseTo(numbers.slices(), withinPercentage(3));
                assertThat((double) shapes.gates()).isCloseTo(numbers.gates(), withinPercentage(3));
            }
        }
    }

    /// On libtorch, also where numbers are.
    private static DryStep step(PreparedRun run) {
        Decomposition on = run.decomposition();
        return new DryStep(
                on.on(Engines.libtorch(on.engine().products(), run.device())),
                run.parameters(),
                run.method());
    }

    private List<List<String>> settings() {
        List<String> learned = new ArrayList<>(gpt2);
        learned.add("importance={kind: vector_mlp, hidden: 3}");
        List<String> global = new ArrayList<>(gpt2);
        global.add("importance={kind: shared_mlp, hidden: 3}");
        return List.of(
                List.of(), List.of("importance={kind: mlp, hidden: 3}"), gpt2, learned, global);
    }

    @Test
    void aConfigurationWithoutWeightsIsPlanned() throws IOException {
        Path bare = Files.createDirectory(folder.resolve("bare"));
        Files.copy(folder.resolve("gpt2/config.json"), bare.resolve("config.json"));
        List<String> settings = new ArrayList<>(gpt2);
        settings.set(0, "target=" + bare);
        Path run = folder.resolve("run");

        Plan found = Plan.of(tiny.config(), settings, run, 0, _ -> {});

        assertThat(found.shapes()).isTrue();
        assertThat(found.time()).isNull();
        assertThat(found.problems()).isEmpty();
        Plan whole =
                Plan.of(new Plan.Order(tiny.config(), gpt2, run, Device.cuda(0), 2, 1), 0, _ -> {});
        assertThat(whole.device()).isEqualTo("cuda:0");
        assertThat(whole.work()).isEqualTo(found.work());
        assertThat(whole.memory().targetMib()).isEqualTo(found.memory().targetMib());
        assertThat(whole.ranks()).isNotNull();
        assertThat(whole.transfers()).isPositive();
        assertThat(run).doesNotExist();
    }

    /// Where there is a device, `DeviceCheck` compares it with this.
    @Test
    void stepsOfLibtorchOnTheCpuAreThoseOfTheRun() {
        for (List<String> settings : List.of(List.<String>of(), gpt2)) {
            RunFile file = RunFile.read(tiny.config(), settings);
            double[] parameters = DeviceCheck.parameters(file, Device.CPU);
            double[] own =
                    Scopes.run(() -> {
                        try (PreparedRun run = PreparedRun.of(file);
                                Trainer trainer = run.trainer()) {
                            for (int step = 0; step < 5; step++) {
                                trainer.step();
                            }
                            return Tensors.toDoubles(run.parameters().flat());
                        }
                    });
            assertThat(DeviceCheck.difference(parameters, own)).isLessThan(1e-4);
        }
    }

    /// Which rows a routing drawn per position takes is not known without numbers: half of them.
    @Test
    void rowsAreChosenAndPutBackInShapesToo() {
        Device.META.run(() ->
                Scopes.run(() -> {
                    Tensor x = Tensors.ones(Type.FLOAT, 6, 3);
                    x.requires_grad_(true);
                    Tensor rows = Tensors.of(new boolean[6], 6).nonzero().flatten();
                    Tensor some = x.index_select(0, rows);
                    Tensor y = Tensors.zeros(Type.FLOAT, 7, 3).index_copy(0, rows, some);
                    y.sum().backward();
                    assertThat(some.shape()).containsExactly(3, 3);
                    assertThat(y.shape()).containsExactly(7, 3);
                    assertThat(x.grad().shape()).containsExactly(6, 3);
                    return true;
                }));
    }

    @Test
    void transfersAreCountedEachWay() {
        try (Meter meter = Meter.open()) {
            double[] back =
                    Scopes.run(() -> Tensors.toDoubles(Tensors.of(new long[] {3}, 1).add(1)));
            assertThat(back).containsExactly(4);
            assertThat(meter.transfers()).isEqualTo(2);
        }
    }
}
