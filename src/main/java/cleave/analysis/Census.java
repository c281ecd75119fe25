package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.model.Task;
import cleave.run.LoadedRun;
import java.util.List;
import java.util.SequencedMap;

/// How many subcomponents a decomposition uses, and how well they stand for the target (DST Table
/// 1; spec A1 to A4).
///
/// @param threshold a subcomponent is active where its lower importance is above it
/// @param sample what everything was measured on
/// @param sites by name, in site order
/// @param losses how far the decomposition is from the target
/// @param attention how far attention patterns move, by layer
/// @param accuracy of the task under masks equal to the importances; NaN where nobody knows the
///   answers
/// @param accuracies of the task, under every mask
/// @param positionFree the check that the gates do not do the work themselves
public record Census(
        double threshold,
        Sample sample,
        SequencedMap<String, SiteCensus> sites,
        CensusLosses losses,
        List<AttentionDivergence> attention,
        double accuracy,
        Accuracies accuracies,
        PositionFree positionFree) {

    /// Subcomponents active in a smaller share of sequences do not count as used. One sighting
    /// among thousands would make the count a matter of the sample's size; 1 % would hide what
    /// serves one token of 128.
    public static final double FLOOR = 0.001;

    /// The floors a census reports.
    public static final List<Double> FLOORS = List.of(0.0, FLOOR, 0.01);

    /// The thresholds a census reports beside its own.
    public static final List<Double> THRESHOLDS = List.of(0.1, 0.5, 0.9);

    /// What a census is taken with.
    ///
    /// @param threshold a subcomponent is active where its lower importance is above it
    /// @param sequences how many
    /// @param sliceRows sequences at a time; bounds memory
    /// @param weightDelta the stream's weight-delta channel (spec M2)
    public record Settings(
            double threshold, int sequences, int sliceRows, WeightDelta weightDelta) {
        /// Threshold 0.5, 2,048 sequences in slices of 64, no weight delta.
        public static final Settings DEFAULT = new Settings(0.5, 2048, 64, WeightDelta.NONE);

        /// Checks the threshold.
        public Settings {
            if (!(threshold >= 0 && threshold < 1)) {
                throw new UserError("threshold must be in 0..1 and below 1, got " + threshold);
            }
        }
    }

    /// Faithfulness (spec L3) and reconstruction losses (spec L2), named as in training. All but
    /// the first are nats per loss position.
    ///
    /// @param stochasticReconstructionPartial one random subset of sites for each slice
    public record CensusLosses(
            double faithfulness,
            double importanceReconstruction,
            double roundedReconstruction,
            double stochasticReconstruction,
            double stochasticReconstructionLayerwise,
            double stochasticReconstructionPartial,
            double onesReconstruction) {}

    /// Share of loss positions with the right token on top; NaN where no right token is known.
    public record Accuracies(
            double target,
            double importance,
            double rounded,
            double stochastic,
            double stochasticLayerwise,
            double stochasticPartial,
            double ones) {}

    /// The used subcomponents on at every position, all others off: no gate is asked (spec A4).
    ///
    /// @param floor of the frequency from which a subcomponent counts as used
    /// @param kept how many are on
    /// @param kl nats per loss position
    /// @param withoutFloor the same with everything on that is active at least once
    public record PositionFree(
            double floor, int kept, double kl, double accuracy, Kept withoutFloor) {}

    /// A set of subcomponents on at every position, all others off.
    public record Kept(int kept, double kl, double accuracy) {}

    /// Takes the census of a run on its evaluation stream.
    ///
    /// @param threshold a subcomponent is active where its lower importance is above it
    /// @param sequences how many
    public static Census of(LoadedRun run, double threshold, int sequences) {
        WeightDelta weightDelta = run.file().streams().getFirst().weightDelta();
        return of(
                run.decomposition(),
                run.task(),
                new Settings(threshold, sequences, Settings.DEFAULT.sliceRows(), weightDelta));
    }

    /// Takes the census.
    public static Census of(Decomposition decomposition, Task task, Settings options) {
        Target target = decomposition.target();
        Evaluation evaluation =
                new Evaluation(target, task, options.sequences(), options.sliceRows());
        CensusSums sums = new CensusSums(decomposition, task, options);
        evaluation.forEach(sums::add);
        Sample sample = sums.sample();
        SequencedMap<String, SiteCensus> sites = sums.sites(sample);
        List<SubcomponentId> used = used(sites, FLOOR);
        List<SubcomponentId> seen = used(sites, 0);
        Tally usedTally = new Tally();
        Tally seenTally = new Tally();
        evaluation.forEach(slice -> {
            keepOnly(decomposition, slice, used, usedTally);
            keepOnly(decomposition, slice, seen, seenTally);
        });
        return new Census(
                options.threshold(),
                sample,
                sites,
                sums.losses(),
                sums.attention(),
                sums.tally(CensusPass.IMPORTANCE).accuracy(),
                sums.accuracies(),
                new PositionFree(
                        FLOOR,
                        used.size(),
                        usedTally.kl(),
                        usedTally.accuracy(),
                        new Kept(seen.size(), seenTally.kl(), seenTally.accuracy())));
    }

    /// The subcomponents whose frequency reaches the floor, at the census' threshold.
    public List<SubcomponentId> used(double floor) {
        return used(sites, floor);
    }

    private static List<SubcomponentId> used(SequencedMap<String, SiteCensus> sites, double floor) {
        return sites.entrySet().stream()
                .flatMap(site ->
                        site.getValue().subcomponents().stream()
                                .filter(active -> active.frequency() >= floor)
                                .map(active -> new SubcomponentId(site.getKey(), active.index())))
                .toList();
    }

    private static void keepOnly(
            Decomposition decomposition, Slice slice, List<SubcomponentId> on, Tally tally) {
        Target.Forward pass =
                Ablations.pass(
                        Ablations.only(decomposition, on),
                        decomposition,
                        slice.batch(),
                        slice.clean(),
                        WeightDelta.NONE);
        tally.add(slice, pass.outputs());
    }
}
