package cleave.verdict;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.AdversarialReconstruction.Found;
import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import cleave.analysis.SubcomponentId;
import cleave.analysis.Unlike;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Collectors;

/// Whether a run may be believed, check by check (`docs/reference/checks.md`).
///
/// @param lines in the order of `Check`
public record Verdict(List<Line> lines) {
    private static final String THRESHOLD = "0.5";
    private static final String FLOOR = "0.001";

    /// The check of each number of steps of an adversary.
    private static final Map<Integer, Check> CHECKS =
            Map.of(
                    20, Check.ADVERSARIAL_KL_20,
                    80, Check.ADVERSARIAL_KL_80,
                    320, Check.ADVERSARIAL_KL_320,
                    1280, Check.ADVERSARIAL_KL_1280);

    /// Keeps an unmodifiable copy.
    public Verdict {
        lines = List.copyOf(lines);
    }

    /// The worst status of all lines.
    public Status status() {
        return lines.stream().map(Line::status).max(Comparator.naturalOrder()).orElse(Status.INFO);
    }

    /// The lines that rest on the same, in the order of `Check`.
    public List<Line> lines(Basis basis) {
        return lines.stream().filter(line -> line.basis() == basis).toList();
    }

    /// Whether a figure that could fail was held out. Without one nothing is decided.
    public boolean isDecided() {
        return lines(Basis.HELD_OUT).stream()
                .anyMatch(line ->
                        line.limit().filter(limit -> !Double.isInfinite(limit.warn())).isPresent());
    }

    /// The lines of one status.
    public List<Line> lines(Status status) {
        return lines.stream().filter(line -> line.status() == status).toList();
    }

    /// Holds the evidence against the thresholds. Checks whose evidence is missing have no line.
    public static Verdict of(Evidence evidence, Thresholds thresholds) {
        Census census = evidence.census();
        List<Line> lines = new ArrayList<>();
        lines.add(finished(evidence, thresholds));
        lines.add(converged(evidence.convergence(), thresholds));
        lines.add(faithful(evidence, thresholds));
        lines.addAll(reconstruction(census, thresholds));
        lines.addAll(positionFree(census, thresholds));
        evidence.unlike().ifPresent(unlike -> lines.addAll(unlike(unlike, thresholds)));
        lines.addAll(importances(census, thresholds));
        lines.addAll(counts(census, thresholds));
        evidence.adversarial()
                .ifPresent(
                        adversarial -> lines.addAll(adversarial(adversarial, census, thresholds)));
        evidence.groundTruth().ifPresent(truth -> lines.add(groundTruth(truth, thresholds)));
        return new Verdict(lines.stream().map(line -> line.trained(evidence.trained())).toList());
    }

    private static Line finished(Evidence evidence, Thresholds thresholds) {
        return Line.judged(
                Check.FINISHED,
                (double) evidence.step() / evidence.steps(),
                thresholds.finished(),
                "step %d of %d".formatted(evidence.step(), evidence.steps()));
    }

    private static Line converged(Convergence convergence, Thresholds thresholds) {
        return Line.judged(
                Check.CONVERGED,
                convergence.change(),
                thresholds.converged(),
                convergence.logged() < Convergence.FEWEST
                        ? "%d logged steps in a window are too few: log more often (`cadence.log`)"
                                .formatted(convergence.logged())
                        : "mean reconstruction loss %s nats in the last fifth of the learning, %s in the one before"
                                .formatted(loss(convergence.after()), loss(convergence.before())));
    }

    private static Line faithful(Evidence evidence, Thresholds thresholds) {
        Census.CensusLosses losses = evidence.census().losses();
        String measured =
                "mean squared weight delta %s; with all masks 1 the KL is %s nats"
                        .formatted(loss(losses.faithfulness()), loss(losses.onesReconstruction()));
        return evidence.faithful()
                ? Line.judged(
                        Check.FAITHFUL, losses.faithfulness(), thresholds.faithfulness(), measured)
                : Line.information(
                        Check.FAITHFUL,
                        losses.faithfulness(),
                        measured + "; the rest stays as weight delta, as configured");
    }

    private static List<Line> reconstruction(Census census, Thresholds thresholds) {
        Census.CensusLosses losses = census.losses();
        Census.Accuracies accuracies = census.accuracies();
        return List.of(
                Line.judged(
                        Check.G_MASKED_KL,
                        losses.importanceReconstruction(),
                        thresholds.importanceKl(),
                        "%s nats under masks equal to the importances"
                                .formatted(loss(losses.importanceReconstruction()))),
                accuracy(
                        Check.G_MASKED_ACCURACY,
                        accuracies.importance(),
                        accuracies.target(),
                        thresholds.importanceAccuracy()),
                Line.judged(
                        Check.ROUNDED_KL,
                        losses.roundedReconstruction(),
                        thresholds.roundedKl(),
                        "%s nats under masks of 0 and 1%s"
                                .formatted(
                                        loss(losses.roundedReconstruction()),
                                        Double.isNaN(accuracies.rounded())
                                                ? ""
                                                : ", accuracy " + share(accuracies.rounded()))),
                Line.judged(
                        Check.STOCHASTIC_KL,
                        losses.stochasticReconstruction(),
                        thresholds.stochasticKl(),
                        "%s nats under stochastic masks, %s layerwise, %s partial"
                                .formatted(
                                        loss(losses.stochasticReconstruction()),
                                        loss(losses.stochasticReconstructionLayerwise()),
                                        loss(losses.stochasticReconstructionPartial()))));
    }

    private static List<Line> positionFree(Census census, Thresholds thresholds) {
        Census.PositionFree free = census.positionFree();
        return List.of(
                accuracy(
                        Check.POSITION_FREE_ACCURACY,
                        free.accuracy(),
                        census.accuracies().target(),
                        thresholds.positionFreeAccuracy()),
                Line.judged(
                        Check.POSITION_FREE_KL,
                        free.kl(),
                        thresholds.positionFreeKl(),
                        "%s nats with the %d used subcomponents on everywhere, all others off"
                                .formatted(loss(free.kl()), free.kept())));
    }

    private static List<Line> unlike(Unlike unlike, Thresholds thresholds) {
        Unlike.Kind least = unlike.least();
        Unlike.Kind farthest = unlike.farthest();
        String accuracies =
                unlike.kinds().stream()
                        .map(kind ->
                                "%s at %s, the target %s"
                                        .formatted(
                                                share(kind.accuracy()),
                                                kind.name(),
                                                share(kind.target())))
                        .collect(Collectors.joining("; "));
        String divergences =
                unlike.kinds().stream()
                        .map(kind -> "%s nats at %s".formatted(loss(kind.kl()), kind.name()))
                        .collect(Collectors.joining("; "));
        return List.of(
                Double.isNaN(least.share())
                        ? Line.information(Check.UNLIKE_ACCURACY, Double.NaN, accuracies)
                        : Line.judged(
                                Check.UNLIKE_ACCURACY,
                                least.share(),
                                thresholds.positionFreeAccuracy(),
                                accuracies),
                Line.judged(
                        Check.UNLIKE_KL, farthest.kl(), thresholds.positionFreeKl(), divergences));
    }

    /// An accuracy as a share of the target's: what the target gets wrong, nothing has to get
    /// right.
    private static Line accuracy(Check check, double accuracy, double target, Limit limit) {
        if (Double.isNaN(target)) {
            return Line.information(
                    check, Double.NaN, "nobody knows the answers of these examples");
        }
        String measured = "%s right, the target %s".formatted(share(accuracy), share(target));
        return target > 0
                ? Line.judged(check, accuracy / target, limit, measured)
                : Line.information(check, Double.NaN, measured);
    }

    private static List<Line> importances(Census census, Thresholds thresholds) {
        Collection<SiteCensus> sites = census.sites().values();
        long aboveZero = sites.stream().mapToLong(site -> site.values().aboveZero()).sum();
        long undecided = sites.stream().mapToLong(site -> site.values().undecided()).sum();
        int count = sites.stream().mapToInt(SiteCensus::count).sum();
        int alive = sites.stream().mapToInt(site -> site.subcomponents().size()).sum();
        double densest = densities(census).values().stream().reduce(0.0, Math::max);
        return List.of(
                Line.judged(
                        Check.BIMODAL,
                        aboveZero == 0 ? 0 : (double) undecided / aboveZero,
                        thresholds.undecided(),
                        "%d of the %d importances above 0.01 lie between 0.1 and 0.9"
                                .formatted(undecided, aboveZero)),
                Line.judged(
                        Check.NOTHING_DENSE,
                        densest,
                        thresholds.densest(),
                        "%s is active at %s of all positions, none at more"
                                .formatted(densest(census), share(densest))),
                dead(count - alive, count));
    }

    /// That some are dead is no fault; where all are, nothing was found, and what the masks leave
    /// is right for any target that does nothing.
    private static Line dead(int dead, int count) {
        double share = dead / (double) count;
        String measured = "%d of %d subcomponents are never active".formatted(dead, count);
        double oneUsed = (count - 1) / (double) count;
        return dead == count
                ? Line.judged(Check.DEAD, share, Limit.atMost(oneUsed, oneUsed), measured)
                : Line.information(Check.DEAD, share, measured);
    }

    private static Map<SubcomponentId, Double> densities(Census census) {
        Map<SubcomponentId, Double> densities = new LinkedHashMap<>();
        census.sites()
                .forEach((name, site) ->
                        site.subcomponents()
                                .forEach(active ->
                                        densities.put(
                                                new SubcomponentId(name, active.index()),
                                                active.density())));
        return densities;
    }

    private static String densest(Census census) {
        return densities(census).entrySet().stream()
                .max(Map.Entry.comparingByValue())
                .map(densest -> densest.getKey().toString())
                .orElse("nothing");
    }

    private static List<Line> counts(Census census, Thresholds thresholds) {
        SiteCensus first = census.sites().firstEntry().getValue();
        List<Count> byThreshold =
                first.uniqueAt().keySet().stream()
                        .map(threshold -> Count.of(census, threshold, FLOOR))
                        .toList();
        List<Count> byFloor =
                first.uniqueAt().firstEntry().getValue().keySet().stream()
                        .map(floor -> Count.of(census, THRESHOLD, floor))
                        .toList();
        return List.of(
                Line.judged(
                        Check.STABLE_BY_THRESHOLD,
                        largest(byThreshold),
                        thresholds.thresholdChange(),
                        "%s used subcomponents at thresholds %s"
                                .formatted(totals(byThreshold), first.uniqueAt().keySet())),
                Line.judged(
                        Check.STABLE_BY_FLOOR,
                        largest(byFloor),
                        thresholds.floorChange(),
                        "%s used subcomponents at floors %s"
                                .formatted(
                                        totals(byFloor),
                                        first.uniqueAt().firstEntry().getValue().keySet())));
    }

    /// The used subcomponents at some threshold and floor.
    ///
    /// @param total of all sites
    /// @param change sum over sites of the difference from threshold 0.5 and floor 0.1 %, as a
    ///   share of the count there
    private record Count(int total, double change) {
        static Count of(Census census, String threshold, String floor) {
            int total = 0;
            int reference = 0;
            int difference = 0;
            for (SiteCensus site : census.sites().values()) {
                int here = unique(site, threshold, floor);
                int there = unique(site, THRESHOLD, FLOOR);
                total += here;
                reference += there;
                difference += Math.abs(here - there);
            }
            return new Count(total, difference / (double) Math.max(1, reference));
        }

        private static int unique(SiteCensus site, String threshold, String floor) {
            SequencedMap<String, Integer> byFloor =
                    Objects.requireNonNull(site.uniqueAt().get(threshold), threshold);
            return Objects.requireNonNull(byFloor.get(floor), floor);
        }
    }

    private static double largest(List<Count> counts) {
        return counts.stream().mapToDouble(Count::change).max().orElse(0);
    }

    private static List<Integer> totals(List<Count> counts) {
        return counts.stream().map(Count::total).toList();
    }

    private static List<Line> adversarial(
            AdversarialReconstruction adversarial, Census census, Thresholds thresholds) {
        String beside =
                "stochastic masks: %s nats, shared random ones: %s"
                        .formatted(
                                loss(census.losses().stochasticReconstruction()),
                                loss(adversarial.after(0).kl()));
        return adversarial.found().stream()
                .filter(found -> CHECKS.containsKey(found.steps()))
                .map(found ->
                        adversarial(
                                Objects.requireNonNull(CHECKS.get(found.steps())),
                                found,
                                beside,
                                thresholds))
                .toList();
    }

    private static Line adversarial(
            Check check, Found found, String beside, Thresholds thresholds) {
        return Line.judged(
                check,
                found.kl(),
                thresholds.adversarialKl(),
                "%s nats and %s right under the worst shared masks met in %d steps; %s"
                        .formatted(
                                loss(found.kl()), share(found.accuracy()), found.steps(), beside));
    }

    private static Line groundTruth(GroundTruth truth, Thresholds thresholds) {
        return Line.judged(
                Check.GROUND_TRUTH,
                (double) truth.wrong() / truth.entries(),
                thresholds.groundTruth(),
                "%d of %d entries differ from %s"
                        .formatted(truth.wrong(), truth.entries(), truth.solution()));
    }

    private static String loss(double value) {
        return Check.Unit.LOSS.text(value);
    }

    private static String share(double value) {
        return Check.Unit.SHARE.text(value);
    }
}
