package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
    private static final String THREE =
            """
            {"step":0,"loss":2.5}
            {"step":50,"loss":1.0}
            {"step":100,"loss":0.5}
            """;

    @TempDir private Path temporary;
    private RunDirectory run;

    @BeforeEach
    void create() throws IOException {
        run = RunDirectory.create(temporary, "");
    }

    @AfterEach
    void close() throws IOException {
        run.close();
    }

    @Test
    void trainingTimeIsThatOfTheStepsThatStandInEverySession() throws IOException {
        assertThat(MetricsLog.trainingSeconds(run)).isZero();
        double[] seconds = {0.5, 3, 7, 0.25, 2, 1, 1.5}; // sessions of 7, 2 and 1.5
        try (MetricsLog log = MetricsLog.append(run)) {
            for (int step = 0; step < seconds.length; step++) {
                log.append(step, Map.of(MetricsLog.SECONDS, seconds[step]));
            }
        }

        assertThat(MetricsLog.trainingSeconds(run)).isEqualTo(10.5);
    }

    @Test
    void writesOneFlatLinePerStepAndNullForWhatIsNotFinite() throws IOException {
        try (MetricsLog log = MetricsLog.append(run)) {
            Map<String, Number> values = new LinkedHashMap<>();
            values.put("total", 0.25);
            values.put("active", 7);
            values.put("faithfulness", Double.NaN);
            values.put("rate", Double.POSITIVE_INFINITY);
            log.append(50, values);
            assertThat(run.metricsFile()) // before it is closed
                    .hasContent(
                            "{\"step\":50,\"total\":0.25,\"active\":7,"
                                    + "\"faithfulness\":null,\"rate\":null}\n");
        }
        MetricsLog.Line line = MetricsLog.read(run).getFirst();
        assertThat(line.step()).isEqualTo(50);
        assertThat(line.values().keySet())
                .containsExactly("total", "active", "faithfulness", "rate");
        assertThat(line.values().values()).containsExactly(0.25, 7.0, null, null);
    }

    @Test
    void aRunThatLoggedNothingHasNoLines() {
        assertThat(MetricsLog.read(run)).isEmpty();
    }

    @Test
    void cutsBackToAStepAndGoesOnFromThere() throws IOException {
        Files.writeString(run.metricsFile(), THREE + "{\"step\":150,\"lo");
        try (MetricsLog log = MetricsLog.cutBackTo(run, 50)) {
            log.append(100, Map.of("loss", 0.75));
        }
        assertThat(run.metricsFile())
                .hasContent(
                        """
                        {"step":0,"loss":2.5}
                        {"step":50,"loss":1.0}
                        {"step":100,"loss":0.75}
                        """);
    }

    @Test
    void aTornLastLineIsPassedOverByReadersAndRemovedByWriters() throws IOException {
        for (String torn : new String[] {"{\"step\":15", "{\"step\":150}", "\0\0\0", "\0\n"}) {
            Files.writeString(run.metricsFile(), THREE + torn);
            assertThat(MetricsLog.read(run))
                    .extracting(MetricsLog.Line::step)
                    .containsExactly(0L, 50L, 100L);
            MetricsLog.append(run).close();
            assertThat(Files.readString(run.metricsFile())).isEqualTo(THREE);
        }
        byte[] withinACharacter = "{\"step\":1,\"größe".getBytes(StandardCharsets.UTF_8);
        Files.write(run.metricsFile(), Arrays.copyOf(withinACharacter, 15));
        assertThat(MetricsLog.read(run)).isEmpty();
    }

    @Test
    void aWholeLogIsNotRewritten() throws IOException {
        Files.writeString(run.metricsFile(), THREE);
        Object before = Files.readAttributes(run.metricsFile(), "unix:ino").get("ino");
        MetricsLog.append(run).close();
        assertThat(Files.readAttributes(run.metricsFile(), "unix:ino").get("ino"))
                .isEqualTo(before);
    }

    @Test
    void aDamagedLineWithinTheLogIsRefusedByNumber() throws IOException {
        Files.writeString(run.metricsFile(), "{\"step\":0}\n{\"loss\":1}\n");
        Files.writeString(run.metricsFile(), "{\"step\":50}\n", StandardOpenOption.APPEND);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> MetricsLog.read(run))
                .withMessage(
                        "metrics line must be a JSON object of numbers with a step,"
                                + " got {\"loss\":1} (%s:2)",
                        run.metricsFile());
    }

    @Test
    void aMetricMayNotBeCalledStep() throws IOException {
        try (MetricsLog log = MetricsLog.append(run)) {
            assertThatIllegalArgumentException().isThrownBy(() -> log.append(1, Map.of("step", 1)));
        }
        assertThat(run.metricsFile()).isEmptyFile();
    }
}
