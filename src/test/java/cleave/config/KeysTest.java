package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KeysTest {
    @Test
    void listsEveryPathOnceForEveryKind() {
        assertThat(Keys.of(Sample.class))
                .map(Keys.Key::path)
                .startsWith(
                        "steps",
                        "seed",
                        "name",
                        "causal",
                        "device",
                        "method",
                        "method.learning_rate",
                        "method.betas",
                        "losses",
                        "losses[].kind",
                        "losses[].coefficient",
                        "losses[].coefficient.kind",
                        "losses[].coefficient.value")
                .endsWith("losses[].p", "losses[].epsilon", "subcomponents");
    }

    @Test
    void tellsTypeRuleAllowedValuesAndWhetherAKeyMayBeAbsent() {
        assertThat(Keys.of(Sample.class))
                .contains(
                        new Keys.Key(
                                "steps",
                                "sample",
                                "steps",
                                List.of(),
                                "a whole number",
                                ">= 1",
                                List.of(),
                                false,
                                Optional.empty()),
                        new Keys.Key(
                                "device",
                                "sample",
                                "device",
                                List.of(),
                                "one of cpu, cuda_graph",
                                "",
                                List.of("cpu", "cuda_graph"),
                                true,
                                Optional.empty()),
                        new Keys.Key(
                                "method.betas",
                                "method",
                                "betas",
                                List.of(),
                                "a list, each a number",
                                "between 0 and 1",
                                List.of(),
                                false,
                                Optional.empty()),
                        new Keys.Key(
                                "losses",
                                "sample",
                                "losses",
                                List.of(),
                                "a list, each a mapping with kind",
                                "not empty",
                                List.of("faithfulness", "importance_minimality"),
                                false,
                                Optional.empty()),
                        new Keys.Key(
                                "losses[].coefficient.to",
                                "linear",
                                "to",
                                List.of(
                                        "losses[].kind: importance_minimality",
                                        "losses[].coefficient.kind: linear"),
                                "a number",
                                ">= 0",
                                List.of(),
                                false,
                                Optional.empty()));
    }

    /// How a document of keys is held to the records: each record has a section, and its keys stand
    /// in it.
    @Test
    void findsTheKeysThatADocumentLacks() {
        String document =
                """
                ## warmup
                | `kind` | `warmup` |
                | `steps` | a whole number | >= 1 |

                ## linear
                | `kind` | `linear` |
                | `from` | a number |
                | `to` | a number |
                """;

        Stream<Keys.Key> schedules =
                Keys.of(Sample.class).stream()
                        .filter(key -> List.of("warmup", "linear").contains(key.owner()));

        assertThat(missing(schedules, document)).containsExactly("warmup: then");
    }

    private static List<String> missing(Stream<Keys.Key> keys, String document) {
        return keys.filter(key -> !section(document, key.owner()).contains("`" + key.name() + "`"))
                .map(key -> key.owner() + ": " + key.name())
                .distinct()
                .toList();
    }

    private static String section(String document, String title) {
        return Stream.of(document.split("(?m)^## ", -1))
                .filter(part -> part.startsWith(title + "\n"))
                .findFirst()
                .orElse("");
    }
}
