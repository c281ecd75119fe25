package cleave.command;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A table for a terminal: first column to the left, numbers to the right.
public final class Tables {
    private static final ThreadLocal<@Nullable List<Tables>> SHOWN = new ThreadLocal<>();

    /// Columns of a terminal that a table may take.
    private static final int WIDEST = 100;

    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();

    /// Starts a table with its head.
    public Tables(List<String> head) {
        rows.add(List.copyOf(head));
    }

    /// Adds a row.
    public void row(List<String> cells) {
        rows.add(List.copyOf(cells));
    }

    /// Begins to keep what the calling thread shows, for `--csv`.
    static void keepShown() {
        SHOWN.set(new ArrayList<>());
    }

    /// Keeps this table for `--csv` without showing it: what people read of it is no table.
    public void keep() {
        List<Tables> shown = SHOWN.get();
        if (shown != null) {
            shown.add(this);
        }
    }

    /// Ends the keeping, and prints the tables that were shown since its beginning as CSV; nothing
    /// where none were to be kept.
    public static void printShown(PrintWriter out) {
        List<Tables> shown = SHOWN.get();
        if (shown != null) {
            SHOWN.remove();
            out.print(shown.stream().map(Tables::csv).collect(Collectors.joining("\n")));
        }
    }

    /// The table as CSV (RFC 4180), a line of names first. Its cells are those that people see.
    private String csv() {
        return rows.stream()
                .map(row ->
                        row.stream().map(Tables::quoted).collect(Collectors.joining(",")) + "\n")
                .collect(Collectors.joining());
    }

    private static String quoted(String cell) {
        return cell.matches("(?s).*[\",\r\n].*") ? '"' + cell.replace("\"", "\"\"") + '"' : cell;
    }

    /// The lines, a rule under the head. A table that is wider than a terminal has its longest
    /// cells broken at spaces, as far as that makes it fit.
    @Override
    public String toString() {
        keep();
        int[] widths = widths();
        StringBuilder text = new StringBuilder();
        for (int r = 0; r < rows.size(); r++) {
            addRow(rows.get(r), widths, text);
            if (r == 0) {
                text.append("-".repeat(total(widths))).append(System.lineSeparator());
            }
        }
        return text.toString();
    }

    private static void addRow(List<String> row, int[] widths, StringBuilder text) {
        List<List<String>> cells = new ArrayList<>();
        for (int i = 0; i < row.size(); i++) {
            cells.add(broken(row.get(i), widths[i]));
        }
        int lines = cells.stream().mapToInt(List::size).max().orElse(1);
        for (int l = 0; l < lines; l++) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < cells.size(); i++) {
                String cell = l < cells.get(i).size() ? cells.get(i).get(l) : "";
                String padding = " ".repeat(Math.max(0, widths[i] - cell.length()));
                line.append(i == 0 ? cell + padding : GAP + padding + cell);
            }
            text.append(line.toString().stripTrailing()).append(System.lineSeparator());
        }
    }

    /// The width of each column: that of its longest cell, or less where the table would be too
    /// wide, but never less than its longest word.
    private int[] widths() {
        int columns = rows.stream().mapToInt(List::size).max().orElse(0);
        int[] widths = new int[columns];
        int[] words = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < row.size(); i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
                for (String word : row.get(i).split(" ", -1)) {
                    words[i] = Math.max(words[i], word.length());
                }
            }
        }
        while (total(widths) > WIDEST) {
            int widest = -1;
            for (int i = 0; i < columns; i++) {
                if (widths[i] > words[i] && (widest < 0 || widths[i] > widths[widest])) {
                    widest = i;
                }
            }
            if (widest < 0) {
                break;
            }
            widths[widest]--;
        }
        return widths;
    }

    private static int total(int[] widths) {
        return Arrays.stream(widths).sum() + GAP.length() * Math.max(0, widths.length - 1);
    }

    /// A cell in lines of at most this width, where its words are no longer.
    private static List<String> broken(String cell, int width) {
        if (cell.length() <= width) {
            return List.of(cell);
        }
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        for (String word : cell.split(" ", -1)) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    /// A mean count, two decimals.
    public static String mean(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    /// A loss or divergence.
    public static String loss(double value) {
        return String.format(Locale.ROOT, "%.1e", value);
    }

    /// A share as per cent; a dash for NaN, where there is none.
    public static String percent(double share) {
        return Double.isNaN(share) ? "-" : String.format(Locale.ROOT, "%.2f %%", 100 * share);
    }
}
