package cleave.verdict;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.analysis.Census;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class VerdictTest {
    private static Verdict verdict(Check check, double figure) {
        return Verdict.of(Examples.except(check, figure), Thresholds.DEFAULT);
    }

    private static Line line(Verdict verdict, Check check) {
        return verdict.lines().stream()
                .filter(line -> line.check() == check)
                .findFirst()
                .orElseThrow();
    }

    /// The first figure is the last that passes, the second the last that is warned of; each is
    /// followed by one beyond it. These are the limits of `docs/reference/checks.md`, by hand.
    @ParameterizedTest
    @CsvSource({
        "CONVERGED, 1.49, 1.51, 1.99, 2.01",
        "FAITHFUL, 1e-7, 1.1e-7, 1e-6, 1.1e-6",
        "G_MASKED_KL, 1e-2, 1.1e-2, 3e-2, 3.1e-2",
        "G_MASKED_ACCURACY, 0.9951, 0.9949, 0.9701, 0.9699",
        "ROUNDED_KL, 1e-1, 1.1e-1, 3e-1, 3.1e-1",
        "STOCHASTIC_KL, 1e-2, 1.1e-2, 3e-2, 3.1e-2",
        "POSITION_FREE_ACCURACY, 0.9701, 0.9699, 0.9001, 0.8999",
        "POSITION_FREE_KL, 1e-1, 1.1e-1, 3e-1, 3.1e-1",
        "BIMODAL, 0.2, 0.201, 0.5, 0.501",
        "NOTHING_DENSE, 0.5, 0.51, 0.9, 0.91",
        "STABLE_BY_THRESHOLD, 0.1, 0.101, 0.3, 0.301",
        "STABLE_BY_FLOOR, 0.1, 0.101, 0.3, 0.301",
        "ADVERSARIAL_KL_20, 0.1, 0.11, 1000, NaN",
        "ADVERSARIAL_KL_80, 0.1, 0.11, 1000, NaN",
        "ADVERSARIAL_KL_320, 0.1, 0.11, 1000, NaN",
        "ADVERSARIAL_KL_1280, 0.1, 0.11, 1000, NaN",
        "UNLIKE_ACCURACY, 0.9701, 0.9699, 0.9001, 0.8999",
        "UNLIKE_KL, 1e-1, 1.1e-1, 3e-1, 3.1e-1",
        "GROUND_TRUTH, 0, 0.0001, 0.001, 0.0011"
    })
    void aFigurePassesWarnsAndFailsByItself(
            Check check, double passes, double warns, double stillWarns, double fails) {
        assertThat(line(verdict(check, passes), check).status()).isEqualTo(Status.PASS);
        assertThat(line(verdict(check, warns), check).status()).isEqualTo(Status.WARN);
        assertThat(line(verdict(check, stillWarns), check).status()).isEqualTo(Status.WARN);
        Verdict failed = verdict(check, fails);
        assertThat(failed.lines(Status.FAIL)).extracting(Line::check).containsExactly(check);
        assertThat(failed.status()).isEqualTo(Status.FAIL);
        assertThat(failed.lines(Status.FAIL).getFirst().whatToDo()).contains(check.whatToDo());
    }

    @Test
    void aRunCutShortFails() {
        assertThat(line(verdict(Check.FINISHED, 1), Check.FINISHED).status())
                .isEqualTo(Status.PASS);
        Line cut = line(verdict(Check.FINISHED, 0.999), Check.FINISHED);
        assertThat(cut.status()).isEqualTo(Status.FAIL);
        assertThat(cut.measured()).isEqualTo("step 999 of 1000");
    }

    @ParameterizedTest
    @EnumSource(
            mode = Mode.INCLUDE,
            names = {
                "CONVERGED",
                "FAITHFUL",
                "G_MASKED_KL",
                "ROUNDED_KL",
                "STOCHASTIC_KL",
                "POSITION_FREE_KL",
                "ADVERSARIAL_KL_20"
            })
    void whatIsNotANumberFails(Check check) {
        assertThat(line(verdict(check, Double.NaN), check).status()).isEqualTo(Status.FAIL);
    }

    @Test
    void deadSubcomponentsAreInformation() {
        // Two of 2,000 are active somewhere.
        Verdict verdict = verdict(Check.FINISHED, 1);
        Line dead = line(verdict, Check.DEAD);

        assertThat(dead.status()).isEqualTo(Status.INFO);
        assertThat(dead.figure()).isEqualTo(0.999);
        assertThat(dead.limit()).isEmpty();
        assertThat(dead.whatToDo()).isEmpty();
        assertThat(verdict.status()).isEqualTo(Status.PASS);
    }

    @Test
    void whereAllSubcomponentsAreDeadNothingWasFoundAndTheVerdictFails() {
        Verdict verdict = verdict(Check.DEAD, 1);
        Line dead = line(verdict, Check.DEAD);

        assertThat(dead.figure()).isEqualTo(1);
        assertThat(dead.measured()).isEqualTo("2000 of 2000 subcomponents are never active");
        assertThat(verdict.lines(Status.FAIL)).containsExactly(dead);
    }

    @Test
    void theDensestSubcomponentIsNamed() {
        assertThat(line(verdict(Check.NOTHING_DENSE, 0.6), Check.NOTHING_DENSE).measured())
                .isEqualTo("Q0:7 is active at 60.00 % of all positions, none at more");
    }

    @Test
    void evidenceThatIsMissingHasNoLine() {
        Evidence all = Examples.except(Check.FINISHED, 1);
        Verdict verdict =
                Verdict.of(
                        new Evidence(
                                all.step(),
                                all.steps(),
                                all.convergence(),
                                all.faithful(),
                                all.census(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Set.of()),
                        Thresholds.DEFAULT);

        assertThat(verdict.lines())
                .extracting(Line::check)
                .doesNotContain(
                        Check.ADVERSARIAL_KL_20,
                        Check.ADVERSARIAL_KL_80,
                        Check.ADVERSARIAL_KL_320,
                        Check.ADVERSARIAL_KL_1280,
                        Check.UNLIKE_ACCURACY,
                        Check.UNLIKE_KL,
                        Check.GROUND_TRUTH)
                .hasSize(Check.values().length - 7);
    }

    @Test
    void whatNeedNotAddUpToTheWeightsIsNotHeldToIt() {
        Evidence far = Examples.except(Check.FAITHFUL, 0.5);
        assertThat(line(Verdict.of(far, Thresholds.DEFAULT), Check.FAITHFUL).status())
                .isEqualTo(Status.FAIL);
        Verdict targeted =
                Verdict.of(
                        new Evidence(
                                far.step(),
                                far.steps(),
                                far.convergence(),
                                false,
                                far.census(),
                                far.adversarial(),
                                far.groundTruth(),
                                far.unlike(),
                                far.trained()),
                        Thresholds.DEFAULT);

        assertThat(line(targeted, Check.FAITHFUL).status()).isEqualTo(Status.INFO);
        assertThat(line(targeted, Check.FAITHFUL).measured()).contains("stays as weight delta");
    }

    @Test
    void aTargetThatIsNeverRightHasNoAccuracyToKeep() {
        Evidence all = Examples.except(Check.FINISHED, 1);
        Census census = all.census();
        Census wrong =
                new Census(
                        census.threshold(),
                        census.sample(),
                        census.sites(),
                        census.losses(),
                        census.attention(),
                        0,
                        new Census.Accuracies(0, 0, 0, 0, 0, 0, 0),
                        census.positionFree());
        Verdict verdict =
                Verdict.of(
                        new Evidence(
                                all.step(),
                                all.steps(),
                                all.convergence(),
                                all.faithful(),
                                wrong,
                                all.adversarial(),
                                all.groundTruth(),
                                all.unlike(),
                                all.trained()),
                        Thresholds.DEFAULT);

        assertThat(line(verdict, Check.G_MASKED_ACCURACY).status()).isEqualTo(Status.INFO);
        assertThat(line(verdict, Check.G_MASKED_ACCURACY).shown()).isEqualTo("none");
    }

    @Test
    void whatALossSeesIsListedApart() {
        Evidence all = Examples.except(Check.FINISHED, 1);
        Evidence trained =
                new Evidence(
                        all.step(),
                        all.steps(),
                        all.convergence(),
                        all.faithful(),
                        all.census(),
                        all.adversarial(),
                        all.groundTruth(),
                        all.unlike(),
                        Set.of(Check.STOCHASTIC_KL, Check.POSITION_FREE_KL));
        Verdict verdict = Verdict.of(trained, Thresholds.DEFAULT);

        assertThat(verdict.lines(Basis.TRAINED_ON))
                .extracting(Line::check)
                .containsExactly(Check.STOCHASTIC_KL, Check.POSITION_FREE_KL);
        assertThat(verdict.lines(Basis.HELD_OUT))
                .extracting(Line::check)
                .contains(Check.ROUNDED_KL, Check.UNLIKE_ACCURACY, Check.ADVERSARIAL_KL_80);
        assertThat(verdict.lines(Basis.NO_MASKS))
                .extracting(Line::check)
                .contains(Check.FINISHED, Check.FAITHFUL, Check.DEAD);
        assertThat(verdict.isDecided()).isTrue();
    }

    /// An adversary only warns, so that it decides nothing.
    @Test
    void withoutAHeldOutFigureNothingIsDecided() {
        Evidence all = Examples.except(Check.FINISHED, 1);
        Evidence trained =
                new Evidence(
                        all.step(),
                        all.steps(),
                        all.convergence(),
                        all.faithful(),
                        all.census(),
                        all.adversarial(),
                        all.groundTruth(),
                        Optional.empty(),
                        Set.of(Check.values()));

        assertThat(Verdict.of(trained, Thresholds.DEFAULT).isDecided()).isFalse();
    }

    /// The pieces alone may fit the sequences of training and fail on others.
    @Test
    void aFigureOnUnlikeSequencesFailsByItsWorstKind() {
        Verdict verdict = verdict(Check.UNLIKE_ACCURACY, 0.5);

        assertThat(verdict.status()).isEqualTo(Status.FAIL);
        assertThat(line(verdict, Check.UNLIKE_ACCURACY).measured())
                .isEqualTo(
                        "80.00 % at length 32, the target 80.00 %; 40.00 % at length 48, the target 80.00 %");
    }

    @Test
    void aLimitWarnsOnItsBadSide() {
        assertThatIllegalArgumentException().isThrownBy(() -> Limit.atMost(2, 1));
        assertThatIllegalArgumentException().isThrownBy(() -> Limit.atLeast(0.9, 0.95));
    }
}
