package cleave.sweep;

import cleave.run.RunFile;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/// One run of a sweep.
///
/// @param varied the values of the varied keys, as YAML on one line
/// @param seed of the run
/// @param file the configuration with both
public record Cell(SequencedMap<String, String> varied, long seed, RunFile file) {
    private static final int LONGEST_NAME = 80;

    /// Keeps an unmodifiable copy.
    public Cell {
        varied = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(varied));
    }

    /// What its values and seed are told apart by.
    record Key(SequencedMap<String, String> varied, long seed) {}

    Key key() {
        return new Key(varied, seed);
    }

    /// The run's directory within that of the sweep: `seed-0`, or
    /// `coefficient=0.2_batch=40-1f3a9c00-seed-0`. The number is a digest of the varied keys and
    /// values, which need not be fit for a file name in full.
    public String directory() {
        if (varied.isEmpty()) {
            return "seed-" + seed;
        }
        String words =
                varied.entrySet().stream()
                        .map(entry -> lastName(entry.getKey()) + "=" + entry.getValue())
                        .collect(Collectors.joining("_"))
                        .replaceAll("[^A-Za-z0-9.+=_-]+", "_");
        String name = words.substring(0, Math.min(words.length(), LONGEST_NAME));
        return "%s-%08x-seed-%d".formatted(name, settings().hashCode(), seed);
    }

    /// The end of a key's path: short, and rarely ambiguous.
    static String lastName(String key) {
        return key.substring(key.lastIndexOf('.') + 1);
    }

    /// The varied keys as settings `key=value`.
    List<String> settings() {
        return varied.entrySet().stream()
                .map(entry -> entry.getKey() + "=" + entry.getValue())
                .toList();
    }
}
