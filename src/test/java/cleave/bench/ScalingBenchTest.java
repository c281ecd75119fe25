package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.bench.ScalingBench.Point;
import cleave.bench.ScalingBench.Quantity;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.PerSite;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScalingBenchTest {
    @TempDir private Path folder;

    private static Point point(int value, double ms) {
        return new Point(value, false, ms, new Spread(ms, ms, ms, 1), null, null, null);
    }

    /// `ms = 3 value^1.5`: 3, 24 and 192 at 1, 4 and 16.
    @Test
    void theExponentOfAPowerLawIsFound() {
        assertThat(ScalingBench.exponent(List.of(point(1, 3), point(4, 24), point(16, 192))))
                .isCloseTo(1.5, within(1e-12));
    }

    /// Logarithms to base 2: (0, 0), (1, 2), (2, 1), slope (0 * 2 + ... ) = sum of (x - 1)(y - 1) /
    /// sum of (x - 1)^2 = (1 + 0 + 0) / 2.
    @Test
    void elseTheLineOfLeastSquaresDecides() {
        assertThat(ScalingBench.exponent(List.of(point(1, 1), point(2, 4), point(4, 2))))
                .isCloseTo(0.5, within(1e-12));
    }

    @Test
    void oneTimeHasNoExponent() {
        Point failed = new Point(2, false, null, null, null, null, "killed");
        assertThat(ScalingBench.exponent(List.of(point(1, 3), failed))).isNull();
    }

    /// The tiny run has B = 4, T = 12, C = 4 at 2 sites and D_gate 32.
    @Test
    void everyValueOfAQuantityIsAConfiguration() throws IOException {
        Path config = TinyRun.in(folder).config();
        RunFile file = RunFile.read(config, List.of());
        List<DecomposedSite> sites;
        try (PreparedRun run = PreparedRun.of(file)) {
            sites = run.sites();
        }
        List<Quantity> quantities = ScalingBench.quantities(file, sites);

        assertThat(quantities).extracting(Quantity::name).isEqualTo(ScalingBench.names());
        assertThat(quantities.subList(0, 5))
                .extracting(Quantity::values)
                .containsExactly(
                        List.of(1, 4, 16, 64),
                        List.of(6, 12),
                        List.of(1, 2, 4, 8),
                        List.of(1, 2),
                        List.of(8, 16, 32, 64));
        for (Quantity quantity : quantities) {
            for (int value : quantity.values()) {
                RunFile changed = RunFile.read(config, quantity.settings().apply(value));
                int found =
                        switch (quantity.name()) {
                            case "batch" -> changed.streams().getFirst().batch();
                            case "length" -> changed.streams().getFirst().length();
                            case "C" -> changed.sites().getLast().subcomponents();
                            case "sites" -> changed.sites().size();
                            case "D_gate" -> ((PerSite) changed.importance()).hidden();
                            default -> changed.machine().workers();
                        };
                assertThat(found).as(quantity.name()).isEqualTo(value);
            }
        }
    }
}
