package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The decomposition that is shipped can be read, and is what its page says it is.
class ShippedDecompositionTest {
    private static final Path SHIPPED = Path.of("models/facts-gpt2-decomposed");

    @Test
    void golfIsTakenFromTheGolferAndFromNobodyElse() {
        Result result =
                TinyRun.cleave(
                        "concept",
                        SHIPPED.toString(),
                        "--prompt",
                        "Tiger Woods plays the sport of",
                        "--answer",
                        " golf",
                        "--rare",
                        "0.16",
                        "--sequences",
                        "256",
                        "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode concept = new JsonMapper().readTree(result.out());
        assertThat(concept.get("before").asDouble()).isGreaterThan(0.95);
        assertThat(concept.get("after").get("everywhere").asDouble()).isLessThan(0.01);
        assertThat(concept.get("after").get("edited").asDouble()).isLessThan(0.01);
    }

    @Test
    void itsTargetIsTheShippedModel() {
        for (String file : List.of("model.safetensors", "config.json", "compact_vocabulary.json")) {
            assertThat(SHIPPED.resolve("target").resolve(file))
                    .hasSameBinaryContentAs(Path.of("models/facts-gpt2", file));
        }
    }

    @Test
    void thePageHasTheFiguresOfItsFactsFile() throws IOException {
        JsonNode summary =
                new JsonMapper()
                        .readTree(Files.readString(SHIPPED.resolve("facts.json")))
                        .get("summary");
        String page = Files.readString(Path.of("docs/facts.md"));

        double fall = summary.get("fall").get("median").asDouble();
        assertThat(page)
                .contains(
                        String.format(
                                Locale.ROOT,
                                "| fall of the sport's probability, times | %.0f |",
                                fall));
    }

    @Test
    void nothingInItSaysWhereItWasMade() throws IOException {
        try (Stream<Path> files = Files.walk(SHIPPED)) {
            for (Path file :
                    files.filter(Files::isRegularFile).sorted(Comparator.naturalOrder()).toList()) {
                if (!file.toString().endsWith(".safetensors")) {
                    assertThat(file).content().doesNotContain("/tmp/", "/home/", "/work/");
                }
            }
        }
    }
}
