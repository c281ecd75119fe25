package cleave.study.induction;

import cleave.study.induction.SuppressedGroup.Control;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What the circuit check shows, by fixed rules (spec A6).
///
/// @param matrices what each matrix carries
/// @param steps what each step carries
/// @param composed whether suppressing step 1 ruins step 2 or the answer: the steps are a chain
/// @param sufficient whether the used subcomponents alone, on at every position, do the task
/// @param holds whether the target does the task, every step is carried, and both of the above
/// @param words the same in one or two sentences
public record CircuitVerdict(
        List<Finding> matrices,
        List<Finding> steps,
        boolean composed,
        boolean sufficient,
        boolean holds,
        String words) {

    /// An accuracy at or below this one has fallen. Guessing among 128 tokens is right in 0.8 %; 5
    /// % leaves room for what remains of the answer when one part of a matrix is gone.
    public static final double FALLEN_ACCURACY = 0.05;

    /// A target below this accuracy has no circuit to speak of: its accuracy cannot fall.
    public static final double ABLE_ACCURACY = 0.5;

    /// An attention at or below this share of the target's has fallen.
    public static final double FALLEN_ATTENTION = 0.5;

    /// An attention below this one is too faint for its fall to mean anything: of 64 positions each
    /// has 0.016 when attention is spread evenly.
    public static final double FAINT_ATTENTION = 0.05;

    /// A control that changes the accuracy by this much or more shows that size alone does harm.
    public static final double CONTROL_CHANGE = 0.01;

    /// A control is comparable while the active ones are at most this many times its size.
    public static final double COMPARABLE_NORM = 2;

    /// The used subcomponents suffice when they keep this share of the target's accuracy.
    public static final double SUFFICIENT_ACCURACY = 0.97;

    /// What a matrix or a step carries.
    ///
    /// @param name of the matrix or step
    /// @param mAttentionFalls attention of layer 0 from m to s1 falls when it is suppressed
    /// @param s2AttentionFalls attention of layer 1 from s2 to m falls
    /// @param accuracyFalls the accuracy falls
    /// @param quiet there are controls and none changes the accuracy
    /// @param comparable every control has as many subcomponents and like norm, or all others
    ///   together are quiet
    /// @param carried what it is responsible for falls, and the controls are quiet
    /// @param words the same in a sentence
    public record Finding(
            String name,
            boolean mAttentionFalls,
            boolean s2AttentionFalls,
            boolean accuracyFalls,
            boolean quiet,
            boolean comparable,
            boolean carried,
            String words) {}

    /// Applies the rules.
    ///
    /// @param steps step 1, step 2 and copy, in this order
    static CircuitVerdict of(
            CircuitFigures target,
            CircuitFigures onlyActive,
            List<SuppressedGroup> matrices,
            List<SuppressedGroup> steps) {
        List<Finding> ofMatrices = matrices.stream().map(group -> matrix(target, group)).toList();
        List<Finding> ofSteps = new ArrayList<>();
        for (CircuitStep step : CircuitStep.values()) {
            ofSteps.add(step(step, target, steps.get(ofSteps.size())));
        }
        Finding first = ofSteps.getFirst();
        boolean composed = first.s2AttentionFalls();
        boolean sufficient = onlyActive.accuracy() >= SUFFICIENT_ACCURACY * target.accuracy();
        boolean holds =
                isAble(target)
                        && composed
                        && sufficient
                        && ofSteps.stream().allMatch(Finding::carried);
        return new CircuitVerdict(
                ofMatrices,
                List.copyOf(ofSteps),
                composed,
                sufficient,
                holds,
                words(target, onlyActive, ofSteps, composed, sufficient, holds));
    }

    private static Finding matrix(CircuitFigures target, SuppressedGroup group) {
        boolean mToS1 = falls(target.mToS1(), group.figures().mToS1());
        boolean s2ToM = falls(target.s2ToM(), group.figures().s2ToM());
        boolean accuracy = accuracyFalls(target, group);
        return finding(target, group, mToS1 || s2ToM || accuracy);
    }

    /// Each step answers for its own attention: m to s1, then s2 to m; the copy for the answer
    /// alone.
    private static Finding step(CircuitStep step, CircuitFigures target, SuppressedGroup group) {
        boolean own =
                switch (step) {
                    case MARK -> falls(target.mToS1(), group.figures().mToS1());
                    case FIND -> falls(target.s2ToM(), group.figures().s2ToM());
                    case COPY -> accuracyFalls(target, group);
                };
        return finding(target, group, own);
    }

    private static Finding finding(CircuitFigures target, SuppressedGroup group, boolean ruined) {
        boolean quiet =
                isControlled(group)
                        && group.controls().stream()
                                .allMatch(control -> isQuiet(target, control.figures()));
        boolean comparable =
                !group.controls().isEmpty()
                        && (areOthersQuiet(target, group.others())
                                || group.controls().stream()
                                        .allMatch(control ->
                                                control.suppressed().size()
                                                                == group.suppressed().size()
                                                        && control.normRatio() <= COMPARABLE_NORM));
        boolean carried = ruined && quiet && !group.suppressed().isEmpty();
        return new Finding(
                group.name(),
                falls(target.mToS1(), group.figures().mToS1()),
                falls(target.s2ToM(), group.figures().s2ToM()),
                accuracyFalls(target, group),
                quiet,
                comparable,
                carried,
                words(target, group, carried, comparable));
    }

    private static boolean falls(double before, double after) {
        return before >= FAINT_ATTENTION && after <= FALLEN_ATTENTION * before;
    }

    private static boolean accuracyFalls(CircuitFigures target, SuppressedGroup group) {
        return isAble(target) && group.figures().accuracy() <= FALLEN_ACCURACY;
    }

    private static boolean isAble(CircuitFigures target) {
        return target.accuracy() >= ABLE_ACCURACY;
    }

    /// Whether there is anything inactive to compare with.
    private static boolean isControlled(SuppressedGroup group) {
        return !group.controls().isEmpty()
                && group.controls().stream().noneMatch(control -> control.suppressed().isEmpty());
    }

    private static boolean areOthersQuiet(
            CircuitFigures target, SuppressedGroup.@Nullable Others others) {
        return others != null && isQuiet(target, others.figures());
    }

    /// Whether what these figures were measured without is no part of the circuit.
    private static boolean isQuiet(CircuitFigures target, CircuitFigures without) {
        return change(target, without) < CONTROL_CHANGE
                && !falls(target.mToS1(), without.mToS1())
                && !falls(target.s2ToM(), without.s2ToM());
    }

    private static double change(CircuitFigures target, Control control) {
        return change(target, control.figures());
    }

    private static double change(CircuitFigures target, CircuitFigures after) {
        return Math.abs(after.accuracy() - target.accuracy());
    }

    private static String words(
            CircuitFigures target, SuppressedGroup group, boolean carried, boolean comparable) {
        if (group.suppressed().isEmpty()) {
            return group.name() + " has no active subcomponent";
        }
        CircuitFigures after = group.figures();
        List<String> falling = new ArrayList<>();
        if (falls(target.mToS1(), after.mToS1())) {
            falling.add(
                    "attention m -> s1 (%s to %s)"
                            .formatted(share(target.mToS1()), share(after.mToS1())));
        }
        if (falls(target.s2ToM(), after.s2ToM())) {
            falling.add(
                    "attention s2 -> m (%s to %s)"
                            .formatted(share(target.s2ToM()), share(after.s2ToM())));
        }
        if (accuracyFalls(target, group)) {
            falling.add(
                    "accuracy (%s to %s %%)"
                            .formatted(percent(target.accuracy()), percent(after.accuracy())));
        }
        String effect =
                falling.isEmpty()
                        ? "nothing falls, accuracy is %s %%".formatted(percent(after.accuracy()))
                        : "down goes " + String.join(", ", falling);
        return "%s with its %d active suppressed: %s; %s%s"
                .formatted(
                        group.name(),
                        group.suppressed().size(),
                        effect,
                        controls(target, group, comparable),
                        carried || falling.isEmpty() ? "" : ": not shown to carry it");
    }

    private static String controls(
            CircuitFigures target, SuppressedGroup group, boolean comparable) {
        if (!isControlled(group)) {
            return "no inactive one is left to compare with";
        }
        double largest =
                group.controls().stream()
                        .mapToDouble(control -> change(target, control))
                        .max()
                        .orElse(0);
        double ratio = group.controls().stream().mapToDouble(Control::normRatio).max().orElse(1);
        String change =
                "matched inactive ones change accuracy by %s points".formatted(percent(largest));
        return (comparable
                        ? change
                        : change
                                + ", but are too few or too small to compare (norm ratio %s)"
                                        .formatted(share(ratio)))
                + others(target, group.others());
    }

    private static String others(CircuitFigures target, SuppressedGroup.@Nullable Others others) {
        return others == null
                ? ""
                : "; all %d others suppressed instead change it by %s"
                        .formatted(others.suppressed(), percent(change(target, others.figures())));
    }

    private static String words(
            CircuitFigures target,
            CircuitFigures onlyActive,
            List<Finding> steps,
            boolean composed,
            boolean sufficient,
            boolean holds) {
        if (holds) {
            boolean comparable = steps.stream().allMatch(Finding::comparable);
            return "the two-step circuit holds: each step is carried by its active subcomponents, and these alone keep %s %% accuracy"
                            .formatted(percent(onlyActive.accuracy()))
                    + (comparable ? "" : ", though not every control is of comparable size");
        }
        List<String> reasons = new ArrayList<>();
        if (!isAble(target)) {
            reasons.add(
                    "the target itself has %s %% accuracy".formatted(percent(target.accuracy())));
        }
        steps.stream()
                .filter(step -> !step.carried())
                .forEach(step -> reasons.add(step.name() + " is not carried"));
        if (!composed) {
            reasons.add("step 2 does not need step 1");
        }
        if (!sufficient) {
            reasons.add(
                    "the active subcomponents alone reach %s %% accuracy, the target %s %%"
                            .formatted(percent(onlyActive.accuracy()), percent(target.accuracy())));
        }
        return "the two-step circuit is not shown: " + String.join("; ", reasons);
    }

    private static String share(double value) {
        return String.format(Locale.ROOT, "%.2f", value);
    }

    private static String percent(double share) {
        return String.format(Locale.ROOT, "%.1f", 100 * share);
    }
}
