package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.CausalImportance;
import cleave.loss.Divergence;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// What a merging of dead subcomponents did, and what it left unchanged (spec C5).
///
/// @param step before which it took place
/// @param sites what was merged at each
/// @param sequences of the fixed evaluation stream that outputs were compared on
/// @param largestImportance of what was merged, anywhere in them; 0 when all of it was dead there
///   too
/// @param gMaskedDifference largest change of an output y with masks g, a log probability or a
///   value, over 1 + |y|
/// @param tolerance up to which that is rounding
/// @param stochasticReconstruction mean divergence from the target with stochastic masks
/// @param bytes of parameters and of both moments of the optimiser
public record CompactionReceipt(
        long step,
        SequencedMap<String, Counts> sites,
        int sequences,
        double largestImportance,
        double gMaskedDifference,
        double tolerance,
        Change stochasticReconstruction,
        Change bytes) {

    /// How many sequences outputs are compared on.
    static final int SEQUENCES = 64;

    /// How many subcomponents of a site were merged, and how many are left.
    public record Counts(int merged, int left) {}

    /// A number before and after.
    public record Change(double before, double after) {}

    /// Compares two states of one decomposition.
    ///
    /// @param step before which the second takes over
    /// @param task whose evaluation examples are used
    /// @param weightDelta how much of the weight delta stays
    /// @param sliceRows sequences at a time
    public static CompactionReceipt of(
            long step,
            Decomposition before,
            Decomposition after,
            Task task,
            WeightDelta weightDelta,
            int sliceRows) {
        Sums sums = new Sums();
        for (int first = 0; first < SEQUENCES; first += sliceRows) {
            int from = first;
            int rows = Math.min(sliceRows, SEQUENCES - first);
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        Batch batch = task.examples(0, Purpose.EVALUATION, from, rows).batch();
                        sums.add(before, after, batch, weightDelta, from / sliceRows);
                        return true;
                    }));
        }
        return new CompactionReceipt(
                step,
                counts(before.sites(), after.sites()),
                SEQUENCES,
                sums.importance,
                sums.difference,
                before.target().type() == Type.DOUBLE ? 1e-10 : 1e-5,
                new Change(sums.before / sums.positions, sums.after / sums.positions),
                new Change(bytes(before), bytes(after)));
    }

    private static SequencedMap<String, Counts> counts(
            List<DecomposedSite> before, List<DecomposedSite> after) {
        SequencedMap<String, Counts> counts = new LinkedHashMap<>();
        for (int at = 0; at < before.size(); at++) {
            int left = after.get(at).count();
            counts.put(before.get(at).name(), new Counts(before.get(at).count() - left, left));
        }
        return Collections.unmodifiableSequencedMap(counts);
    }

    /// Each parameter has two moments beside it.
    private static double bytes(Decomposition decomposition) {
        return decomposition.tensors().values().stream()
                .mapToDouble(tensor -> 3.0 * tensor.numel() * tensor.element_size())
                .sum();
    }

    private static final class Sums {
        private double importance;
        private double difference;
        private double before;
        private double after;
        private double positions;

        void add(
                Decomposition whole,
                Decomposition merged,
                Batch batch,
                WeightDelta weightDelta,
                int slice) {
            Clean clean = whole.target().clean(batch);
            Divergence divergence =
                    Divergence.from(
                            whole.target().outputs(), clean.outputs(), batch.losses().counted());
            List<Tensor> lower = lower(whole, batch, clean);
            importance = Math.max(importance, largest(whole, merged, lower, batch.valid()));
            MaskedForward one = new MaskedForward(whole, batch, clean, lower, weightDelta);
            MaskedForward other =
                    new MaskedForward(
                            merged, batch, clean, lower(merged, batch, clean), weightDelta);
            Tensor was = readable(whole.target(), outputs(one, new Masking.Importance(), slice));
            Tensor is = readable(whole.target(), outputs(other, new Masking.Importance(), slice));
            Tensor gap = was.sub(is).abs().div(was.abs().add(1));
            Tensor counted = batch.losses().counted();
            if (counted != null) {
                gap = gap.masked_fill(counted.logical_not().unsqueeze(2), 0);
            }
            difference = Math.max(difference, Tensors.number(gap.max()));
            before += divergence(divergence, one, slice);
            after += divergence(divergence, other, slice);
            positions += batch.losses().count();
        }

        private static double divergence(Divergence divergence, MaskedForward forward, int slice) {
            return Tensors.number(
                    divergence.sum(outputs(forward, new Masking.Stochastic(), slice)));
        }

        private static List<Tensor> lower(Decomposition decomposition, Batch batch, Clean clean) {
            return decomposition.importances(clean, batch.valid()).stream()
                    .map(CausalImportance::lower)
                    .toList();
        }

        /// The largest importance at a valid position of what is no longer there.
        private static double largest(
                Decomposition whole,
                Decomposition merged,
                List<Tensor> lower,
                @Nullable Tensor valid) {
            double largest = 0;
            for (int at = 0; at < lower.size(); at++) {
                Tensor left = Tensors.of(places(whole, merged, at), merged.sites().get(at).count());
                Tensor gone = lower.get(at).index_fill(2, left, 0); // [B, T, C]
                Tensor counted =
                        valid == null
                                ? gone
                                : gone.masked_fill(valid.logical_not().unsqueeze(2), 0);
                largest = Math.max(largest, Tensors.number(counted.max()));
            }
            return largest;
        }

        private static long[] places(Decomposition whole, Decomposition merged, int at) {
            return Arrays.stream(merged.sites().get(at).placesIn(whole.sites().get(at)))
                    .asLongStream()
                    .toArray();
        }

        private static Tensor outputs(MaskedForward forward, Masking masking, int slice) {
            return forward.passes(masking, new Routing.All(), new MaskDraws(0, slice, 0, 0))
                    .getFirst()
                    .get()
                    .outputs();
        }

        private static Tensor readable(Target target, Tensor outputs) {
            return switch (target.outputs()) {
                case LOGITS -> Tensors.logSoftmax(outputs);
                case VALUES -> outputs;
            };
        }
    }

    /// Whether outputs with masks g are the same up to rounding.
    public boolean unchanged() {
        return gMaskedDifference <= tolerance;
    }

    /// All of it in one line.
    public String line() {
        return String.format(
                Locale.ROOT,
                "step %d: merged %d dead subcomponents, left %d (%s); g-masked outputs differ by at"
                        + " most %.1e, stochastic reconstruction %.2e -> %.2e, parameters and"
                        + " optimizer %.2f -> %.2f MiB",
                step,
                sites.values().stream().mapToInt(Counts::merged).sum(),
                sites.values().stream().mapToInt(Counts::left).sum(),
                left(sites),
                gMaskedDifference,
                stochasticReconstruction.before(),
                stochasticReconstruction.after(),
                bytes.before() / (1 << 20),
                bytes.after() / (1 << 20));
    }

    private static String left(Map<String, Counts> sites) {
        return String.join(
                ", ",
                sites.entrySet().stream()
                        .map(site -> site.getKey() + " " + site.getValue().left())
                        .toList());
    }
}
