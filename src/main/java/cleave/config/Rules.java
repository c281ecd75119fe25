package cleave.config;

import java.lang.reflect.AnnotatedElement;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoublePredicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The rules that annotations state for one component.
record Rules(List<Bound> bounds, boolean notEmpty) {
    record Bound(String text, DoublePredicate allows) {}

    static final Rules NONE = new Rules(List.of(), false);

    static Rules of(AnnotatedElement component) {
        List<Bound> bounds = new ArrayList<>();
        AtLeast atLeast = component.getAnnotation(AtLeast.class);
        if (atLeast != null) {
            bounds.add(new Bound(">= " + human(atLeast.value()), x -> x >= atLeast.value()));
        }
        Above above = component.getAnnotation(Above.class);
        if (above != null) {
            bounds.add(new Bound("> " + human(above.value()), x -> x > above.value()));
        }
        AtMost atMost = component.getAnnotation(AtMost.class);
        if (atMost != null) {
            bounds.add(new Bound("<= " + human(atMost.value()), x -> x <= atMost.value()));
        }
        Range range = component.getAnnotation(Range.class);
        if (range != null) {
            String text = "between " + human(range.min()) + " and " + human(range.max());
            bounds.add(new Bound(text, x -> x >= range.min() && x <= range.max()));
        }
        return new Rules(bounds, component.isAnnotationPresent(NotEmpty.class));
    }

    /// These rules and the bounds of `outer`.
    Rules and(Rules outer) {
        return new Rules(
                Stream.concat(bounds.stream(), outer.bounds.stream()).distinct().toList(),
                notEmpty);
    }

    /// The rules for what a list or map holds.
    Rules ofItems() {
        return new Rules(bounds, false);
    }

    boolean allow(double value) {
        return bounds.stream().allMatch(bound -> bound.allows().test(value));
    }

    /// The bounds in words, as in `> 0 and <= 1`; empty when there are none.
    String boundsText() {
        return bounds.stream().map(Bound::text).collect(Collectors.joining(" and "));
    }

    private static String human(double bound) {
        return bound == Math.rint(bound) && Math.abs(bound) < 1e15
                ? Long.toString((long) bound)
                : Double.toString(bound);
    }
}
