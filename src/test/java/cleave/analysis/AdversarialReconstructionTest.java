package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.AdversarialReconstruction.Found;
import cleave.analysis.AdversarialReconstruction.Settings;
import cleave.mask.WeightDelta;
import cleave.model.InductionTask;
import cleave.tensor.Scopes;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class AdversarialReconstructionTest {
    private static final InductionTask TASK =
            new InductionTask("induction", 6, Handmade.LENGTH, true);

    private static <T> T with(Handmade made, Function<Handmade, T> work) {
        try (made) {
            return work.apply(made);
        }
    }

    private static AdversarialReconstruction search(Handmade made, int sliceRows) {
        return AdversarialReconstruction.of(
                made.decomposition(), TASK, new Settings(24, sliceRows, WeightDelta.NONE));
    }

    @Test
    void isWorseThanStochasticMasksAndGrowsWithTheSteps() {
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            AdversarialReconstruction found = search(made, 24);
                            Census census =
                                    Census.of(
                                            made.decomposition(),
                                            TASK,
                                            new Census.Settings(0.5, 24, 24, WeightDelta.NONE));

                            assertThat(found.found())
                                    .extracting(Found::steps)
                                    .containsExactly(0, 20, 80);
                            assertThat(found.after(20).kl())
                                    .isGreaterThan(found.after(0).kl())
                                    .isGreaterThan(census.losses().stochasticReconstruction());
                            assertThat(found.after(80).kl())
                                    .isGreaterThanOrEqualTo(found.after(20).kl());
                            return found;
                        }));
    }

    @Test
    void doesNotDependOnTheSlices() {
        Scopes.run(() ->
                with(
                        new Handmade().always("V1", 2, 0.5),
                        made -> {
                            Found whole = search(made, 24).after(20);
                            Found cut = search(made, 7).after(20);
                            // Rounding may move a source at a kink; the figure stays.
                            assertThat(cut.kl()).isCloseTo(whole.kl(), within(1e-3 * whole.kl()));
                            return whole;
                        }));
    }

    @Test
    void findsNoHarmWhereEverythingMatters() {
        Scopes.run(() ->
                with(
                        new Handmade().allOn(),
                        made -> {
                            // All masks are 1, and the pieces sum to the weights.
                            assertThat(search(made, 24).found())
                                    .allSatisfy(found ->
                                            assertThat(found.kl()).isCloseTo(0, within(1e-5)));
                            return made;
                        }));
    }

    @Test
    void figuresAreTakenAfterCertainNumbersOfSteps() {
        AdversarialReconstruction none =
                new AdversarialReconstruction(1, List.of(new Found(0, 0, 1)));

        assertThatIllegalArgumentException()
                .isThrownBy(() -> none.after(7))
                .withMessage("steps must be one of [0], got 7");
    }
}
