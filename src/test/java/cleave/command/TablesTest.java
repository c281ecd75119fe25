package cleave.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

class TablesTest {
    @Test
    void firstColumnToTheLeftAndNumbersToTheRight() {
        Tables table = new Tables(List.of("site", "mean"));
        table.row(List.of("Q0", "12.50"));
        table.row(List.of("V10", "1.00"));

        assertThat(table.toString())
                .isEqualToNormalizingNewlines(
                        """
                        site   mean
                        -----------
                        Q0    12.50
                        V10    1.00
                        """);
    }

    /// 5 + 2 + 119 columns: the long cell has 93, into which 18 of its 24 words go.
    @Test
    void aTableThatIsTooWideHasItsLongestCellsBroken() {
        Tables table = new Tables(List.of("name", "what it says"));
        table.row(List.of("short", "word ".repeat(24).strip()));

        assertThat(table.toString().lines())
                .hasSize(4)
                .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100))
                .last()
                .asString()
                .isEqualTo(" ".repeat(7 + 93 - 29) + "word ".repeat(6).strip());
    }

    @Test
    void aWordIsNeverBroken() {
        Tables table = new Tables(List.of("name", "path"));
        table.row(List.of("a b", "/" + "x".repeat(120)));

        assertThat(table.toString()).contains("/" + "x".repeat(120)).contains("a");
    }

    @Test
    void csvKeepsCellsWhole() {
        Tables.keepShown();
        Tables table = new Tables(List.of("name", "what, it says"));
        table.row(List.of("x", "word ".repeat(30).strip()));
        assertThat(table.toString()).isNotEmpty();
        StringWriter out = new StringWriter();
        Tables.printShown(new PrintWriter(out, true));

        assertThat(out.toString())
                .startsWith("name,\"what, it says\"\n")
                .contains("x," + "word ".repeat(30).strip());
    }
}
