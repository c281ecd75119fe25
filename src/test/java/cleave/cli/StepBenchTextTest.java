package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.bench.Spread;
import cleave.bench.StepBench;
import cleave.bench.StepBench.Ceiling;
import cleave.bench.StepBench.Measured;
import cleave.bench.StepBench.Run;
import cleave.run.Provenance;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StepBenchTextTest {
    private static final Ceiling ONE = new Ceiling(1, 50, 50);
    private static final Ceiling TWO = new Ceiling(2, 80, 90);
    private static final Measured PLAIN =
            new Measured(
                    1,
                    800.0,
                    new Spread(800, 790, 812.5, 20),
                    5120.0,
                    640.0,
                    0.25,
                    Map.of("gates forward", 300.0),
                    null);
    private static final Measured FAST =
            new Measured(
                    2,
                    200.0,
                    new Spread(200, 195, 210, 20),
                    20480.0,
                    null,
                    0.555,
                    Map.of("gates forward", 120.0, "waiting", 30.5),
                    null);
    private static final Measured DEAD =
            new Measured(2, null, null, null, null, null, Map.of(), "killed, as by the system");

    private static String text(Measured plain, Measured fast) {
        Run run =
                new Run(
                        64,
                        2,
                        4096,
                        10.0,
                        90,
                        plain,
                        fast,
                        4.0,
                        null,
                        1.7,
                        1.8,
                        List.of(ONE, TWO),
                        List.of(plain));
        Provenance.Machine machine =
                new Provenance.Machine(
                        "JDK", null, "Linux", "amd64", "A processor", "some kernels", 2);
        return StepBenchText.of(
                new StepBench(machine, Instant.parse("2026-01-02T03:04:05Z"), List.of(run)));
    }

    @Test
    void aTableOfStepsAndOneOfPhases() {
        assertThat(text(PLAIN, FAST))
                .isEqualToNormalizingNewlines(
                        """
                        A processor (some kernels), 2 cores, 2026-01-02T03:04:05Z

                        batch 64: 4096 positions a step, 10.0e9 operations in matrix products; products of 1024 x 1024: 50 GFLOP/s on one thread; 80 on 2 threads, 90 side by side
                        step                ms      quartiles  positions/s  of ceiling  growth MiB  plain/this
                        --------------------------------------------------------------------------------------
                        plain, 1 thread  800.0  790.0 - 812.5         5120      25.0 %         640
                        fast, 2 workers  200.0  195.0 - 210.0        20480      55.5 %                    4.00
                        2 workers: 1.70 times one worker; matrix products 1.80 times one thread
                        ms of all workers  plain, 1 thread  fast, 2 workers
                        ---------------------------------------------------
                        gates forward                300.0            120.0
                        waiting                                        30.5
                        """);
    }

    @Test
    void aFailureIsARow() {
        // The reason may go on below, where the table would be too wide.
        assertThat(text(DEAD, FAST).replaceAll("\\s+", " "))
                .contains("plain, 2 threads failed: killed, as by the system");
    }
}
