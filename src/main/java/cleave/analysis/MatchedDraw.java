package cleave.analysis;

import cleave.tensor.Draws;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/// Draws inactive subcomponents to stand beside active ones of like size (spec A5).
public final class MatchedDraw {
    /// From how many of nearest size one is drawn: few, so that sizes stay close; more than one, so
    /// that draws differ.
    static final int NEAREST = 3;

    /// Sizes within this factor are alike. Without an alike one the nearest is taken.
    static final double FACTOR = 2;

    private MatchedDraw() {}

    /// For each active subcomponent, largest first, one of the nearest alike unused inactive ones;
    /// fewer when they run out. Merged ones, of size 0, are not drawn: suppressing them does
    /// nothing.
    ///
    /// @param norms `[C]` the size of each subcomponent of the site
    /// @param key of the draw; word i decides the i-th pick
    public static List<Integer> pick(
            double[] norms,
            Collection<Integer> active,
            Collection<Integer> inactive,
            Draws.Key key) {
        List<Integer> unused =
                new ArrayList<>(inactive.stream().filter(c -> norms[c] > 0).toList());
        List<Integer> picked = new ArrayList<>();
        List<Integer> largestFirst =
                active.stream()
                        .sorted(
                                Comparator.comparingDouble((Integer c) -> -norms[c])
                                        .thenComparing(Comparator.naturalOrder()))
                        .toList();
        for (int wanted : largestFirst) {
            if (unused.isEmpty()) {
                break;
            }
            List<Integer> nearest =
                    unused.stream()
                            .sorted(
                                    Comparator.comparingDouble((Integer c) ->
                                                    Math.abs(norms[c] - norms[wanted]))
                                            .thenComparing(Comparator.naturalOrder()))
                            .limit(NEAREST)
                            .toList();
            List<Integer> like =
                    nearest.stream().filter(c -> isLike(norms[c], norms[wanted])).toList();
            List<Integer> candidates = like.isEmpty() ? nearest.subList(0, 1) : like;
            int choice = candidates.get(key.below(candidates.size(), picked.size()));
            unused.removeIf(c -> c == choice);
            picked.add(choice);
        }
        return List.copyOf(picked);
    }

    private static boolean isLike(double norm, double wanted) {
        return norm <= FACTOR * wanted && wanted <= FACTOR * norm;
    }
}
