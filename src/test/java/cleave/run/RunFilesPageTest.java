package cleave.run;

import static java.util.stream.Collectors.joining;
import static java.util.stream.Collectors.toCollection;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.config.Binder;
import cleave.config.Keys;
import cleave.config.Kinds;
import cleave.config.Open;
import cleave.config.OwnKinds;
import cleave.config.YamlTree;
import cleave.data.TextData;
import cleave.importance.ImportanceFunction;
import cleave.loss.LossTerm;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.model.ModelSpec;
import cleave.schedule.Schedule;
import cleave.study.toys.ToySuite;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Holds `docs/reference/run-files.md` to the records: a row for every key, a section for every
/// kind, and nothing more. A failure lists the rows as they must begin.
class RunFilesPageTest {
    private static final Path PAGE = Path.of("docs/reference/run-files.md");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern CODE = Pattern.compile("`([^`]+)`");
    private static final String RULE_OF_KEY = "as of the key it is given for";
    private static String page;

    @BeforeAll
    static void read() throws IOException {
        page = Files.readString(PAGE);
    }

    @Test
    void everyKeyHasARowWithTypeAndRuleAndThereAreNoOtherRows() {
        SortedSet<String> found = new TreeSet<>();
        forEachSection((titles, body) -> {
            for (String[] cells : table(body)) {
                titles.forEach(title -> found.add(row(title, cells[0], cells[1], cells[2])));
                assertThat(cells[3]).as("meaning of %s", cells[0]).isNotBlank();
            }
        });
        assertThat(found).isEqualTo(rows());
    }

    @Test
    void everyChoiceIsExplained() {
        Map<String, List<String>> meanings = new TreeMap<>();
        forEachSection((_, body) -> {
            for (String[] cells : table(body)) {
                meanings.computeIfAbsent(cells[0], _ -> new ArrayList<>()).add(cells[3]);
            }
        });
        for (Keys.Key key : bothFiles().toList()) {
            if (key.type().startsWith("one of ") && !key.name().equals("kind")) {
                for (String choice : key.allowed()) {
                    assertThat(meanings.get("`" + key.name() + "`"))
                            .as("choice %s of %s", choice, key.path())
                            .anyMatch(meaning -> meaning.contains("`" + choice + "`"));
                }
            }
        }
    }

    @Test
    void everyKindHasASectionWithAnExampleThatBinds() {
        Map<String, Class<?>> families = new LinkedHashMap<>();
        for (Class<?> family :
                List.of(
                        Schedule.class,
                        ImportanceFunction.class,
                        LossTerm.class,
                        Masking.class,
                        Routing.class,
                        TextData.class,
                        ModelSpec.class)) {
            Open open = family.getAnnotation(Open.class);
            Stream.concat(
                            Arrays.stream(
                                    open == null ? family.getPermittedSubclasses() : open.core()),
                            installed().filter(family::isAssignableFrom))
                    .forEach(kind -> families.put(snakeCase(kind.getSimpleName()), family));
        }
        SortedSet<String> kinds =
                bothFiles()
                        .filter(key -> key.name().equals("kind"))
                        .flatMap(key -> key.allowed().stream())
                        .collect(toCollection(TreeSet::new));
        assertThat(families.keySet()).containsExactlyInAnyOrderElementsOf(kinds);

        SortedSet<String> explained = new TreeSet<>();
        forEachSection((titles, body) -> {
            for (String title : titles) {
                if (title.startsWith("`kind: ")) {
                    String kind = title.substring("`kind: ".length(), title.length() - 1);
                    explained.add(kind);
                    Matcher example = Pattern.compile("(?m)^Example: `(\\{.+})`$").matcher(body);
                    assertThat(example.find()).as("example of %s", title).isTrue();
                    YamlTree.Node node = YamlTree.parse(PAGE.toString(), example.group(1));
                    Class<?> family =
                            Objects.requireNonNull(families.get(kind), "no family of " + kind);
                    Object bound = Binder.bind(node, family);
                    assertThat(snakeCase(bound.getClass().getSimpleName())).isEqualTo(kind);
                }
            }
        });
        assertThat(explained).isEqualTo(kinds);
    }

    @Test
    void theWholeExamplesBind() {
        List<String> blocks = new ArrayList<>();
        Matcher block = Pattern.compile("(?s)```yaml\n(.*?)```").matcher(page);
        while (block.find()) {
            blocks.add(block.group(1));
        }
        assertThat(blocks).hasSize(3);
        assertRoundTrip(blocks.getFirst(), RunFile.class);
        assertRoundTrip(blocks.get(1), RunFile.class);
        assertRoundTrip(blocks.getLast(), TargetFile.class);
    }

    static Stream<Path> configurations() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("configs"))) {
            return files
                    .filter(file -> file.toString().endsWith(".yaml"))
                    .sorted()
                    .toList()
                    .stream();
        }
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void everyShippedConfigurationBindsAndIsTheSameWhenWrittenAndReadAgain(Path file)
            throws IOException {
        String text = Files.readString(file);
        assertRoundTrip(text, typeOf(text));
    }

    private static Class<? extends Record> typeOf(String text) {
        if (text.contains("\ntoys:")) {
            return ToySuite.class;
        }
        return text.startsWith("model:") || text.contains("\nmodel:")
                ? TargetFile.class
                : RunFile.class;
    }

    private static void assertRoundTrip(String text, Class<? extends Record> type) {
        Record bound = Binder.read("text", text, List.of(), type);
        YamlTree.Node tree = Binder.toTree(bound);
        assertThat(Binder.bind(tree, type)).isEqualTo(bound);
        String written = YamlTree.write(tree);
        assertThat(Binder.read("written", written, List.of(), type)).isEqualTo(bound);
        assertThat(YamlTree.write(YamlTree.parse("written", written))).isEqualTo(written);
    }

    /// All kinds but those that a test adds.
    private static Kinds documented() {
        Kinds kinds = Kinds.core();
        for (Class<? extends Record> kind : installed().toList()) {
            kinds = kinds.with(kind);
        }
        return kinds;
    }

    private static Stream<Keys.Key> bothFiles() {
        return Stream.concat(
                Keys.of(RunFile.class, documented()).stream(),
                Keys.of(TargetFile.class, documented()).stream());
    }

    /// The row of each key. A record that is given for several keys has one section; where their
    /// rules differ, the row says so.
    private static SortedSet<String> rows() {
        Map<String, SortedSet<String>> rules = new TreeMap<>();
        collect("`cleave decompose`", Keys.of(RunFile.class, documented()), rules);
        collect("`cleave train`", Keys.of(TargetFile.class, documented()), rules);
        SortedSet<String> rows = new TreeSet<>();
        rules.forEach((place, each) ->
                rows.add(place.replace("%s", each.size() == 1 ? each.first() : RULE_OF_KEY)));
        return rows;
    }

    private static void collect(
            String root, List<Keys.Key> keys, Map<String, SortedSet<String>> rules) {
        for (Keys.Key key : keys) {
            if (!key.name().equals("kind")) {
                String rule =
                        Stream.of(key.rule(), absence(key))
                                .filter(part -> !part.isEmpty())
                                .collect(joining(", "));
                String place = row(title(root, key), "`" + key.name() + "`", key.type(), "%s");
                rules.computeIfAbsent(place, _ -> new TreeSet<>()).add(rule);
            }
        }
    }

    private static String absence(Keys.Key key) {
        return key.standard()
                .map("default `%s`"::formatted)
                .orElse(key.optional() ? "may be absent" : "");
    }

    private static String row(String title, String key, String type, String rule) {
        return title + ": | " + String.join(" | ", key, type, rule) + " |";
    }

    /// The heading under which a key stands: its kind, the key that holds it, or the file.
    private static String title(String root, Keys.Key key) {
        int end = key.path().length() - key.name().length() - 1;
        String parent = end < 0 ? "" : key.path().substring(0, end);
        for (String kind : key.kinds()) {
            if (kind.startsWith(parent + ".kind: ")) {
                return "`kind: " + kind.substring((parent + ".kind: ").length()) + "`";
            }
        }
        return parent.isEmpty() ? root : "`" + parent + "`";
    }

    private interface Section {
        void accept(List<String> titles, String body);
    }

    /// Calls with the code words of each heading, quoted, and the text up to the next one.
    private static void forEachSection(Section section) {
        Matcher heading = HEADING.matcher(page.replaceAll("(?s)```.*?```", ""));
        String text = page.replaceAll("(?s)```.*?```", "");
        List<int[]> places = new ArrayList<>();
        List<List<String>> titles = new ArrayList<>();
        while (heading.find()) {
            places.add(new int[] {heading.start(), heading.end()});
            titles.add(CODE.matcher(heading.group(1)).results().map(r -> r.group()).toList());
        }
        for (int i = 0; i < places.size(); i++) {
            int end = i + 1 < places.size() ? places.get(i + 1)[0] : text.length();
            section.accept(titles.get(i), text.substring(places.get(i)[1], end));
        }
    }

    /// The cells of the rows whose first cell is a key.
    private static List<String[]> table(String body) {
        return body.lines()
                .filter(line -> line.startsWith("| `"))
                .map(line -> line.substring(1, line.length() - 1).split("\\|", -1))
                .map(cells -> Arrays.stream(cells).map(String::strip).toArray(String[]::new))
                .toList();
    }

    /// The kinds that studies add, without those of tests.
    private static Stream<Class<? extends Record>> installed() {
        return ServiceLoader.load(OwnKinds.class).stream()
                .filter(own -> !own.type().getName().contains("Test$"))
                .flatMap(own -> own.get().kinds().stream());
    }

    private static String snakeCase(String name) {
        return name.replaceAll("([a-z])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
    }
}
