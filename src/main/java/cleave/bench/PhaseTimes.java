package cleave.bench;

import cleave.training.Phases;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/// How long threads spent in each phase, added up over threads.
final class PhaseTimes implements Phases {
    private record Since(String phase, long nanoseconds) {}

    private final ThreadLocal<Since> current =
            ThreadLocal.withInitial(() -> new Since(WAITING, System.nanoTime()));
    private final Map<String, Long> nanoseconds = new ConcurrentHashMap<>();

    @Override
    public void enter(String phase) {
        Since before = current.get();
        Since now = new Since(phase, System.nanoTime());
        current.set(now);
        if (!before.phase().equals(WAITING)) {
            nanoseconds.merge(before.phase(), now.nanoseconds() - before.nanoseconds(), Long::sum);
        }
    }

    /// Milliseconds by phase, without waiting.
    Map<String, Double> milliseconds() {
        Map<String, Double> milliseconds = new TreeMap<>();
        nanoseconds.forEach((phase, value) -> milliseconds.put(phase, value / 1e6));
        return milliseconds;
    }
}
