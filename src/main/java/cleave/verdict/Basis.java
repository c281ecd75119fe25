package cleave.verdict;

import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UsedAlone;
import cleave.mask.Masking;
import cleave.run.RunFile;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/// What a figure of the verdict rests on. What a loss of the recipe presses down says little when
/// it is measured again; what decides is what no loss saw.
public enum Basis {
    /// Masks that no loss of the recipe uses, or sequences unlike those of training.
    HELD_OUT(
            "held out: masks that no loss of the recipe uses, or sequences unlike those of training"),
    /// Masks that a loss of the recipe uses, on fresh sequences like those of training.
    TRAINED_ON("trained on: masks that a loss of the recipe uses, on fresh sequences"),
    /// No masks: what the run logged, what its weights sum to, and what its importances are.
    NO_MASKS("no masks: the run, its weights and its counts");

    private final String title;

    Basis(String title) {
        this.title = title;
    }

    /// What it is called above a table.
    public String title() {
        return title;
    }

    /// What it is called in JSON.
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The steps at which a coefficient is looked at, as shares of the run.
    private static final int LOOKS = 100;

    /// The checks whose masks some loss of a recipe uses. A term of a user's own may use any.
    static Set<Check> trained(RunFile file) {
        Set<Check> trained = EnumSet.noneOf(Check.class);
        file.streams().stream()
                .flatMap(stream -> stream.losses().stream())
                .filter(term -> isOn(term, file.steps()))
                .flatMap(Basis::checks)
                .forEach(trained::add);
        return Collections.unmodifiableSet(trained);
    }

    private static boolean isOn(LossTerm term, long steps) {
        return Stream.iterate(0, look -> look <= LOOKS, look -> look + 1)
                .mapToLong(look -> (steps - 1) * look / LOOKS)
                .anyMatch(step -> term.coefficient().at(step, steps) > 0);
    }

    private static Stream<Check> checks(LossTerm term) {
        return switch (term) {
            case Reconstruction reconstruction -> masks(reconstruction.masks()).stream();
            case UsedAlone _ -> Stream.of(Check.POSITION_FREE_ACCURACY, Check.POSITION_FREE_KL);
            case cleave.loss.ImportanceMinimality _,
                    cleave.loss.Usage _,
                    cleave.loss.UnusedEffect _ ->
                    Stream.empty();
            default -> MASKED.stream();
        };
    }

    private static List<Check> masks(Masking masks) {
        return switch (masks) {
            case Masking.Importance _ -> List.of(Check.G_MASKED_KL, Check.G_MASKED_ACCURACY);
            case Masking.Stochastic _ -> List.of(Check.STOCHASTIC_KL);
            case Masking.Binary _, Masking.Rounded _ -> List.of(Check.ROUNDED_KL);
            case Masking.Ones _, Masking.Zero _ -> List.of();
            default -> List.copyOf(MASKED);
        };
    }

    /// The checks that pass masks through the model, on sequences like those of training.
    private static final Set<Check> MASKED =
            Collections.unmodifiableSet(
                    EnumSet.of(
                            Check.G_MASKED_KL,
                            Check.G_MASKED_ACCURACY,
                            Check.ROUNDED_KL,
                            Check.STOCHASTIC_KL,
                            Check.POSITION_FREE_ACCURACY,
                            Check.POSITION_FREE_KL));

    /// What a check rests on in a run whose losses use the masks of these checks.
    static Basis of(Check check, Set<Check> trained) {
        return switch (check) {
            case G_MASKED_KL,
                    G_MASKED_ACCURACY,
                    ROUNDED_KL,
                    STOCHASTIC_KL,
                    POSITION_FREE_ACCURACY,
                    POSITION_FREE_KL ->
                    trained.contains(check) ? TRAINED_ON : HELD_OUT;
            case UNLIKE_ACCURACY,
                    UNLIKE_KL,
                    ADVERSARIAL_KL_20,
                    ADVERSARIAL_KL_80,
                    ADVERSARIAL_KL_320,
                    ADVERSARIAL_KL_1280 ->
                    HELD_OUT;
            case FINISHED,
                    CONVERGED,
                    FAITHFUL,
                    BIMODAL,
                    NOTHING_DENSE,
                    DEAD,
                    STABLE_BY_THRESHOLD,
                    STABLE_BY_FLOOR,
                    GROUND_TRUTH ->
                    NO_MASKS;
        };
    }
}
