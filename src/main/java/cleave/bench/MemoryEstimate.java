package cleave.bench;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.UnusedEffect;
import cleave.loss.LossTerm.Usage;
import cleave.loss.LossTerm.UsedAlone;
import cleave.mask.MaskSource;
import cleave.run.RunFile;
import cleave.run.RunFile.Precision;
import cleave.run.RunFile.StreamFile;
import cleave.training.Trainer;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The most memory a run has in RAM at a time, from its configuration alone, in bytes.
///
/// With `n` the numbers of parameters, `W` workers, `L` sites and `b` bytes a number:
///
/// - the program: the JVM, libtorch and its kernels, and what loading touches of Java's heap,
///   `PROGRAM`;
/// - Java's heap: nothing is collected before the young generation is full of numbers drawn for
///   masks. It is as large as the JVM chose at its start; `LOADED` of it count as program, and a
///   short run draws less;
/// - parameters: `(5 + W) n b`, for values, two moments of Adam, each worker's gradients, and twice
///   for an update;
/// - slices: each worker holds a slice of `slice x length` positions. For each of them `GRADIENTS
///   C` numbers of a site's importances, and for every pass in which the site is replaced `MASKED
///   C` numbers (activations, masked activations and their gradient), `DRAWN C` more where the mask
///   is drawn;
/// - gates: what the gates keep for their way back and `KEPT` times as much in the allocator's
///   gaps, for the workers' slices, or where a term couples the batch for all slices, unless that
///   is more than `Trainer.KEPT_BYTES`.
///
/// The constants were fitted to measured peaks (docs/performance.md).
///
/// @param program see above, like the others
public record MemoryEstimate(long program, long heap, long parameters, long slices, long gates) {
    private static final long PROGRAM = 345L << 20;
    private static final long LOADED = 90L << 20;
    private static final long GRADIENTS = 4;
    private static final long MASKED = 3;
    private static final long DRAWN = 5;
    private static final double KEPT = 1.25;

    /// Of a configuration on these sites.
    static MemoryEstimate of(RunFile file, List<DecomposedSite> sites) {
        return new Sizes(file, sites).estimate();
    }

    /// All of it.
    public long total() {
        return program + heap + parameters + slices + gates;
    }

    /// Numbers of U, V and gates.
    static long parameters(RunFile file, List<DecomposedSite> sites) {
        return Decomposition.shapes(sites, file.importance()).values().stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum();
    }

    private record Sizes(RunFile file, List<DecomposedSite> sites) {

        MemoryEstimate estimate() {
            long slices = 0;
            long atWork = 0;
            long coupled = 0;
            double drawn = 0;
            for (StreamFile stream : file.streams()) {
                long position = (long) stream.length() * bytes();
                long rows = rowsAtWork(stream);
                slices = Math.max(slices, rows * position * numbers(stream));
                long gates = Math.round(KEPT * position * gates(stream));
                atWork = Math.max(atWork, rows * gates);
                boolean couples = stream.losses().stream().anyMatch(Sizes::couples);
                coupled += (couples ? stream.batch() : 0) * gates;
                drawn += (double) stream.batch() * stream.length() * drawn(stream) * Float.BYTES;
            }
            return new MemoryEstimate(
                    PROGRAM,
                    heap(file.steps() * drawn),
                    (5L + file.machine().workers())
                            * MemoryEstimate.parameters(file, sites)
                            * bytes(),
                    slices,
                    coupled > Trainer.KEPT_BYTES ? atWork : Math.max(atWork, coupled));
        }

        private static long heap(double drawn) {
            long young = Runtime.getRuntime().totalMemory() / 3;
            return (long) Math.min(drawn, Math.max(0, young - LOADED));
        }

        private int bytes() {
            return type() == ScalarType.Double ? Double.BYTES : Float.BYTES;
        }

        /// Sequences that all workers hold at a time.
        private long rowsAtWork(StreamFile stream) {
            return Math.min(
                    stream.batch(), (long) file.machine().workers() * file.machine().slice());
        }

        private ScalarType type() {
            return file.machine().precision() == Precision.FLOAT64
                    ? ScalarType.Double
                    : ScalarType.Float;
        }

        private static boolean couples(LossTerm term) {
            return switch (term) {
                case Reconstruction _, UnusedEffect _, UsedAlone _ -> false;
                case ImportanceMinimality minimality -> minimality.frequency() != 0;
                case Usage _ -> true;
            };
        }

        private long subcomponents() {
            return sites.stream().mapToLong(DecomposedSite::count).sum();
        }

        /// Numbers that the gates keep for each position of a stream.
        private long gates(StreamFile stream) {
            ImportanceFunction function = file.importance();
            return sites.stream()
                    .mapToLong(s -> function.kept(s.site(), s.count(), stream.length(), type()))
                    .sum();
        }

        /// Numbers for each position of a slice at work, beside its gates.
        private long numbers(StreamFile stream) {
            long all = subcomponents();
            long numbers = GRADIENTS * all + DRAWN * drawn(stream);
            for (LossTerm term : stream.losses()) {
                numbers +=
                        switch (term) {
                            case Reconstruction some -> some.draws() * MASKED * all;
                            case UsedAlone _ -> MASKED * all;
                            case UnusedEffect _ -> MASKED * all / sites.size(); // one site
                            case ImportanceMinimality _, Usage _ -> 0;
                        };
            }
            return numbers;
        }

        /// Numbers drawn for masks for each position. A routing replaces each site once, or less.
        private long drawn(StreamFile stream) {
            long draws = 0;
            for (LossTerm term : stream.losses()) {
                if (term instanceof Reconstruction some && some.masks() == MaskSource.STOCHASTIC) {
                    draws += some.draws();
                }
            }
            return draws * subcomponents();
        }
    }
}
