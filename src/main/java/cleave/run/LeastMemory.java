package cleave.run;

import cleave.config.Problems;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.ranks.Exchange;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/// The memory without which a configuration cannot run, in bytes: only what certainly lies in
/// memory at one time, so that a number with a few digits too many is refused before anything is
/// allocated. What a run takes in truth is more; `cleave decompose --plan` says it.
///
/// @param parts by what takes it
record LeastMemory(SequencedMap<String, Double> parts) {
    private static final double MEBIBYTE = 1 << 20;
    private static final long MOST_POSITIONS = Integer.MAX_VALUE;
    private static final double UNCOUNTABLE = 1L << 50; // a pebibyte
    private static final int STATES = 4; // of a trained number: value, gradient and two moments
    private static final int POSITION = 2 * Long.BYTES; // a token and its label

    /// Refuses a decomposition that this machine cannot hold.
    ///
    /// @throws UserError with what it would take
    static void require(RunFile file, List<DecomposedSite> sites) {
        of(file, sites).require();
    }

    /// Refuses a decomposition of which not even a plan can be made: no machine holds it, and its
    /// sizes have more bytes than can be counted.
    ///
    /// @throws UserError with what it would take
    static void requireCountable(RunFile file, List<DecomposedSite> sites) {
        LeastMemory memory = of(file, sites);
        if (memory.total() > UNCOUNTABLE) {
            memory.require();
        }
    }

    /// Refuses the training of a target that this machine cannot hold.
    ///
    /// @throws UserError with what it would take
    static void require(TargetFile file) {
        int longest = file.curriculum().stream().mapToInt(TargetFile.Stage::length).max().orElse(1);
        SequencedMap<String, Double> parts = new LinkedHashMap<>();
        parts.put(
                "weights and their optimizer",
                (double) STATES * Float.BYTES * file.model().leastWeights());
        parts.put("a batch", (double) POSITION * file.batch() * longest);
        double rows = Math.min(file.slice(), file.batch());
        double outputs =
                rows * longest * Integer.toUnsignedLong(file.model().tokens()) * Float.BYTES;
        parts.put("outputs of a slice", outputs);
        new LeastMemory(parts).require();
    }

    /// Reports a batch whose positions an int cannot count.
    ///
    /// @param key of the batch
    static void checkPositions(String key, int batch, int length, Problems problems) {
        if ((long) batch * length > MOST_POSITIONS) {
            problems.add(
                    key,
                    "must be <= %d with sequences of %d, got %d"
                            .formatted(MOST_POSITIONS / length, length, batch));
        }
    }

    static LeastMemory of(RunFile file, List<DecomposedSite> sites) {
        return of(file, sites, Exchange.alone());
    }

    /// What the ranks on this machine take together: each has all parameters and its share of every
    /// batch.
    static LeastMemory of(RunFile file, List<DecomposedSite> sites, Exchange exchange) {
        SequencedMap<String, Double> parts = ofRank(file, sites, exchange.size());
        if (exchange.here() == 1) {
            return new LeastMemory(parts);
        }
        SequencedMap<String, Double> all = new LinkedHashMap<>();
        parts.forEach((what, bytes) ->
                all.put(
                        "%s, of each of %d ranks here".formatted(what, exchange.here()),
                        exchange.here() * bytes));
        return new LeastMemory(all);
    }

    private static SequencedMap<String, Double> ofRank(
            RunFile file, List<DecomposedSite> sites, int ranks) {
        double bytes =
                file.machine().precision() == RunFile.Precision.FLOAT64
                        ? Double.BYTES
                        : Float.BYTES;
        SequencedMap<String, Double> parts = new LinkedHashMap<>();
        double numbers =
                Decomposition.shapes(sites, file.importance()).values().stream()
                        .mapToDouble(LeastMemory::size)
                        .sum();
        double all = sites.stream().mapToDouble(DecomposedSite::count).sum();
        parts.put(
                "U, V and gates of %.0f subcomponents, and their optimizer".formatted(all),
                STATES * bytes * numbers);
        double batches = 0;
        double slice = 0;
        for (RunFile.StreamFile stream : file.streams()) {
            int batch = Math.ceilDiv(stream.batch(), ranks);
            batches = Math.max(batches, (double) POSITION * batch * stream.length());
            double rows = Math.min(file.machine().slice(), batch);
            slice = Math.max(slice, rows * stream.length() * all * bytes);
        }
        parts.put("a batch", batches);
        parts.put("importances and masks of a slice", 2 * slice);
        return parts;
    }

    private static double size(List<Long> shape) {
        return shape.stream().mapToDouble(Long::doubleValue).reduce(1, (a, b) -> a * b);
    }

    /// All of it.
    double total() {
        return parts.values().stream().mapToDouble(Double::doubleValue).sum();
    }

    private void require() {
        problem()
                .ifPresent(problem -> {
                    throw new UserError(problem);
                });
    }

    /// What is wrong where this machine has less.
    Optional<String> problem() {
        double machine = machine();
        if (total() <= machine) {
            return Optional.empty();
        }
        List<String> lines = new ArrayList<>();
        for (Map.Entry<String, Double> part : parts.entrySet()) {
            if (part.getValue() >= total() / 100) {
                lines.add("%s: %s".formatted(part.getKey(), mebibytes(part.getValue())));
            }
        }
        return Optional.of(
                "memory of the machine must be >= %s, got %s\n  %s"
                        .formatted(
                                mebibytes(total()),
                                mebibytes(machine),
                                String.join("\n  ", lines)));
    }

    private static String mebibytes(double bytes) {
        return String.format(Locale.ROOT, "%.0f MiB", bytes / MEBIBYTE);
    }

    /// Bytes of RAM.
    static double machine() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                .getTotalMemorySize();
    }
}
