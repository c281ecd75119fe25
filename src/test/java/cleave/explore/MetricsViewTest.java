package cleave.explore;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Records that grow while they are read.
class MetricsViewTest {
    @TempDir private Path folder;

    @Test
    void onlyWholeLinesAreReadAndTheRestComesLater() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        assertThat(MetricsView.of(file, 0)).isEqualTo(new MetricsView(0, 0, false, List.of()));
        Files.writeString(file, "{\"step\":0,\"total\":2.5}\n{\"step\":1,\"to");
        MetricsView first = MetricsView.of(file, 0);
        assertThat(first.lines()).hasSize(1);
        assertThat(first.lines().getFirst().path("total").asDouble(0)).isEqualTo(2.5);
        assertThat(first.next()).isEqualTo(23);
        Files.writeString(file, "tal\":1.5}\nnot JSON\n", StandardOpenOption.APPEND);
        MetricsView second = MetricsView.of(file, first.next());
        assertThat(second.lines()).hasSize(1);
        assertThat(second.lines().getFirst().path("step").asInt(0)).isEqualTo(1);
        assertThat(second.next()).isEqualTo(Files.size(file));
    }

    @Test
    void aFileThatBeganAnewIsReadFromTheBeginning() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        Files.writeString(file, "{\"step\":0}\n");
        MetricsView view = MetricsView.of(file, 1000);
        assertThat(view.from()).isZero();
        assertThat(view.lines()).hasSize(1);
    }

    @Test
    void aLongFileComesInParts() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        String line = "{\"step\":0,\"filler\":\"%s\"}\n".formatted("x".repeat(1000));
        Files.writeString(file, line.repeat(3000));
        long from = 0;
        int lines = 0;
        MetricsView view;
        do {
            view = MetricsView.of(file, from);
            lines += view.lines().size();
            from = view.next();
        } while (view.more());
        assertThat(lines).isEqualTo(3000);
    }
}
