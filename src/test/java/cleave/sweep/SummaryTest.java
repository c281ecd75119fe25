package cleave.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.sweep.Summary.Group;
import cleave.sweep.Summary.Spread;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SummaryTest {
    private static Row row(
            String p, long seed, double minutes, @Nullable Double kl, double unique) {
        Map<String, @Nullable Double> figures = new LinkedHashMap<>();
        figures.put("unique.V1", unique);
        figures.put("kl.importance", kl);
        return new Row(Map.of("p", p), seed, "r", null, figures, minutes, null, null, "bin/cleave");
    }

    private static Row failed(String p, long seed) {
        return new Row(Map.of("p", p), seed, "r", "broken", Map.of(), 0.1, null, null, "x");
    }

    @Test
    void meansAndDeviationsAreThoseOfTheHand() {
        // 1, 2, 6: mean 9 / 3 = 3; squares 4 + 1 + 9 = 14; deviation sqrt(14 / 2).
        Spread spread = Spread.of(List.of(1.0, 2.0, 6.0));

        assertThat(spread.runs()).isEqualTo(3);
        assertThat(spread.mean()).isEqualTo(3);
        assertThat(spread.deviation()).isCloseTo(Math.sqrt(7), within(1e-12));
        assertThat(spread.least()).isEqualTo(1);
        assertThat(spread.largest()).isEqualTo(6);
        assertThat(Spread.of(List.of(4.0))).isEqualTo(new Spread(1, 4, 0, 4, 4));
    }

    @Test
    void seedsOfOneValueAreOneGroupAndFailuresCountApart() {
        List<Row> rows =
                List.of(
                        row("1", 0, 10, 0.01, 13),
                        row("1", 1, 20, null, 16),
                        failed("1", 2),
                        row("2", 0, 30, 0.5, 9));

        Summary summary = Summary.of(rows);

        assertThat(summary.groups()).hasSize(2);
        Group first = summary.groups().getFirst();
        assertThat(first.finished()).isEqualTo(2);
        assertThat(first.failed()).isEqualTo(1);
        // 13 and 16: mean 14.5, each 1.5 away, deviation sqrt(2 * 2.25 / 1).
        assertThat(first.figures().get("unique.V1"))
                .isEqualTo(new Spread(2, 14.5, Math.sqrt(4.5), 13, 16));
        // A number that was not finite is in no mean.
        assertThat(first.figures().get("kl.importance"))
                .isEqualTo(new Spread(1, 0.01, 0, 0.01, 0.01));
        assertThat(first.figures().lastEntry().getKey()).isEqualTo("minutes");
        assertThat(first.figures().lastEntry().getValue().mean()).isEqualTo(15);
        assertThat(summary.groups().getLast().figures().get("unique.V1"))
                .isEqualTo(new Spread(1, 9, 0, 9, 9));
    }

    @Test
    void theTableHasALineForEachFigureAndAColumnForEachGroup() {
        List<Row> rows =
                List.of(row("1", 0, 10, 0.01, 13), row("1", 1, 20, 0.03, 16), failed("2", 0));

        assertThat(SummaryText.table(Summary.of(rows), rows))
                .containsExactly(
                        List.of("figure", "p=1", "p=2"),
                        List.of("runs finished", "2", "0"),
                        List.of("runs failed", "0", "1"),
                        List.of("unique.V1", "14.50 +- 2.12", ""),
                        // 0.01 and 0.03: sqrt(2 * 0.0001) = 0.01414.
                        List.of("kl.importance", "2.0e-02 +- 1.4e-02", ""),
                        List.of("minutes", "15.0 +- 7.1", ""));
    }

    @Test
    void runsStandBesideTheirMeanWhereOnlyTheSeedDiffers() {
        List<Row> rows = List.of(row("1", 0, 10, 0.01, 13), row("1", 4, 20, null, 16));

        List<List<String>> table = SummaryText.table(Summary.of(rows), rows);

        assertThat(table.getFirst()).containsExactly("figure", "p=1", "seed 0", "seed 4");
        assertThat(table).contains(List.of("unique.V1", "14.50 +- 2.12", "13.00", "16.00"));
        assertThat(table).contains(List.of("kl.importance", "1.0e-02", "1.0e-02", ""));
        assertThat(table.getLast()).containsExactly("minutes", "15.0 +- 7.1", "10.0", "20.0");
    }
}
