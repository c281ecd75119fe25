package cleave.study.induction;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.analysis.SubcomponentId;
import cleave.study.induction.CircuitVerdict.Finding;
import cleave.study.induction.SuppressedGroup.Control;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The rules of the verdict, on figures written down here.
class CircuitVerdictTest {
    private static final CircuitFigures TARGET = figures(0.16, 0.9, 1);

    private static CircuitFigures figures(double mToS1, double s2ToM, double accuracy) {
        return new CircuitFigures(List.of(0.5, mToS1, 0.1, 0.1, 0.1, 0.1), s2ToM, accuracy, 0);
    }

    private static SuppressedGroup group(
            String name, CircuitFigures figures, double controlAccuracy, double normRatio) {
        List<SubcomponentId> off = List.of(new SubcomponentId(name, 0));
        return new SuppressedGroup(
                name,
                List.of(name),
                off,
                figures,
                List.of(
                        new Control(0, off, 1, figures(0.16, 0.9, 1)),
                        new Control(1, off, normRatio, figures(0.16, 0.9, controlAccuracy))),
                null);
    }

    private static SuppressedGroup group(String name, CircuitFigures figures) {
        return group(name, figures, 0.995, 1.5);
    }

    private static List<SuppressedGroup> steps(CircuitFigures first) {
        return List.of(
                group("step 1", first),
                group("step 2", figures(0.16, 0.1, 0.5)),
                group("copy", figures(0.16, 0.9, 0.01)));
    }

    private static CircuitVerdict verdict(List<SuppressedGroup> steps, double onlyActive) {
        return CircuitVerdict.of(TARGET, figures(0.16, 0.9, onlyActive), List.of(), steps);
    }

    private static Finding matrix(SuppressedGroup group) {
        return CircuitVerdict.of(TARGET, TARGET, List.of(group), steps(figures(0.01, 0.1, 0.01)))
                .matrices()
                .getFirst();
    }

    @Test
    void holdsWhenEachStepIsCarriedAndTheActiveOnesSuffice() {
        CircuitVerdict verdict = verdict(steps(figures(0.02, 0.1, 0.01)), 0.98);
        assertThat(verdict.holds()).isTrue();
        assertThat(verdict.steps()).allMatch(Finding::carried);
        assertThat(verdict.words())
                .isEqualTo(
                        "the two-step circuit holds: each step is carried by its active subcomponents, and these alone keep 98.0 % accuracy");
    }

    @Test
    void needsTheSecondStepToDependOnTheFirst() {
        // m -> s1 is gone, yet s2 finds m and answers.
        CircuitVerdict verdict = verdict(steps(figures(0.02, 0.9, 1)), 0.98);
        assertThat(verdict.steps()).allMatch(Finding::carried);
        assertThat(verdict.composed()).isFalse();
        assertThat(verdict.holds()).isFalse();
        assertThat(verdict.words())
                .isEqualTo("the two-step circuit is not shown: step 2 does not need step 1");
    }

    @Test
    void needsTheActiveOnesToSuffice() {
        CircuitVerdict verdict = verdict(steps(figures(0.02, 0.1, 0.01)), 0.96);
        assertThat(verdict.sufficient()).isFalse();
        assertThat(verdict.holds()).isFalse();
        assertThat(verdict.words())
                .endsWith(
                        "the active subcomponents alone reach 96.0 % accuracy, the target 100.0 %");
    }

    @Test
    void aCopyIsCarriedByTheAnswerAlone() {
        List<SuppressedGroup> steps =
                List.of(
                        group("step 1", figures(0.02, 0.1, 0.01)),
                        group("step 2", figures(0.16, 0.1, 0.5)),
                        group("copy", figures(0.01, 0.01, 0.06)));
        assertThat(verdict(steps, 1).words())
                .isEqualTo("the two-step circuit is not shown: copy is not carried");
    }

    @Test
    void namesWhatFallsWithAMatrix() {
        Finding finding = matrix(group("Q0", figures(0.08, 0.44, 0.9)));
        assertThat(finding.mAttentionFalls()).isTrue();
        assertThat(finding.s2AttentionFalls()).isTrue();
        assertThat(finding.accuracyFalls()).isFalse();
        assertThat(finding.carried()).isTrue();
        assertThat(finding.comparable()).isTrue();
        assertThat(finding.words())
                .isEqualTo(
                        "Q0 with its 1 active suppressed: down goes attention m -> s1 (0.16 to 0.08), attention s2 -> m (0.90 to 0.44); matched inactive ones change accuracy by 0.5 points");
    }

    @Test
    void carriesNothingWhereNothingFalls() {
        Finding finding = matrix(group("Q1", figures(0.09, 0.46, 0.051)));
        assertThat(finding.carried()).isFalse();
        assertThat(finding.words()).contains("nothing falls, accuracy is 5.1 %");
    }

    @Test
    void carriesNothingWhereAControlDoesHarmToo() {
        Finding finding = matrix(group("V1", figures(0.16, 0.9, 0.01), 0.985, 1));
        assertThat(finding.quiet()).isFalse();
        assertThat(finding.carried()).isFalse();
        assertThat(finding.words())
                .endsWith("change accuracy by 1.5 points: not shown to carry it");
    }

    @Test
    void saysWhereControlsAreTooSmall() {
        Finding finding = matrix(group("V1", figures(0.16, 0.9, 0.01), 1, 8));
        assertThat(finding.carried()).isTrue();
        assertThat(finding.comparable()).isFalse();
        assertThat(finding.words()).contains("too few or too small to compare (norm ratio 8.00)");
    }

    @Test
    void faintAttentionDoesNotFall() {
        CircuitFigures faint = figures(0.04, 0.9, 1);
        Finding finding =
                CircuitVerdict.of(
                                faint,
                                faint,
                                List.of(group("K0", figures(0.0, 0.9, 1))),
                                steps(faint))
                        .matrices()
                        .getFirst();
        assertThat(finding.mAttentionFalls()).isFalse();
    }

    @Test
    void aTargetThatCannotDoTheTaskHasNoCircuit() {
        CircuitFigures unable = figures(0.16, 0.9, 0.01);
        CircuitVerdict verdict =
                CircuitVerdict.of(unable, unable, List.of(), steps(figures(0.02, 0.1, 0.01)));
        assertThat(verdict.steps()).noneMatch(Finding::accuracyFalls);
        assertThat(verdict.holds()).isFalse();
        assertThat(verdict.words()).contains("the target itself has 1.0 % accuracy");
    }

    @Test
    void carriesNothingWithoutAnythingToCompareWith() {
        List<SubcomponentId> off = List.of(new SubcomponentId("V1", 0));
        Finding finding =
                matrix(
                        new SuppressedGroup(
                                "V1",
                                List.of("V1"),
                                off,
                                figures(0.16, 0.9, 0.01),
                                List.of(
                                        new Control(
                                                0, List.of(), Double.POSITIVE_INFINITY, TARGET)),
                                null));
        assertThat(finding.carried()).isFalse();
        assertThat(finding.words())
                .endsWith("no inactive one is left to compare with: not shown to carry it");
    }

    @Test
    void smallControlsDoWhereAllOthersTogetherAreQuiet() {
        assertThat(matrix(besideOthers(9, 0.995)).comparable()).isTrue();
        assertThat(matrix(besideOthers(9, 0.975)).comparable()).isFalse();
    }

    @Test
    void saysWhatAllOthersDoWhenTheyAreSuppressedInstead() {
        assertThat(matrix(besideOthers(1, 0.975)).words())
                .endsWith("; all 99 others suppressed instead change it by 2.5");
    }

    /// One active subcomponent, a quiet control of this norm ratio, and this accuracy without all
    /// others.
    private static SuppressedGroup besideOthers(double normRatio, double accuracy) {
        List<SubcomponentId> off = List.of(new SubcomponentId("V1", 0));
        return new SuppressedGroup(
                "V1",
                List.of("V1"),
                off,
                figures(0.16, 0.9, 0.01),
                List.of(new Control(0, off, normRatio, figures(0.16, 0.9, 1))),
                new SuppressedGroup.Others(99, figures(0.16, 0.9, accuracy)));
    }
}
