package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Meaning;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class YamlTreeTest {
    @Test
    void knowsTheLineOfEveryNode() {
        Node root =
                YamlTree.parse(
                        "f.yaml",
                        """
                        # a comment
                        a:
                          b: "0.4"
                        list:
                          - 1
                          - x: |
                              two
                              lines
                        """);

        assertThat(root)
                .isEqualTo(
                        mapping(
                                2,
                                "a",
                                mapping(2, "b", new Scalar(at(3), "0.4", true)),
                                "list",
                                new Sequence(
                                        at(4),
                                        List.of(
                                                new Scalar(at(5), "1", false),
                                                mapping(
                                                        6,
                                                        "x",
                                                        new Scalar(
                                                                at(6), "two\nlines\n", true))))));
    }

    @Test
    void readsPastAByteOrderMarkAndWideCharacters() {
        Node root = YamlTree.parse("f.yaml", "\uFEFF\"\uD835\uDC9E\": 'q'\n");

        assertThat(root).isEqualTo(mapping(1, "\uD835\uDC9E", new Scalar(at(1), "q", true)));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '`',
            value = {
                "1,WHOLE_NUMBER",
                "-7,WHOLE_NUMBER",
                "+7,WHOLE_NUMBER",
                "1.0,NUMBER",
                ".5,NUMBER",
                "1e-12,NUMBER",
                "1.,NUMBER",
                "2E+3,NUMBER",
                ".inf,NOT_FINITE",
                "-.INF,NOT_FINITE",
                ".nan,NOT_FINITE",
                "true,BOOLEAN",
                "FALSE,BOOLEAN",
                "yes,TEXT",
                "on,TEXT",
                "~,NOTHING",
                "null,NOTHING",
                "1_000,TEXT",
                "0x1F,TEXT",
                "inf,TEXT",
                "e5,TEXT",
                "'1',TEXT",
                "\"\",TEXT",
            })
    void readsScalarsAsYaml12(String text, Meaning meaning) {
        assertThat(YamlTree.parse("f.yaml", text))
                .isInstanceOfSatisfying(
                        Scalar.class, scalar -> assertThat(scalar.meaning()).isEqualTo(meaning));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a: 1\\nb: 2\\na: 3 | f.yaml:3 a is given twice, first on line 1",
                "l:\\n  - b: 1\\n    b: 2 | f.yaml:3 l[0].b is given twice, first on line 2",
                "a: 1\\n---\\nb: 2 | f.yaml:3 must be one YAML document, got a second one",
                "a: 1\\nb: &x 2 | f.yaml:2 b must not have an anchor, got &x",
                "a: 1\\nb: &x {c: 2} | f.yaml:2 b must not have an anchor, got &x",
                "a: !foo {b: 1} | f.yaml:1 a must not have a tag, got !foo",
                "&x a: 1 | f.yaml:1 must not have an anchor, got &x",
                "a: 1\\nb: [&x 2 ] | f.yaml:2 b[0] must not have an anchor, got &x",
                "a: !!str 1 | f.yaml:1 a must not have a tag, got !!str",
                "a:\\n\\tb: 1 | f.yaml:2 must be indented with spaces, got a tab",
                "a: x\u0001y | f.yaml:1 must be text, got a control character",
                "a: 1\\n b: 2 | f.yaml:2 is not YAML: mapping values are not allowed here",
                "a: 1\\nb: \"x\\n | f.yaml:3 is not YAML: while scanning a quoted scalar, found unexpected end of stream",
                "? [a]\\n: 1 | f.yaml:1 is not YAML: a key must be plain text",
            })
    void refuses(String text, String message) {
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() ->
                        YamlTree.parse("f.yaml", text.replace("\\n", "\n").replace("\\t", "\t")))
                .withMessage(message);
    }

    @Test
    void refusesAnAliasAlongWithWhatCameBefore() {
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> YamlTree.parse("f.yaml", "a: &x 1\nb: *x\n"))
                .withMessage(
                        """
                        f.yaml:1 a must not have an anchor, got &x
                        f.yaml:2 b must not be an alias, got *x
                          hint: write the value out\
                        """);
    }

    @Test
    void refusesNestingWithoutEnd() {
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> YamlTree.parse("f.yaml", "[".repeat(100_000)))
                .withMessageStartingWith("f.yaml:1 is not YAML: ");
    }

    @ParameterizedTest
    @CsvSource({
        "1000, 1000.0",
        "0.001, 0.001",
        "1e-12, 1.0e-12",
        "-2.5e300, -2.5e+300",
        "1e7, 1.0e+7",
        "0, 0.0",
    })
    void writesNumbersForHumans(double value, String text) {
        assertThat(YamlWriter.number(at(1), value).text()).isEqualTo(text);
    }

    static List<Double> doubles() {
        SplittableRandom random = new SplittableRandom(1);
        return random.longs(200)
                .mapToObj(Double::longBitsToDouble)
                .filter(Double::isFinite)
                .toList();
    }

    @ParameterizedTest
    @MethodSource("doubles")
    void writesDoublesThatReadBackExactly(double value) {
        record One(double value) {}

        String text = YamlTree.write(Binder.toTree(new One(value)));

        assertThat(Binder.read("f", text, List.of(), One.class).value()).isEqualTo(value);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "plain",
                "two words",
                "h.*.attn",
                "*.attn",
                "",
                " ",
                "yes",
                "Null",
                "~",
                "1",
                "1e5",
                "true",
                ".inf",
                "a: b",
                "a #b",
                "- a",
                "\"quoted\"",
                "back\\slash",
                "two\nlines",
                "tab\tbed",
                "\u00e9\u65e5\u672c",
                "\uD835\uDC9E",
                "\u0007",
                "\u0085",
                "\u2028",
                "[x]",
                "{x}",
                "@x",
                "%x",
                "&x",
                "!x",
                "...",
                "---",
                "12:30",
                "a,b",
                "trailing ",
                "'",
                "?",
                "|",
                ">",
            })
    void writesTextAndKeysThatReadBack(String text) {
        record Texts(String one, List<String> many, Map<String, String> named) {}

        Texts texts = new Texts(text, List.of(text, "x"), Map.of(text, text));
        String written = YamlTree.write(Binder.toTree(texts));

        assertThat(Binder.read("f", written, List.of(), Texts.class)).isEqualTo(texts);
    }

    @Test
    void writesEmptyAndNestedCollections() {
        record Deep(
                List<List<Integer>> grid,
                List<Map<String, List<Fold>>> folds,
                Map<String, Integer> none,
                List<String> empty) {}
        Deep deep =
                new Deep(
                        List.of(List.of(1, 2), List.of()),
                        List.of(Map.of("a", List.of(new Fold(1), new Fold(2))), Map.of()),
                        Map.of(),
                        List.of());

        String written = YamlTree.write(Binder.toTree(deep));

        assertThat(written)
                .isEqualTo(
                        """
                        grid: [[1, 2], []]
                        folds:
                          - a:
                              - depth: 1
                              - depth: 2
                          - {}
                        none: {}
                        empty: []
                        """);
        assertThat(Binder.read("f", written, List.of(), Deep.class)).isEqualTo(deep);
    }

    record Fold(int depth) {}

    private static Place at(int line) {
        return new Place("f.yaml", line);
    }

    private static Mapping mapping(int line, String key, Node value) {
        return new Mapping(at(line), new LinkedHashMap<>(Map.of(key, value)));
    }

    private static Mapping mapping(int line, String first, Node a, String second, Node b) {
        LinkedHashMap<String, Node> entries = new LinkedHashMap<>();
        entries.put(first, a);
        entries.put(second, b);
        return new Mapping(at(line), entries);
    }
}
