package cleave.study;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.function.Supplier;

/// The installed case studies: those that services of [Study] name, Cleave's own and others on the
/// class path. No class outside a study's package names it.
public final class Studies {
    private static final List<Study> ALL =
            ServiceLoader.load(Study.class).stream().map(ServiceLoader.Provider::get).toList();

    private Studies() {}

    /// Every study, in the order of their sections on a page.
    public static List<Study> all() {
        return ALL;
    }

    /// What the studies add of one kind.
    public static <T> List<T> options(Function<Study, Optional<T>> kind) {
        return ALL.stream().flatMap(study -> kind.apply(study).stream()).toList();
    }

    /// The names of the files that the studies keep in a run directory.
    public static List<String> files() {
        return ALL.stream().flatMap(study -> study.files().stream()).toList();
    }

    /// Commands with those of the studies among them, each at its place.
    public static SequencedMap<String, Supplier<Object>> among(
            SequencedMap<String, Supplier<Object>> core) {
        List<String> order = new ArrayList<>(core.keySet());
        SequencedMap<String, Supplier<Object>> makers = new LinkedHashMap<>(core);
        for (Study study : ALL) {
            for (Study.Subcommand each : study.commands()) {
                order.add(order.indexOf(each.after()) + 1, each.name());
                makers.put(each.name(), each.make());
            }
        }
        SequencedMap<String, Supplier<Object>> all = new LinkedHashMap<>();
        order.forEach(name -> all.put(name, makers.get(name)));
        return all;
    }
}
