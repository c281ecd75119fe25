package cleave.engine;

import static cleave.engine.ArrayProducts.PANEL;

import java.util.Arrays;

/// Rows of a few numbers as panels, `[panels, rows, PANEL]`, and products of matrices in them.
///
/// Narrow matrices fill a panel or two, and every product of such rows by a small matrix, or by one
/// another, is one of `Products` for each pair of panels.
final class Panels {
    private final int rows;
    private final int width;
    private final int[] places;

    /// A layout.
    ///
    /// @param rows of a panel; a multiple of `ROWS`
    /// @param width numbers of a row
    public Panels(int rows, int width) {
        this.rows = rows;
        this.width = width;
        places = new int[rows];
        Arrays.setAll(places, row -> row * PANEL);
    }

    /// The layout of the matrices M `[width, columns]` that rows of this one can be multiplied by.
    public Panels by(int columns) {
        return new Panels(padded(), columns);
    }

    /// Numbers of a row.
    public int width() {
        return width;
    }

    /// How many panels a row fills.
    public int count() {
        return Math.ceilDiv(width, PANEL);
    }

    /// Numbers of a row with what fills up its last panel.
    int padded() {
        return count() * PANEL;
    }

    /// An empty set of rows.
    public float[] empty() {
        return new float[count() * rows * PANEL];
    }

    /// Where rows of a panel begin, from its first row on.
    int[] places() {
        return places;
    }

    /// Copies rows from native memory; those after them become zero.
    ///
    /// @param address of the first row
    /// @param stride numbers from one row to the next
    public void read(long address, int stride, int some, float[] into) {
        if (some < rows) {
            Arrays.fill(into, 0);
        }
        for (int row = 0; row < some; row++) {
            for (int first = 0; first < width; first += PANEL) {
                Lanes.read(
                        address + Lanes.bytes((long) row * stride + first),
                        into,
                        first * rows + row * PANEL,
                        Math.min(PANEL, width - first));
            }
        }
    }

    /// Copies rows to native memory.
    ///
    /// @param address of the first row
    /// @param stride numbers from one row to the next
    public void write(float[] from, int some, long address, int stride) {
        for (int row = 0; row < some; row++) {
            for (int first = 0; first < width; first += PANEL) {
                Lanes.write(
                        from,
                        first * rows + row * PANEL,
                        Math.min(PANEL, width - first),
                        address + Lanes.bytes((long) row * stride + first));
            }
        }
    }

    /// A matrix `[count, width]` as rows, `count` being at most `rows`.
    public float[] of(float[] matrix) {
        float[] panels = empty();
        for (int i = 0; i < matrix.length; i++) {
            panels[place(i / width, i % width)] = matrix[i];
        }
        return panels;
    }

    /// The `count` first rows as a matrix `[count, width]`.
    public float[] matrix(float[] panels, int count) {
        float[] matrix = new float[count * width];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = panels[place(i / width, i % width)];
        }
        return matrix;
    }

    /// `out += x M`.
    ///
    /// @param x rows of this layout
    /// @param other the layout of M, of which each row belongs to a number of x
    public void times(float[] x, Panels other, float[] M, float[] out) {
        for (int to = 0; to < other.count(); to++) {
            for (int panel = 0; panel < count(); panel++) {
                ArrayProducts.scattered(
                        x,
                        panel * rows * PANEL,
                        places,
                        PANEL,
                        M,
                        (to * other.rows + panel * PANEL) * PANEL,
                        out,
                        to * rows * PANEL,
                        places,
                        rows);
            }
        }
    }

    /// `M += x^T y`, with y as many rows as x.
    public void timesAcross(float[] x, Panels other, float[] y, float[] M) {
        for (int to = 0; to < other.count(); to++) {
            for (int panel = 0; panel < count(); panel++) {
                ArrayProducts.transposed(
                        x,
                        panel * rows * PANEL,
                        places,
                        rows,
                        y,
                        to * rows * PANEL,
                        M,
                        (to * other.rows + panel * PANEL) * PANEL,
                        PANEL);
            }
        }
    }

    private int place(int row, int column) {
        return (column / PANEL * rows + row) * PANEL + column % PANEL;
    }
}
