package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.MetricsLog;
import cleave.run.RunDirectory;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A run that is killed at random moments, again and again, ends in the same bytes. How often, and
/// when, is `CLEAVE_KILLS` and `CLEAVE_SEED`: three times in every build, many times at night.
class RandomKillsTest {
    private static final int STEPS = 200;

    /// Between a start of the JVM and the last step of a run.
    private static final long LONGEST = 3_000; // milliseconds

    private final int kills = Integer.parseInt(System.getenv().getOrDefault("CLEAVE_KILLS", "3"));
    private final long seed = Long.parseLong(System.getenv().getOrDefault("CLEAVE_SEED", "1"));

    @TempDir private Path folder;

    @Test
    void killedAtRandomARunEndsInTheSameBytes() throws Exception {
        TinyRun tiny = TinyRun.in(folder);
        Path whole = tiny.run("whole");
        assertThat(tiny.decompose(whole, options()).exitCode()).isZero();
        Random random = new Random(seed);
        int done = 0;
        int runs = 0;
        while (done < kills) {
            Path run = tiny.run("run-%d".formatted(runs++));
            boolean killed = true;
            while (killed && done < kills) {
                killed = start(tiny, run, random.nextLong(LONGEST));
                done += killed ? 1 : 0;
            }
            assertSame(tiny, run, whole, done);
        }
        System.out.printf("%d kills of %d runs, seed %d: the same bytes%n", done, runs, seed);
    }

    /// Whether it had to be killed.
    private static boolean start(TinyRun tiny, Path run, long milliseconds) throws Exception {
        Process child =
                new ProcessBuilder(tiny.decomposeCommand(run, more(run)))
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        try {
            return !child.waitFor(milliseconds, TimeUnit.MILLISECONDS);
        } finally {
            child.destroyForcibly().waitFor();
        }
    }

    private void assertSame(TinyRun tiny, Path run, Path whole, int done) throws IOException {
        Result last = tiny.decompose(run, more(run));
        assertThat(last.exitCode())
                .as("after %d kills, seed %d: %s", done, seed, last.err())
                .isZero();
        for (String file : new String[] {"decomposition.safetensors", "training.safetensors"}) {
            assertThat(TinyRun.newest(run, file))
                    .as("after %d kills, seed %d", done, seed)
                    .hasSameBinaryContentAs(TinyRun.newest(whole, file));
        }
        assertThat(MetricsLog.read(RunDirectory.open(run)))
                .extracting(MetricsLog.Line::step)
                .containsExactlyElementsOf(LongStream.range(0, STEPS).boxed().toList());
    }

    /// A run that was killed before it had begun begins.
    private static String[] more(Path run) {
        return RunDirectory.isBegun(run) ? options("--resume") : options();
    }

    private static String[] options(String... more) {
        String[] always = {"--set", "steps=" + STEPS, "--set", "cadence.checkpoint=10"};
        return Stream.of(always, more).flatMap(Stream::of).toArray(String[]::new);
    }
}
