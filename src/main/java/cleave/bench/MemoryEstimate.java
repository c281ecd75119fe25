package cleave.bench;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engines;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UnusedEffect;
import cleave.loss.UsedAlone;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Gpt2;
import cleave.model.ModelSpec;
import cleave.model.TextTask.LossesAt;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.run.RunFile.Precision;
import cleave.run.RunFile.StreamFile;
import cleave.tensor.Device;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import cleave.training.Trainer;
import java.util.List;
import java.util.Optional;

/// The most memory a run has in RAM at a time, from its configuration alone, in bytes.
///
/// With `n` the numbers of parameters, `D` those of the sites' weights, `W` workers, `L` sites and
/// `b` bytes a number:
///
/// - the program: the JVM, libtorch and its kernels, and what loading touches of Java's heap,
///   `PROGRAM`;
/// - Java's heap: nothing is collected before the young generation is full of numbers drawn for
///   masks. It is as large as the JVM chose at its start; `LOADED` of it count as program, and a
///   short run draws less;
/// - the target's weights;
/// - parameters: `(5 + W) n b`, for values, two moments of Adam, each worker's gradients, and twice
///   for an update;
/// - slices: each worker holds a slice of `slice x length` positions. For each of them `GRADIENTS
///   C` numbers of a site's importances, and for every site that the largest pass replaces `MASKED
///   C` numbers (activations, masked activations and their gradient), `DRAWN C` more where the mask
///   is drawn: a pass is freed before the next is made. For a GPT-2 also every result of its clean
///   pass and of the largest pass under masks, which Java holds until its end. Beside its positions
///   each worker holds the weight delta of every site where a pass keeps it, and its gradient, `2
///   D`. Faithfulness, before the slices, holds `V U`, the delta and its square, `3 D`;
/// - gates: what the gates keep for their way back and `KEPT` times as much in the allocator's
///   gaps, for the workers' slices, or where a term couples the batch for all slices, unless that
///   is more than `Trainer.KEPT_BYTES`.
///
/// The constants were fitted to measured peaks (docs/performance.md).
///
/// @param program see above, like the others
public record MemoryEstimate(
        long program, long heap, long target, long parameters, long slices, long gates) {
    private static final long PROGRAM = 345L << 20;
    private static final long LOADED = 90L << 20;
    private static final long GRADIENTS = 4;
    private static final long MASKED = 3;
    private static final long DRAWN = 5;
    private static final double KEPT = 1.25;

    /// Results of a map: what it puts out, and the same with its bias.
    private static final long WHOLE = 2;

    /// The same of a replaced one: what its subcomponents put out, the weight delta, that under its
    /// mask, both together, and with the bias.
    private static final long REPLACED = 5;

    /// Of each token's logits: their logarithms and probabilities.
    private static final long CLEAN_OUTPUTS = 3;

    /// The same under masks, and the steps of a divergence with their gradient.
    private static final long OUTPUTS = 6;

    /// Of a configuration on a target.
    static MemoryEstimate of(RunFile file, PreparedRun run) {
        long weights =
                run.model().target().weights().values().stream().mapToLong(Tensor::numel).sum();
        Optional<Gpt2.Shape> shape =
                run.model().spec() instanceof ModelSpec.Gpt2 gpt2
                        ? Optional.of(gpt2.shape())
                        : Optional.empty();
        return new Sizes(file, run.sites(), weights, shape).estimate();
    }

    /// All of it.
    public long total() {
        return program + heap + target + parameters + slices + gates;
    }

    /// @param weights numbers of the target's weights
    /// @param gpt2 the target's shape; empty for other kinds, whose passes are small
    private record Sizes(
            RunFile file, List<DecomposedSite> sites, long weights, Optional<Gpt2.Shape> gpt2) {

        MemoryEstimate estimate() {
            long slices = 3 * siteWeights() * bytes(); // faithfulness
            long atWork = 0;
            long coupled = 0;
            double drawn = 0;
            for (StreamFile stream : file.streams()) {
                long position = (long) stream.length() * bytes();
                long rows = rowsAtWork(stream);
                slices =
                        Math.max(
                                slices,
                                rows * position * (numbers(stream) + passes(stream))
                                        + file.machine().workers() * deltas(stream) * bytes());
                long gates = Math.round(KEPT * position * gates(stream));
                atWork = Math.max(atWork, rows * gates);
                boolean couples = stream.losses().stream().anyMatch(LossTerm::couples);
                coupled += (couples ? stream.batch() : 0) * gates;
                drawn += (double) stream.batch() * stream.length() * drawn(stream) * Float.BYTES;
            }
            long parameters = file.parameters(sites);
            return new MemoryEstimate(
                    PROGRAM,
                    heap(file.steps() * drawn),
                    weights * bytes(),
                    (5L + file.machine().workers()) * parameters * bytes(),
                    slices,
                    coupled > Trainer.KEPT_BYTES ? atWork : Math.max(atWork, coupled));
        }

        private static long heap(double drawn) {
            long young = Runtime.getRuntime().totalMemory() / 3;
            return (long) Math.min(drawn, Math.max(0, young - LOADED));
        }

        private int bytes() {
            return type() == Type.DOUBLE ? Double.BYTES : Float.BYTES;
        }

        /// Sequences that all workers hold at a time.
        private long rowsAtWork(StreamFile stream) {
            return Math.min(
                    stream.batch(), (long) file.machine().workers() * file.machine().slice());
        }

        private Type type() {
            return file.machine().precision() == Precision.FLOAT64 ? Type.DOUBLE : Type.FLOAT;
        }

        private long subcomponents() {
            return sites.stream().mapToLong(DecomposedSite::count).sum();
        }

        /// Numbers of the decomposed weights.
        private long siteWeights() {
            return sites.stream().mapToLong(s -> s.site().dIn() * s.site().dOut()).sum();
        }

        /// Numbers of the weight deltas and their gradients that a worker holds.
        private long deltas(StreamFile stream) {
            boolean kept =
                    stream.losses().stream()
                            .anyMatch(term ->
                                    term instanceof Reconstruction some
                                            && (stream.weightDelta() == WeightDelta.ON
                                                    || (stream.weightDelta()
                                                                    == WeightDelta.STOCHASTIC
                                                            && some.masks()
                                                                    instanceof
                                                                    Masking.Stochastic)));
            return kept ? 2 * siteWeights() : 0;
        }

        /// Numbers that a GPT-2's passes hold for each position of a slice.
        private long passes(StreamFile stream) {
            if (gpt2.isEmpty()) {
                return 0;
            }
            Gpt2.Shape shape = gpt2.get();
            long length = stream.length();
            long block = block(shape, length, REPLACED);
            long outputs = Math.ceilDiv(OUTPUTS * shape.tokens() * compared(stream), length);
            long pass = shape.layers() * block + outputs;
            long largest =
                    stream.losses().stream()
                            .mapToLong(term ->
                                    switch (term) {
                                        case Reconstruction _, UsedAlone _ -> pass;
                                        case UnusedEffect _ -> 2 * pass;
                                        default -> 0;
                                    })
                            .max()
                            .orElse(0);
            return shape.layers() * block(shape, length, WHOLE)
                    + Math.ceilDiv(CLEAN_OUTPUTS * shape.tokens() * compared(stream), length)
                    + largest;
        }

        /// Numbers of a block for each position: two norms, the maps with `results` each, queries,
        /// keys and values that go into four steps of a pattern for each head, what it mixes,
        /// twice, the activation, and two sums.
        private static long block(Gpt2.Shape shape, long length, long results) {
            long maps = results * (3L * shape.width() + 2L * shape.width() + shape.neurons());
            return maps + 6L * shape.width() + shape.neurons() + 4L * shape.heads() * length;
        }

        /// Positions of a sequence at which outputs are compared, at most.
        private static long compared(StreamFile stream) {
            return stream.data().map(data -> data.losses() == LossesAt.LAST).orElse(false)
                    ? 1
                    : stream.length();
        }

        /// Numbers that the gates keep for each position of a stream.
        private long gates(StreamFile stream) {
            return file.importance()
                    .kept(
                            Engines.of(type(), Device.CPU),
                            sites.stream().map(DecomposedSite::gated).toList(),
                            stream.length());
        }

        /// Numbers for each position of a slice at work, beside its gates.
        private long numbers(StreamFile stream) {
            return GRADIENTS * subcomponents()
                    + stream.losses().stream().mapToLong(this::masked).max().orElse(0);
        }

        /// Those of the largest pass of a term.
        private long masked(LossTerm term) {
            long largest = sites.stream().mapToLong(DecomposedSite::count).max().orElse(0);
            return switch (term) {
                case Reconstruction some ->
                        (isDrawn(some) ? MASKED + DRAWN : MASKED)
                                * (some.routing() instanceof Routing.EachAlone
                                        ? largest
                                        : subcomponents());
                case UsedAlone _ -> MASKED * subcomponents();
                case UnusedEffect _ -> MASKED * largest;
                default -> 0;
            };
        }

        /// Numbers drawn for masks for each position. A routing replaces each site once, or less.
        private long drawn(StreamFile stream) {
            long draws = 0;
            for (LossTerm term : stream.losses()) {
                if (term instanceof Reconstruction some && isDrawn(some)) {
                    draws += some.draws();
                }
            }
            return draws * subcomponents();
        }
    }

    private static boolean isDrawn(Reconstruction term) {
        return term.masks() instanceof Masking.Stochastic || term.masks() instanceof Masking.Binary;
    }
}
