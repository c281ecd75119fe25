package cleave.harvest;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// The first few of many examples in some order, at most one of each text. What is kept does not
/// depend on the order in which examples are offered.
final class Selection {
    /// By importance, then by size of the inner activation; then the earlier one.
    static final Comparator<Example> STRONGEST =
            Comparator.comparingDouble((Example each) -> -each.importance())
                    .thenComparingDouble(each -> -Math.abs(each.inner()))
                    .thenComparingLong(Example::row)
                    .thenComparingInt(Example::position);

    /// In the order of drawn numbers; then the earlier one.
    static final Comparator<Example> DRAWN =
            Comparator.comparingLong(Example::lot)
                    .thenComparingLong(Example::row)
                    .thenComparingInt(Example::position);

    private final int most;
    private final Comparator<Example> order;
    private final List<Example> kept = new ArrayList<>();

    /// An empty selection of at most `most`.
    Selection(int most, Comparator<Example> order) {
        this.most = most;
        this.order = order;
    }

    /// Whether an example would be kept, so that others need not be made whole. One of a text that
    /// is there already may be said to be.
    boolean wants(Example example) {
        return kept.size() < most || order.compare(example, kept.getLast()) < 0;
    }

    /// Keeps an example if it is one of the first.
    void offer(Example example) {
        if (!wants(example)) {
            return;
        }
        for (int i = 0; i < kept.size(); i++) {
            if (kept.get(i).text() == example.text()) {
                if (order.compare(example, kept.get(i)) >= 0) {
                    return;
                }
                kept.remove(i);
                break;
            }
        }
        int at = 0;
        while (at < kept.size() && order.compare(kept.get(at), example) < 0) {
            at++;
        }
        kept.add(at, example);
        if (kept.size() > most) {
            kept.removeLast();
        }
    }

    /// Those kept, in order.
    List<Example> kept() {
        return List.copyOf(kept);
    }
}
