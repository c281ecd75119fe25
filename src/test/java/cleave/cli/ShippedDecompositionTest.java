package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The decompositions that are shipped can be read, and are what their page says they are.
class ShippedDecompositionTest {
    private static final Path SHIPPED = Path.of("models/facts-gpt2-decomposed");
    private static final Path NAMES = Path.of("models/facts-gpt2-names");

    private static Stream<Path> shipped() {
        return Stream.of(SHIPPED, NAMES);
    }

    @Test
    void golfIsTakenFromTheGolfersAndNothingElseFromAnybody() {
        JsonNode concept = golf(SHIPPED, "0.16", "256");
        assertThat(concept.get("before").asDouble()).isGreaterThan(0.95);
        assertThat(concept.get("after").get("everywhere").asDouble()).isLessThan(0.01);
        assertThat(concept.get("after").get("edited").asDouble()).isLessThan(0.01);
        assertThat(concept.get("chosen").size()).isEqualTo(6);
        assertThat(effect(concept, "same sport", "unchanged")).isZero();
        assertThat(effect(concept, "other sports", "unchanged")).isEqualTo(1);
        assertThat(effect(concept, "reverse", "unchanged")).isEqualTo(1);
        assertThat(effect(concept, "other text", "kl")).isLessThan(0.01);
    }

    @Test
    void golfIsTakenFromOneGolferAlone() {
        JsonNode concept = golf(NAMES, "0.03", "512");
        assertThat(concept.get("before").asDouble()).isGreaterThan(0.95);
        assertThat(concept.get("after").get("edited").asDouble()).isLessThan(0.1);
        assertThat(effect(concept, "same sport", "unchanged")).isEqualTo(1);
        assertThat(effect(concept, "other sports", "unchanged")).isEqualTo(1);
        assertThat(effect(concept, "reverse", "unchanged")).isEqualTo(1);
        assertThat(effect(concept, "other text", "kl")).isLessThan(0.01);
    }

    private static JsonNode golf(Path decomposition, String rare, String sequences) {
        Result result =
                TinyRun.cleave(
                        "concept",
                        decomposition.toString(),
                        "--prompt",
                        "Tiger Woods plays the sport of",
                        "--answer",
                        " golf",
                        "--rare",
                        rare,
                        "--sequences",
                        sequences,
                        "--json");
        assertThat(result.exitCode()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    private static double effect(JsonNode concept, String group, String figure) {
        return concept.get("effects")
                .valueStream()
                .filter(effect -> effect.get("group").asString().equals(group))
                .findFirst()
                .orElseThrow()
                .get(figure)
                .asDouble();
    }

    @Test
    void askingItLeavesItAsItIs() throws IOException {
        String before = Files.readString(SHIPPED.resolve("facts.json"));
        Result result =
                TinyRun.cleave("facts", SHIPPED.toString(), "--only", "Woods", "--sequences", "8");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(SHIPPED.resolve("facts.json")).hasContent(before);
    }

    @ParameterizedTest
    @MethodSource("shipped")
    void itsTargetIsTheShippedModel(Path decomposition) {
        for (String file : List.of("model.safetensors", "config.json", "compact_vocabulary.json")) {
            assertThat(decomposition.resolve("target/facts-gpt2").resolve(file))
                    .hasSameBinaryContentAs(Path.of("models/facts-gpt2", file));
        }
    }

    @ParameterizedTest
    @MethodSource("shipped")
    void thePagesHaveTheFiguresOfItsFactsFile(Path decomposition) throws IOException {
        JsonNode summary =
                new JsonMapper()
                        .readTree(Files.readString(decomposition.resolve("facts.json")))
                        .get("summary");
        String page =
                Files.readString(Path.of("docs/facts.md"))
                        + Files.readString(Path.of("docs/appendix/facts-model.md"));

        assertThat(page)
                .contains(
                        row("subcomponents suppressed", summary.get("chosen")),
                        row("fall of the sport's probability, times", summary.get("fall")),
                        shares("all other athletes unchanged", summary.get("specificity")),
                        shares("inactive ones instead", summary.get("inactive")),
                        shares("largest singular directions instead", summary.get("singular")));
    }

    /// A row of the page: the median, and the quarters, to three digits.
    private static String row(String name, JsonNode figure) {
        return "| %s | %s | %s to %s |"
                .formatted(
                        name,
                        number(figure.get("median")),
                        number(figure.get("lower")),
                        number(figure.get("upper")));
    }

    private static String number(JsonNode value) {
        BigDecimal rounded =
                BigDecimal.valueOf(value.asDouble())
                        .round(new MathContext(3, RoundingMode.HALF_EVEN));
        return rounded.intValue() >= 1000
                ? String.format(Locale.ROOT, "%,d", rounded.intValue())
                : rounded.stripTrailingZeros().toPlainString();
    }

    /// The same of shares, in per cent to a tenth.
    private static String shares(String name, JsonNode figure) {
        return String.format(
                Locale.ROOT,
                "| %s | %.1f %% | %.1f to %.1f %% |",
                name,
                100 * figure.get("median").asDouble(),
                100 * figure.get("lower").asDouble(),
                100 * figure.get("upper").asDouble());
    }

    @ParameterizedTest
    @MethodSource("shipped")
    void nothingInItSaysWhereItWasMade(Path decomposition) throws IOException {
        try (Stream<Path> files = Files.walk(decomposition)) {
            for (Path file :
                    files.filter(Files::isRegularFile).sorted(Comparator.naturalOrder()).toList()) {
                if (!file.toString().endsWith(".safetensors")) {
                    assertThat(file).content().doesNotContainPattern("(?:^|[\\s\"'=])/\\w+/");
                }
            }
        }
    }
}
