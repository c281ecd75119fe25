package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/// Training takes no memory with time.
class LeakTest {
    private static final Path MEMORY = Path.of("/proc/self/statm");
    private static final int STEPS = 300;
    private static final int WARMUP = 50;

    @Test
    void trainingStepsLeaveNoHandlesBehind() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Trainer trainer = trainer(problem)) {
                trainer.warmUp(new Trainer.Warmup(5, 1e-3, 0));
                trainer.step();
                long before = Pointer.totalCount();
                for (int i = 0; i < 20; i++) {
                    trainer.step();
                    assertThat(Pointer.totalCount()).isEqualTo(before);
                }
                trainer.warmUp(new Trainer.Warmup(5, 1e-3, 0));
                assertThat(Pointer.totalCount()).isEqualTo(before);
            }
        });
    }

    /// In a JVM of its own whose heap is touched beforehand, so that what grows is native.
    @Test
    @EnabledOnOs(OS.LINUX)
    void trainingStepsLeaveHandlesAndResidentMemoryAsTheyWere()
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-javaagent") && !flag.startsWith("-Xm"))
                .forEach(command::add);
        command.addAll(
                List.of(
                        "-Xms64m",
                        "-Xmx64m",
                        "-XX:+AlwaysPreTouch",
                        "-XX:+UseSerialGC",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        LeakTest.class.getName()));
        Process process =
                new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        String[] growth = output.strip().split(" ", -1);
        System.out.printf(
                "%d steps: %s handles, %s KiB of resident memory%n",
                STEPS - WARMUP, growth[0], growth[1]);
        assertThat(Long.parseLong(growth[0])).isZero();
        assertThat(Long.parseLong(growth[1])).isLessThan(8 * 1024);
    }

    /// Trains and prints by how many handles and KiB the process grew after the warm-up.
    public static void main(String[] arguments) {
        NativeRuntime.start();
        Pointer.interruptDeallocatorThread();
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Trainer trainer = trainer(problem)) {
                for (int i = 0; i < WARMUP; i++) {
                    trainer.step();
                }
                long handles = Pointer.totalCount();
                long resident = resident();
                for (int i = WARMUP; i < STEPS; i++) {
                    trainer.step();
                }
                System.out.printf("%d %d%n", Pointer.totalCount() - handles, resident() - resident);
            }
        });
    }

    /// The resident memory of this process in KiB.
    private static long resident() {
        try {
            return Long.parseLong(Files.readString(MEMORY).split(" ", -1)[1]) * 4;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Problem problem() {
        Target target = Toy.target(Type.FLOAT);
        return Toy.problem(
                target, Toy.sites(target, 3, "Q0", "V1"), Toy.SEQUENCE, Leak.SIGN_GATED, 1);
    }

    private static Trainer trainer(Problem problem) {
        Trainer.Method method =
                new Trainer.Method(
                        7,
                        STEPS,
                        ToyStreams.FAITHFULNESS,
                        ToyStreams.light(),
                        Schedule.constant(1e-3),
                        1,
                        new Adam.Settings(0.9, 0.999, 1e-8, 0),
                        Optional.empty(),
                        Optional.of(1.0));
        return new Trainer(method, problem.decomposition(), problem.parameters(), 2, 3);
    }
}
