package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.ranks.Exchange;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.testing.ThreadRanks;
import cleave.testing.TinyRun;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a plan says that ranks exchange is what they exchange, on a run with terms that couple.
class ExchangedBytesTest {
    private static final int STEPS = 3;
    private static final List<String> SETTINGS = List.of("machine.precision=float64");

    @TempDir private Path folder;
    private RunFile file;

    @BeforeEach
    void write() throws IOException {
        file = RunFile.read(TinyRun.in(folder).config(), SETTINGS);
    }

    /// Whether to go on is asked by the run, not by a step: a number of 8 bytes.
    @Test
    void aStepExchangesAsManyBytesAsPlanned() throws Exception {
        double[] alone = parameters(Exchange.alone(), 2);
        for (int size : new int[] {2, 3}) {
            long planned;
            try (PreparedRun run = PreparedRun.of(file)) {
                planned = Footprint.of(file, run, size).exchanged();
            }
            List<double[]> parameters =
                    ThreadRanks.run(
                            size,
                            exchange -> {
                                long before = exchange.bytes();
                                double[] found = parameters(exchange, 2);
                                assertThat(exchange.bytes() - before)
                                        .isEqualTo(STEPS * (planned - Double.BYTES));
                                return found;
                            });
            for (double[] each : parameters) {
                assertThat(each).isEqualTo(parameters.getFirst());
                for (int i = 0; i < alone.length; i++) {
                    assertThat(each[i]).isCloseTo(alone[i], within(1e-9));
                }
            }
        }
    }

    private double[] parameters(Exchange exchange, int workers) {
        return Scopes.run(() -> {
            try (PreparedRun run = PreparedRun.of(file);
                    Trainer trainer =
                            new Trainer(
                                    run.method(),
                                    run.decomposition(),
                                    run.parameters(),
                                    workers,
                                    exchange,
                                    1)) {
                for (int step = 0; step < STEPS; step++) {
                    trainer.step();
                }
                return Tensors.toDoubles(run.parameters().flat());
            }
        });
    }
}
