package cleave.study.induction;

import java.util.List;

/// The steps of the induction circuit (DST).
enum CircuitStep {
    /// m attends to s1 and takes its mark.
    MARK,
    /// s2 finds the marked token.
    FIND,
    /// s2 takes the token's identity.
    COPY;

    String title() {
        return switch (this) {
            case MARK -> "step 1";
            case FIND -> "step 2";
            case COPY -> "copy";
        };
    }

    /// The matrices that make the step.
    List<String> sites() {
        return switch (this) {
            case MARK -> List.of("Q0", "K0", "V0");
            case FIND -> List.of("Q1", "K1");
            case COPY -> List.of("V1");
        };
    }
}
