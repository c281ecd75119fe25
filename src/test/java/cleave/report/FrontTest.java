package cleave.report;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.report.PointPicture.Point;
import java.util.List;
import org.junit.jupiter.api.Test;

class FrontTest {
    private static Point at(double x, double y) {
        return new Point(x, y, "", x + " " + y);
    }

    @Test
    void theFrontIsOfPointsThatNoOtherIsBelowInBoth() {
        PointPicture picture =
                new PointPicture(
                        "pieces",
                        "KL",
                        List.of(
                                at(5, 1),
                                at(3, 2),
                                at(4, 3),
                                at(3, 4),
                                at(6, 1),
                                at(1, 9),
                                at(2, Double.NaN)));
        assertThat(picture.front()).containsExactly(at(1, 9), at(3, 2), at(5, 1));
        assertThat(picture.svgWithFront()).contains("class=\"front\"");
        assertThat(picture.svg()).doesNotContain("class=\"front\"");
    }

    @Test
    void aPatternIsDrawnWithItsTokensAndWhatChanges() {
        List<List<Double>> before = List.of(List.of(1.0, 0.0), List.of(0.25, 0.75));
        List<List<Double>> after = List.of(List.of(1.0, 0.0), List.of(0.5, 0.5));
        String svg =
                new PatternPicture(
                                List.of("<a>", " b"),
                                List.of(
                                        new PatternPicture.Panel("head", before),
                                        PatternPicture.difference("difference", before, after)))
                        .svg();
        assertThat(svg)
                .contains("&lt;a&gt;", ">b<", "b to &lt;a&gt;: 0.25", "b to b: -0.25")
                .contains("fill:#e4572e;fill-opacity:0.25");
    }
}
