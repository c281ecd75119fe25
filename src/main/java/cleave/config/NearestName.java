package cleave.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;

/// Finds the name someone probably meant.
public final class NearestName {
    private NearestName() {}

    /// The candidate nearest to `name`, if it is near: at most a third of the name's letters
    /// differ, and at least one may, but not all of them. Of several equally near the first is
    /// taken.
    public static Optional<String> of(String name, Collection<String> candidates) {
        int allowed = Math.min(Math.max(1, name.length() / 3), name.length() - 1);
        return candidates.stream()
                .filter(candidate -> distance(name, candidate) <= allowed)
                .min(Comparator.comparingInt(candidate -> distance(name, candidate)));
    }

    /// The number of insertions, deletions, substitutions and swaps of neighbours between two
    /// words.
    public static int distance(String first, String second) {
        int[][] edits = new int[first.length() + 1][second.length() + 1];
        for (int i = 0; i <= first.length(); i++) {
            for (int j = 0; j <= second.length(); j++) {
                if (i == 0 || j == 0) {
                    edits[i][j] = i + j;
                    continue;
                }
                int substitution = first.charAt(i - 1) == second.charAt(j - 1) ? 0 : 1;
                int best = Math.min(edits[i - 1][j], edits[i][j - 1]) + 1;
                best = Math.min(best, edits[i - 1][j - 1] + substitution);
                if (i > 1
                        && j > 1
                        && first.charAt(i - 1) == second.charAt(j - 2)
                        && first.charAt(i - 2) == second.charAt(j - 1)) {
                    best = Math.min(best, edits[i - 2][j - 2] + 1);
                }
                edits[i][j] = best;
            }
        }
        return edits[first.length()][second.length()];
    }
}
