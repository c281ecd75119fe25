package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What a study is about is said in its own package alone: the rest of the program holds no name of
/// a toy's matrix, no athlete and no sport, neither in an identifier nor in a text.
class StudyWordsTest {
    private static final Path CODE = Path.of("src/main/java/cleave");

    private static final Set<String> WORDS =
            Set.of(
                    "athlete",
                    "athletes",
                    "circuit",
                    "circuits",
                    "fact",
                    "facts",
                    "golf",
                    "induction",
                    "sport",
                    "sports",
                    "toy",
                    "toys");

    /// Sites of the induction transformer. Only texts are searched for them: as an identifier such
    /// a name may be a coefficient's.
    private static final Pattern SITE = Pattern.compile("\\b[QKVO][01]\\b");

    /// Models are named after what they do. A configuration names a model, not its study.
    private static final Set<String> MODELS =
            Set.of(
                    "model/InductionTask.java",
                    "model/InductionTransformer.java",
                    "model/ModelSpec.java",
                    "model/Tms.java");

    private static final Pattern TOKEN =
            Pattern.compile(
                    "(?<comment>//[^\\n]*|(?s:/\\*.*?\\*/))"
                            + "|(?<text>\"\"\"(?s:.*?)\"\"\"|\"(?:[^\"\\\\\\n]|\\\\.)*\")"
                            + "|'(?:[^'\\\\]|\\\\.)+'"
                            + "|(?<name>[\\p{Alpha}_$][\\w$]*)");

    @Test
    void wordsOfStudiesAreFoundInNamesAndTexts() {
        assertThat(found("int golfBalls = 1;")).containsExactly("golf");
        assertThat(found("say(\"an athlete's \\\" Q0\");")).containsExactly("athlete", "Q0");
        assertThat(found("ALL_FACTS, toyModel, InductionTask"))
                .containsExactly("facts", "toy", "induction");
        assertThat(found("\"\"\"\nno \"sport\" here\n\"\"\"")).containsExactly("sport");
    }

    @Test
    void otherWordsAndCommentsAreNot() {
        assertThat(found("// golf\n/* a toy */ Factory transport = \"artefacts\"; float Q1;"))
                .isEmpty();
    }

    @Test
    void noWordOfAStudyIsSaidOutsideTheStudies() throws IOException {
        List<String> said = new ArrayList<>();
        Set<String> models = new TreeSet<>();
        for (Path file : core()) {
            String name = CODE.relativize(file).toString().replace('\\', '/');
            List<String> words = found(Files.readString(file));
            if (!words.isEmpty() && MODELS.contains(name)) {
                models.add(name);
            } else if (!words.isEmpty()) {
                said.add(name + ": " + words);
            }
        }
        assertThat(said).isEmpty();
        assertThat(models).as("exceptions that are needed").isEqualTo(new TreeSet<>(MODELS));
    }

    private static List<Path> core() throws IOException {
        try (Stream<Path> files = Files.walk(CODE)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> !file.startsWith(CODE.resolve("study")))
                    .sorted()
                    .toList();
        }
    }

    private static List<String> found(String code) {
        List<String> found = new ArrayList<>();
        Matcher token = TOKEN.matcher(code);
        while (token.find()) {
            String text = token.group("text");
            String name = token.group("name");
            if (text != null) {
                words(text).forEach(found::add);
                SITE.matcher(text).results().forEach(site -> found.add(site.group()));
            } else if (name != null) {
                words(name).forEach(found::add);
            }
        }
        return found;
    }

    /// Those of the words that an identifier or a text is made of.
    private static Stream<String> words(String text) {
        return Arrays.stream(text.split("[^\\p{Alpha}]+|(?<=[a-z])(?=[A-Z])", -1))
                .map(word -> word.toLowerCase(Locale.ROOT))
                .filter(WORDS::contains);
    }
}
