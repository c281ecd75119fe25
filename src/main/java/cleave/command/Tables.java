package cleave.command;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A table for a terminal: first column to the left, numbers to the right.
public final class Tables {
    private static final ThreadLocal<@Nullable List<Tables>> SHOWN = new ThreadLocal<>();

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

    /// The lines, a rule under the head.
    @Override
    public String toString() {
        List<Tables> shown = SHOWN.get();
        if (shown != null) {
            shown.add(this);
        }
        int columns = rows.stream().mapToInt(List::size).max().orElse(0);
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < row.size(); i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (int r = 0; r < rows.size(); r++) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < rows.get(r).size(); i++) {
                String cell = rows.get(r).get(i);
                String padding = " ".repeat(widths[i] - cell.length());
                line.append(i == 0 ? cell + padding : "  " + padding + cell);
            }
            text.append(line.toString().stripTrailing()).append(System.lineSeparator());
            if (r == 0) {
                int width = 0;
                for (int i = 0; i < columns; i++) {
                    width += widths[i] + (i == 0 ? 0 : 2);
                }
                text.append("-".repeat(width)).append(System.lineSeparator());
            }
        }
        return text.toString();
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
