package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.config.YamlTree.Node;
import org.junit.jupiter.api.Test;

class DiffTest {
    @Test
    void namesEveryKeyThatChanged() {
        assertThat(
                        Diff.changedKeys(
                                tree("a: 1\nb: {c: x, d: [1, 2]}\nold: true\nkind: 3"),
                                tree("b: {d: [1, 5, 6], c: y}\na: 1\nnew: [1]\nkind: {e: 4}")))
                .map(Diff.Change::toString)
                .containsExactly(
                        "b.c: x -> y",
                        "b.d[1]: 2 -> 5",
                        "b.d[2]: absent -> 6",
                        "old: true -> absent",
                        "kind: 3 -> {e: 4}",
                        "new: absent -> [1]");
    }

    @Test
    void isEmptyForTheSameValuesWrittenDifferently() {
        assertThat(
                        Diff.changedKeys(
                                tree("a: 1\nb: [1e-3, \"x\"]\nc: {d: 0.40}"),
                                tree("c:\n  d: 0.4\nb:\n  - 0.001\n  - x\na: 1.0")))
                .isEmpty();
    }

    @Test
    void tellsTextFromNumbers() {
        assertThat(Diff.changedKeys(tree("a: 1"), tree("a: \"1\""))).hasToString("[a: 1 -> \"1\"]");
    }

    private static Node tree(String text) {
        return YamlTree.parse("f", text);
    }
}
