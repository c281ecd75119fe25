package cleave.report;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.report.PointPicture.Point;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Where points lie in the picture. Pixels by hand: x from 64 to 512, y from 316 up to 16.
class PointPictureTest {
    @Test
    void pointsOverDecadesLieOnALogarithmicAxis() {
        String svg =
                new PointPicture(
                                "count",
                                "a < b",
                                List.of(
                                        new Point(0, 1, "6.5", "one"),
                                        new Point(5, 10, "", "two"),
                                        new Point(10, 100, "7", "three"),
                                        new Point(3, Double.NaN, "left out", "")))
                        .svg();

        assertThat(svg)
                .startsWith("<svg xmlns=\"http://www.w3.org/2000/svg\"")
                .contains("<circle cx=\"64\" cy=\"316\" r=\"4\"><title>one</title></circle>")
                .contains("<circle cx=\"288\" cy=\"166\" r=\"4\"><title>two</title></circle>")
                .contains("<circle cx=\"512\" cy=\"16\" r=\"4\"><title>three</title></circle>")
                .contains(">6.5</text>")
                .contains("a &lt; b")
                .doesNotContain("left out", "NaN");
    }

    @Test
    void pointsOfOneSizeLieOnALinearAxis() {
        String svg =
                new PointPicture(
                                "x",
                                "y",
                                List.of(new Point(0, 2, "", "low"), new Point(1, 4, "", "high")))
                        .svg();

        assertThat(svg)
                .contains("<circle cx=\"64\" cy=\"316\" r=\"4\"><title>low</title></circle>")
                .contains("<circle cx=\"512\" cy=\"16\" r=\"4\"><title>high</title></circle>");
    }

    /// Four pixels apart: the later label would lie over the earlier one. The third is 30 away.
    @Test
    void aLabelThatWouldLieOverAnotherIsLeftOut() {
        String svg =
                new PointPicture(
                                "x",
                                "y",
                                List.of(
                                        new Point(0, 0, "first", ""),
                                        new Point(100.0 * 4 / 448, 0, "second", ""),
                                        new Point(0, 10, "third", ""),
                                        new Point(100, 100, "last", "")))
                        .svg();

        assertThat(svg)
                .contains(">first</text>", ">third</text>", ">last</text>")
                .doesNotContain("second");
    }

    @Test
    void withoutPointsTheAxesAreThere() {
        assertThat(new PointPicture("x", "y", List.of()).svg())
                .contains(">x</text>", ">y</text>")
                .doesNotContain("<circle", "NaN");
    }
}
