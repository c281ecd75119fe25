package cleave.analysis;

import java.util.List;

/// The steps of the induction circuit and the matrices that make them ([DST]).
enum CircuitStep {
    MARK("step 1", List.of("Q0", "K0", "V0")),
    FIND("step 2", List.of("Q1", "K1")),
    COPY("copy", List.of("V1"));

    private final String title;

    @SuppressWarnings("ImmutableEnumChecker") // List.of is immutable
    private final List<String> sites;

    CircuitStep(String title, List<String> sites) {
        this.title = title;
        this.sites = sites;
    }

    String title() {
        return title;
    }

    List<String> sites() {
        return sites;
    }
}
