package cleave.own;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.analysis.Census;
import cleave.config.UserError;
import cleave.decomposition.Compaction;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceMinimality;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.report.Report;
import cleave.run.Decompositions;
import cleave.run.HeldRun;
import cleave.run.LoadedRun;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.testing.Child;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A decomposition of a model, with a loss, a masking and an importance function that Cleave does
/// not know, from Java.
class OwnPartsRunTest {
    private static final long STEPS = 60;
    private static final String AT = "at step ";

    @TempDir private Path folder;

    /// Trains in a directory, and waits to be killed after a step.
    static void main(String[] arguments) throws IOException {
        long last = Long.parseLong(arguments[1]);
        description(new Averages(), 0.5)
                .in(Path.of(arguments[0]))
                .train(report -> {
                    if (report.step() == last) {
                        System.out.println(AT + last);
                        await();
                    }
                });
    }

    private static void await() {
        try {
            // The parent kills this process, or ends itself and so closes the stream.
            while (System.in.read() >= 0) {}
        } catch (IOException closed) {
            throw new UncheckedIOException(closed);
        }
    }

    private static Decompositions description(Averages model, double share) {
        LossTerm own = new Sharpness(Schedule.constant(0.5), new Masking.Stochastic());
        return Decompositions.of(model, Averages.Firsts::new)
                .sites("*", 4)
                .importance(new Linear(0.5))
                .weightDelta(WeightDelta.STOCHASTIC)
                .losses(
                        Reconstruction.of(1, new Halfway(share), new Routing.All()),
                        own,
                        ImportanceMinimality.of(1e-2, 1))
                .compaction(new Compaction.Settings(15, 1, Optional.empty()))
                .learningRate(1e-2)
                .batch(10)
                .workers(2, 3)
                .cadence(5, 10)
                .steps(STEPS);
    }

    @Test
    void killedTwiceARunResumesToTheSameBytes() throws Exception {
        Path whole = folder.resolve("whole");
        Path killed = folder.resolve("killed");
        trainAndKillAfter(23, killed);
        assertThat(checkpoints(killed)).containsExactly("10", "20");
        trainAndKillAfter(41, killed);
        assertThat(checkpoints(killed)).containsExactly("30", "40");
        try (Averages model = model()) {
            assertThat(description(model, 0.5).in(whole).train()).isTrue();
            assertThat(description(model, 0.5).in(killed).train()).isTrue();
        }
        for (String name : List.of("decomposition.safetensors", "training.safetensors")) {
            String file = "checkpoints/%d/%s".formatted(STEPS, name);
            assertThat(killed.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
        assertThat(metrics(killed)).isEqualTo(metrics(whole)).hasSize(13);
    }

    @Test
    void aRunThatWasStoppedGoesOnAndIsCountedAndReported() throws IOException {
        try (Averages model = model()) {
            HeldRun run = description(model, 0.5).in(folder.resolve("run"));
            assertThat(
                            run.train(report -> {
                                if (report.step() == 6) {
                                    run.stop();
                                }
                            }))
                    .isFalse();
            assertThat(checkpoints(run.directory())).containsExactly("7");
            assertThat(run.train()).isTrue();
            try (LoadedRun reached = run.open()) {
                assertThat(reached.targetName()).isEqualTo("Averages");
                Census census = Census.of(reached, 0.5, 32);
                assertThat(census.sites().keySet()).containsExactly("mix", "answer");
                assertThat(requireNonNull(census.sites().get("mix")).count()).isEqualTo(4);
                assertThat(Report.write(reached, census))
                        .content()
                        .contains("Averages", "sharpness");
            }
        }
    }

    private static Averages model() {
        return Scopes.run(Averages::new);
    }

    @Test
    void anotherModelOrDescriptionIsRefused() throws IOException {
        Path directory = folder.resolve("run");
        try (Averages model = model();
                Averages changed = model()) {
            HeldRun run = description(model, 0.5).in(directory);
            run.train(_ -> run.stop());
            assertThatThrownBy(() -> description(model, 0.25).in(directory).train())
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith("a resumed run must keep its configuration")
                    .hasMessageContaining("streams[0].losses[0].masks.share: 0.5 -> 0.25");
            requireNonNull(changed.weights().get("mix")).zero_();
            assertThatThrownBy(() -> description(changed, 0.5).in(directory).train())
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith("target weights must be those the run was made on");
            assertThatThrownBy(() -> description(model, 1.5).in(directory))
                    .isInstanceOf(UserError.class)
                    .hasMessage(
                            "streams[0].losses[0].masks.share must be between 0 and 1, got 1.5");
            Decompositions unwritable = description(model, 0.5).losses(new Unwritable());
            assertThatThrownBy(() -> unwritable.in(directory))
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith(
                            "losses, masks and the importance function must be records, got an object of");
            assertThatThrownBy(() -> LoadedRun.open(directory))
                    .isInstanceOf(UserError.class)
                    .hasMessageContaining("kind must be one of");
        }
    }

    /// A loss that is no record.
    private static final class Unwritable implements LossTerm {
        @Override
        public Schedule coefficient() {
            return Schedule.constant(1);
        }

        @Override
        public String name() {
            return "unwritable";
        }

        @Override
        public double apply(LossSlice slice, BatchSummary batch) {
            return 0;
        }
    }

    private static void trainAndKillAfter(long step, Path directory) throws Exception {
        Process child =
                new ProcessBuilder(
                                Child.brief(
                                        OwnPartsRunTest.class,
                                        directory.toString(),
                                        Long.toString(step)))
                        .redirectErrorStream(true)
                        .start();
        try (BufferedReader said =
                new BufferedReader(
                        new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            List<String> lines = said.lines().takeWhile(line -> !line.equals(AT + step)).toList();
            assertThat(child.isAlive()).as(String.join("\n", lines)).isTrue();
        } finally {
            child.destroyForcibly().waitFor(); // SIGKILL
        }
    }

    private static List<String> checkpoints(Path run) throws IOException {
        try (var entries = Files.list(run.resolve("checkpoints"))) {
            return entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> !name.startsWith("."))
                    .sorted()
                    .toList();
        }
    }

    private static List<String> metrics(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> line.replaceAll(",\"session_seconds\":[^,}]*", ""))
                .toList();
    }
}
