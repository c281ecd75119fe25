package cleave.verdict;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.AdversarialReconstruction.Found;
import cleave.analysis.Census;
import cleave.analysis.Sample;
import cleave.analysis.SiteCensus;
import cleave.analysis.Unlike;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/// Evidence with given figures.
final class Examples {
    private static final int THOUSAND = 1000;

    /// Figures that pass.
    private static final Map<Check, Double> GOOD = new EnumMap<>(Check.class);

    static {
        GOOD.put(Check.FINISHED, 1.0);
        GOOD.put(Check.CONVERGED, 1.0);
        GOOD.put(Check.G_MASKED_ACCURACY, 1.0);
        GOOD.put(Check.POSITION_FREE_ACCURACY, 1.0);
        GOOD.put(Check.UNLIKE_ACCURACY, 1.0);
    }

    private Examples() {}

    /// Evidence that passes but for one figure.
    static Evidence except(Check check, double figure) {
        Map<Check, Double> figures = new EnumMap<>(GOOD);
        figures.put(check, figure);
        return new Evidence(
                Math.round(THOUSAND * of(figures, Check.FINISHED)),
                THOUSAND,
                convergence(of(figures, Check.CONVERGED)),
                true,
                census(figures),
                Optional.of(
                        new AdversarialReconstruction(
                                256,
                                List.of(
                                        new Found(0, 0.001, 1),
                                        new Found(20, of(figures, Check.ADVERSARIAL_KL_20), 1),
                                        new Found(80, of(figures, Check.ADVERSARIAL_KL_80), 1),
                                        new Found(320, of(figures, Check.ADVERSARIAL_KL_320), 1),
                                        new Found(
                                                1280, of(figures, Check.ADVERSARIAL_KL_1280), 1)))),
                Optional.of(
                        new GroundTruth(
                                "the identity",
                                Math.round(10 * THOUSAND * of(figures, Check.GROUND_TRUTH)),
                                10 * THOUSAND)),
                Optional.of(
                        new Unlike(
                                List.of(
                                        new Unlike.Kind("length 32", THOUSAND, 0.8, 0.8, 0),
                                        new Unlike.Kind(
                                                "length 48",
                                                THOUSAND,
                                                0.8,
                                                0.8 * of(figures, Check.UNLIKE_ACCURACY),
                                                of(figures, Check.UNLIKE_KL))))),
                Set.of());
    }

    private static double of(Map<Check, Double> figures, Check check) {
        return Objects.requireNonNullElse(figures.get(check), 0.0);
    }

    private static Convergence convergence(double change) {
        return new Convergence(change - Convergence.NEGLIGIBLE, 1 - Convergence.NEGLIGIBLE, 50);
    }

    /// A target that answers 0.8 right.
    private static Census census(Map<Check, Double> figures) {
        SequencedMap<String, SiteCensus> sites = new LinkedHashMap<>();
        sites.put("Q0", site(figures));
        double masked = 0.8 * of(figures, Check.G_MASKED_ACCURACY);
        return new Census(
                0.5,
                new Sample(THOUSAND, 8 * THOUSAND, THOUSAND, new LinkedHashMap<>()),
                sites,
                new Census.CensusLosses(
                        of(figures, Check.FAITHFUL),
                        of(figures, Check.G_MASKED_KL),
                        of(figures, Check.ROUNDED_KL),
                        of(figures, Check.STOCHASTIC_KL),
                        0,
                        0,
                        0),
                List.of(),
                masked,
                new Census.Accuracies(0.8, masked, 0.8, 0.8, 0.8, 0.8, 0.8),
                new Census.PositionFree(
                        Census.FLOOR,
                        16,
                        of(figures, Check.POSITION_FREE_KL),
                        0.8 * of(figures, Check.POSITION_FREE_ACCURACY),
                        new Census.Kept(16, 0, 0)));
    }

    /// A thousand used subcomponents of 2,000, of which other thresholds and floors add some.
    private static SiteCensus site(Map<Check, Double> figures) {
        int byThreshold = (int) Math.round(THOUSAND * of(figures, Check.STABLE_BY_THRESHOLD));
        int byFloor = (int) Math.round(THOUSAND * of(figures, Check.STABLE_BY_FLOOR));
        SequencedMap<String, SequencedMap<String, Integer>> uniqueAt = new LinkedHashMap<>();
        uniqueAt.put("0.1", floors(THOUSAND, THOUSAND + byThreshold, THOUSAND));
        uniqueAt.put("0.5", floors(THOUSAND, THOUSAND, THOUSAND - byFloor));
        uniqueAt.put("0.9", floors(THOUSAND, THOUSAND, THOUSAND));
        return new SiteCensus(
                2 * THOUSAND,
                new LinkedHashMap<>(),
                THOUSAND,
                uniqueAt,
                new SiteCensus.Values(THOUSAND, Math.round(THOUSAND * of(figures, Check.BIMODAL))),
                of(figures, Check.DEAD) == 1
                        ? List.of()
                        : List.of(
                                new SiteCensus.Active(3, 500, 0.5, 0.01, 1, 1),
                                new SiteCensus.Active(
                                        7, THOUSAND, 1, of(figures, Check.NOTHING_DENSE), 1, 1)));
    }

    private static SequencedMap<String, Integer> floors(int none, int usual, int high) {
        SequencedMap<String, Integer> floors = new LinkedHashMap<>();
        floors.put("0", none);
        floors.put("0.001", usual);
        floors.put("0.01", high);
        return floors;
    }
}
