package cleave.analysis;

import cleave.config.Reach;
import cleave.config.UserError;
import cleave.loss.Divergence;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Consumer;

/// Walks through the fixed evaluation stream (spec R5) in slices, so that memory does not grow with
/// the number of sequences.
///
/// @param target runs the clean pass
/// @param task gives the sequences
/// @param sequences how many, from the first
/// @param sliceRows how many at a time at most; fewer where their outputs would be more than
///   `OUTPUTS` numbers
public record Evaluation(Target target, Task task, int sequences, int sliceRows) {

    /// Numbers of the outputs of a slice: 128 MiB in float32.
    static final long OUTPUTS = 1L << 25;

    public Evaluation {
        if (sequences < 1 || sliceRows < 1) {
            throw new UserError(
                    "sequences and rows of a slice must be >= 1, got %d and %d"
                            .formatted(sequences, sliceRows));
        }
        if (target.outputs() != Target.Outputs.LOGITS) {
            throw ofValues("analysis");
        }
    }

    /// Why what compares distributions of tokens is not asked of a model of values, and what is.
    ///
    /// @param what is asked, as in `analysis`
    public static UserError ofValues(String what) {
        return UserError.withHints(
                what + " must have a target whose outputs are logits, got one of values",
                "such a run has `cleave export RUN`, and `cleave report RUN` where its solution is known");
    }

    /// Some sequences and their clean pass.
    ///
    /// @param index of the slice, from 0
    public record Slice(long index, Task.Examples examples, Clean clean, Divergence divergence) {
        public Batch batch() {
            return examples.batch();
        }
    }

    /// Refuses sequences whose positions an int cannot count: no table of them is right any more.
    ///
    /// @param length of a sequence
    /// @throws UserError with the most sequences of this length
    public static void requireCountable(int sequences, long length) {
        if (sequences * length > Integer.MAX_VALUE) {
            throw new UserError(
                    "sequences must be <= %d with %d positions each, got %d"
                            .formatted(Integer.MAX_VALUE / length, length, sequences));
        }
    }

    /// Hands out each slice in a scope of its own, without recording gradients.
    ///
    /// @throws UserError when the sequences are more than can be counted, or than this machine goes
    ///   through within a month
    public void forEach(Consumer<Slice> work) {
        Reach reach = new Reach("sequences", sequences);
        int index = 0;
        int most = rows();
        for (long first = 0; first < sequences; first += most) {
            int rows = (int) Math.min(most, sequences - first);
            long from = first;
            int slice = index++;
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        work.accept(slice(slice, from, rows));
                        return true;
                    }));
            reach.done(first + rows);
        }
    }

    /// Every slice at once, in the caller's scope, for work that goes over them again and again.
    public List<Slice> slices() {
        List<Slice> slices = new ArrayList<>();
        int most = rows();
        for (long first = 0; first < sequences; first += most) {
            slices.add(slice(slices.size(), first, (int) Math.min(most, sequences - first)));
        }
        return slices;
    }

    /// The rows of a slice. What one sequence gives, its first pass says: its length is the task's,
    /// and the width of its outputs the target's.
    private int rows() {
        long one =
                Scopes.run(() ->
                        Scopes.withoutGradient(() ->
                                target.clean(
                                                task.examples(0, Draws.Purpose.EVALUATION, 0, 1)
                                                        .batch())
                                        .outputs()
                                        .numel()));
        return rows(one, sliceRows);
    }

    /// The rows of a slice, whose outputs are `OUTPUTS` numbers at most.
    ///
    /// @param one numbers of a sequence's outputs
    static int rows(long one, int sliceRows) {
        return Math.clamp(OUTPUTS / Math.max(1, one), 1, sliceRows);
    }

    private Slice slice(long index, long first, int rows) {
        Task.Examples examples = task.examples(0, Draws.Purpose.EVALUATION, first, rows);
        requireCountable(sequences, examples.batch().length());
        Clean clean = target.clean(examples.batch());
        Divergence divergence =
                Divergence.from(
                        target.outputs(), clean.outputs(), examples.batch().losses().counted());
        return new Slice(index, examples, clean, divergence);
    }

    /// Adds up the sample of the slices seen.
    public static final class Counts {
        private int sequences;
        private double positions;
        private double lossPositions;
        private final SequencedMap<String, Long> marks = new LinkedHashMap<>();

        public void add(Slice slice, Task task) {
            Batch batch = slice.batch();
            sequences += (int) batch.rows();
            positions += batch.positions();
            lossPositions += batch.losses().count();
            Tensor valid = batch.valid();
            for (String mark : task.marks()) {
                Tensor at = Tensors.named(mark, slice.examples().marks()).unsqueeze(1); // [B, 1]
                long counted =
                        valid == null
                                ? batch.rows()
                                : (long) Tensors.number(valid.gather(1, at).sum());
                marks.merge(mark, counted, Long::sum);
            }
        }

        public Sample sample() {
            return new Sample(
                    sequences,
                    (long) positions,
                    (long) lossPositions,
                    Collections.unmodifiableSequencedMap(marks));
        }
    }
}
