package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.decomposition.Decomposition;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Reconstruction under the worst masks that a search finds: `m = g + (1 - g) r` with one source r
/// for each subcomponent (and one for each weight delta, where it is `stochastic`), shared by all
/// sequences and positions (spec A16; the probe is VPD's).
///
/// Stochastic masks ask whether subcomponents of importance 0 can be anything at random, these
/// whether they can be anything at all.
///
/// @param sequences of the fixed evaluation stream, from its first
/// @param found after growing numbers of steps, the first after none: random shared sources
public record AdversarialReconstruction(int sequences, List<Found> found) {

    /// The numbers of steps after which figures are taken.
    public static final List<Integer> STEPS = List.of(0, 20, 80);

    /// The numbers of steps of the long ladder, on which a search shows where it levels off.
    public static final List<Integer> LADDER = List.of(0, 20, 80, 320, 1280);

    /// What some steps of ascent found.
    ///
    /// @param steps how many
    /// @param kl the largest divergence met until then, nats per loss position
    /// @param accuracy of the task under the same masks
    public record Found(int steps, double kl, double accuracy) {}

    /// What was found after this many steps.
    ///
    /// @throws IllegalArgumentException when no figure was taken there
    public Found after(int steps) {
        return found.stream()
                .filter(each -> each.steps() == steps)
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "steps must be one of %s, got %d"
                                        .formatted(
                                                found.stream().map(Found::steps).toList(), steps)));
    }

    /// What the adversary works on.
    ///
    /// @param sequences how many share the sources; all their importances are in memory at once
    /// @param sliceRows sequences whose graph is in memory at a time
    /// @param weightDelta the stream's weight-delta channel
    /// @param steps after which figures are taken, rising
    public record Settings(
            int sequences, int sliceRows, WeightDelta weightDelta, List<Integer> steps) {

        /// Figures after the usual `STEPS`.
        public Settings(int sequences, int sliceRows, WeightDelta weightDelta) {
            this(sequences, sliceRows, weightDelta, STEPS);
        }

        /// Keeps an unmodifiable copy.
        public Settings {
            steps = List.copyOf(steps);
        }
    }

    /// Looks for the worst masks.
    public static AdversarialReconstruction of(
            Decomposition decomposition, Task task, Settings options) {
        return Scopes.run(() -> {
            List<Prepared> prepared =
                    Scopes.withoutGradient(() ->
                            new Evaluation(
                                            decomposition.target(),
                                            task,
                                            options.sequences(),
                                            options.sliceRows())
                                    .slices().stream()
                                            .map(slice ->
                                                    Prepared.of(
                                                            decomposition,
                                                            slice,
                                                            options.weightDelta()))
                                            .toList());
            return new AdversarialReconstruction(
                    options.sequences(), search(decomposition, prepared, options.steps()));
        });
    }

    /// A slice with its importances `[B, T, C]` of each site.
    private record Prepared(
            Decomposition decomposition, Slice slice, List<Tensor> lower, WeightDelta weightDelta) {

        static Prepared of(Decomposition decomposition, Slice slice, WeightDelta weightDelta) {
            return new Prepared(
                    decomposition,
                    slice,
                    Importances.of(decomposition, slice.clean(), slice.batch()),
                    weightDelta);
        }

        MaskedForward forward() {
            return new MaskedForward(
                    decomposition, slice.batch(), slice.clean(), lower, weightDelta);
        }
    }

    private static List<Found> search(
            Decomposition decomposition, List<Prepared> prepared, List<Integer> ladder) {
        Draws.Key key = Draws.key(0, Draws.Purpose.EVALUATION).with("adversarial sources");
        SourceAscent ascent =
                new SourceAscent(
                        prepared.stream()
                                .map(each ->
                                        new SourceAscent.Part(
                                                each::forward, each.slice().divergence()))
                                .toList(),
                        uniform(decomposition, key));
        List<Found> found = new ArrayList<>();
        int taken = 0;
        for (int steps : ladder) {
            for (; taken < steps; taken++) {
                ascent.step();
            }
            ascent.measure();
            found.add(found(steps, prepared, ascent.worst()));
        }
        return List.copyOf(found);
    }

    /// Uniform sources from `key` extended by each site's name: its first C numbers are the
    /// sources, the next one is the delta mask, the one after it the remainder's.
    static Masking.Sources uniform(Decomposition decomposition, Draws.Key key) {
        Type type = decomposition.target().type();
        List<Tensor> sources = new ArrayList<>();
        List<Tensor> deltas = new ArrayList<>();
        List<Tensor> remainders = new ArrayList<>();
        for (Decomposition.DecomposedSite site : decomposition.sites()) {
            float[] numbers = new float[site.count() + 2];
            key.with(site.name()).uniforms(numbers, 0, numbers.length);
            float[] delta = {numbers[site.count()]};
            float[] remainder = {numbers[site.count() + 1]};
            sources.add(Tensors.of(Arrays.copyOf(numbers, site.count()), type, site.count()));
            deltas.add(Tensors.of(delta, type, 1));
            remainders.add(Tensors.of(remainder, type, 1));
        }
        return new Masking.Sources(sources, deltas, remainders);
    }

    private static Found found(int steps, List<Prepared> prepared, Masking.Sources sources) {
        Tally tally = new Tally();
        for (Prepared each : prepared) {
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        tally.add(each.slice(), each.forward().pass(sources).outputs());
                        return true;
                    }));
        }
        return new Found(steps, tally.kl(), tally.accuracy());
    }
}
