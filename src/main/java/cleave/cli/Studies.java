package cleave.cli;

import cleave.study.Study;
import cleave.study.facts.FactsStudy;
import cleave.study.induction.InductionStudy;
import cleave.study.toys.ToysStudy;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.function.Supplier;

/// The case studies that come with Cleave. No other class outside their packages names one.
final class Studies {
    /// In the order of their sections on a page.
    static final List<Study> ALL = List.of(new InductionStudy(), new FactsStudy(), new ToysStudy());

    private Studies() {}

    /// What the studies add of one kind.
    static <T> List<T> options(Function<Study, Optional<T>> kind) {
        return ALL.stream().flatMap(study -> kind.apply(study).stream()).toList();
    }

    /// Commands with those of the studies among them, each at its place.
    static SequencedMap<String, Supplier<Object>> among(
            SequencedMap<String, Supplier<Object>> core) {
        List<String> order = new ArrayList<>(core.keySet());
        SequencedMap<String, Supplier<Object>> all = new LinkedHashMap<>();
        SequencedMap<String, Supplier<Object>> more = new LinkedHashMap<>();
        for (Study study : ALL) {
            for (Study.Subcommand each : study.commands()) {
                order.add(order.indexOf(each.after()) + 1, each.name());
                more.put(each.name(), each.make());
            }
        }
        for (String name : order) {
            all.put(name, Objects.requireNonNullElseGet(core.get(name), () -> more.get(name)));
        }
        return all;
    }
}
