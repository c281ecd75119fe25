package cleave.tensor;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;

/// Random draws as functions of a key, so that no draw depends on worker count, slicing, logging or
/// resuming (spec R1 to R5).
///
/// A key is built from words: `Draws.key(seed,
/// Purpose.SOURCE).with(step).with(example).with("Q0")`.
public final class Draws {
    static final long GAMMA = 0x9E3779B97F4A7C15L;
    static final long MIX_1 = 0xBF58476D1CE4E5B9L;
    static final long MIX_2 = 0x94D049BB133111EBL;

    // Incubating modules are there only when the JVM was started with --add-modules.
    private static final boolean IN_VECTORS =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

    // Normal numbers that one processor draws at a time; even, since they come in pairs.
    private static final int PIECE = 1 << 16;

    // Of them it holds this many in arrays of Java's at a time; even too.
    private static final int CHUNK = 1 << 10;

    private static final long START = 0x243F6A8885A308D3L;

    private Draws() {}

    /// What a draw is for; different purposes never share a sequence (spec R4).
    public enum Purpose {
        /// Initial U, V, gate parameters and weights of targets trained here.
        INITIALISATION(1),
        /// Training examples.
        DATA(2),
        /// Sources of stochastic masks.
        SOURCE(3),
        /// Which sites are replaced.
        ROUTING(4),
        /// Masks of the weight delta.
        DELTA(5),
        /// Examples of the fixed evaluation stream.
        EVALUATION(6),
        /// Masks of the remainder.
        REMAINDER(7),
        /// What is done to a target's outputs while it is trained.
        DISTURBANCE(8);

        private final long word;

        Purpose(long word) {
            this.word = word;
        }
    }

    /// The key of `(seed, purpose)`.
    public static Key key(long seed, Purpose purpose) {
        return new Key(START).with(seed).with(purpose.word);
    }

    /// A point in the space of draws: the start of one sequence of 64-bit words (spec R2, R3).
    public record Key(long hash) {

        /// This key extended by a number.
        public Key with(long word) {
            return new Key(mix(hash ^ word) + GAMMA);
        }

        /// This key extended by a text (spec R4).
        public Key with(String text) {
            long h = 0xCBF29CE484222325L;
            for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
                h = (h ^ (b & 0xFF)) * 0x100000001B3L;
            }
            return with(h);
        }

        /// The i-th 64-bit word of the sequence.
        public long word(long i) {
            return mix(hash + (i + 1) * GAMMA);
        }

        /// A whole number in `0 .. bound - 1` from word i.
        public int below(int bound, long i) {
            return (int) Math.unsignedMultiplyHigh(word(i), bound);
        }

        /// The i-th uniform number in [0, 1).
        public float uniform(long i) {
            long word = word(i >> 1);
            return ((i & 1) == 0 ? word >>> 40 : (word >>> 16) & 0xFFFFFF) * 0x1p-24f;
        }

        /// Writes the first `count` uniforms to `out[offset ..]`.
        public void uniforms(float[] out, int offset, int count) {
            int done = IN_VECTORS ? UniformKernel.uniforms(hash, out, offset, count) : 0;
            int pairs = count >> 1;
            long at = hash + (done >> 1) * GAMMA;
            for (int i = done >> 1; i < pairs; i++) {
                at += GAMMA;
                long word = mix(at);
                out[offset + 2 * i] = (word >>> 40) * 0x1p-24f;
                out[offset + 2 * i + 1] = ((word >>> 16) & 0xFFFFFF) * 0x1p-24f;
            }
            if ((count & 1) == 1) {
                out[offset + count - 1] = uniform(count - 1L);
            }
        }

        /// The first `count` standard normal numbers (spec R3).
        public double[] normals(int count) {
            double[] out = new double[count];
            normals(0, out, count);
            return out;
        }

        /// Writes the normal numbers from an even place on.
        private void normals(long first, double[] out, int count) {
            for (int i = 0; i < count; i += 2) {
                double radius = Math.sqrt(-2 * StrictMath.log(1 - (double) uniform(first + i)));
                double angle = 2 * Math.PI * uniform(first + i + 1L);
                out[i] = radius * StrictMath.cos(angle);
                if (i + 1 < count) {
                    out[i + 1] = radius * StrictMath.sin(angle);
                }
            }
        }

        /// Numbers uniform within `bound` of zero as a tensor of the given shape, row-major.
        public Tensor within(double bound, Type type, long... shape) {
            float[] values = new float[Math.toIntExact(Tensors.count(shape))];
            uniforms(values, 0, values.length);
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) ((2 * values[i] - 1) * bound);
            }
            return Tensors.of(values, type, shape);
        }

        /// Standard normal numbers times `scale` as a tensor of the given shape, row-major; zeros
        /// for a scale of 0.
        public Tensor normal(double scale, Type type, long... shape) {
            Tensor tensor = Tensors.zeros(type, shape);
            fill(tensor, scale);
            return tensor;
        }

        /// Writes standard normal numbers times `scale` over the numbers of a contiguous tensor,
        /// row-major; zeros for a scale of 0.
        ///
        /// The numbers are those of [#normals]. Pieces of them are drawn on all processors and
        /// written where they belong, since the parameters of a language model's gates are many.
        public void fill(Tensor tensor, double scale) {
            if (!tensor.is_contiguous()) {
                throw new IllegalArgumentException(
                        "tensor to fill must be contiguous, got another layout of shape "
                                + Arrays.toString(tensor.shape()));
            }
            long count = tensor.numel();
            if (scale == 0 || count == 0) {
                tensor.zero_();
                return;
            }
            if (!tensor.device().equals(Device.CPU)) {
                if (tensor.device().hasNumbers()) {
                    Scopes.run(() -> {
                        Tensor drawn = Tensors.zeros(Device.CPU, tensor.type(), tensor.shape());
                        fill(drawn, scale);
                        tensor.copy_(drawn);
                    });
                }
                return;
            }
            LongStream pieces = LongStream.range(0, Math.ceilDiv(count, PIECE));
            boolean isFloat = Tensors.type(tensor) == Type.FLOAT;
            FloatPointer floats = isFloat ? tensor.raw().data_ptr_float() : null;
            DoublePointer doubles = isFloat ? null : tensor.raw().data_ptr_double();
            (count > PIECE ? pieces.parallel() : pieces)
                    .forEach(piece -> {
                        long first = piece * PIECE;
                        int some = (int) Math.min(PIECE, count - first);
                        if (floats != null) {
                            fill(floats.getPointer(first), first, some, scale);
                        } else if (doubles != null) {
                            fill(doubles.getPointer(first), first, some, scale);
                        }
                    });
        }

        private void fill(FloatPointer to, long first, int count, double scale) {
            float[] narrow = new float[Math.min(CHUNK, count)];
            for (int done = 0; done < count; done += CHUNK) {
                int some = Math.min(CHUNK, count - done);
                normals(first + done, narrow, some, scale);
                to.position(done).put(narrow, 0, some);
            }
        }

        /// Writes the normal numbers from an even place on, times `scale`, rounded to float32.
        ///
        /// The processor's own functions differ from those of `StrictMath` in the last bits of a
        /// double, which decide a float's rounding hardly ever; where they could, `StrictMath` is
        /// asked. So the numbers are those of [#normals] bit for bit, in half the time.
        private void normals(long first, float[] out, int count, double scale) {
            for (int i = 0; i < count; i += 2) {
                double u = 1 - (double) uniform(first + i);
                double angle = 2 * Math.PI * uniform(first + i + 1L);
                double radius = Math.sqrt(-2 * Math.log(u));
                out[i] = rounded(radius * Math.cos(angle) * scale, u, angle, scale, true);
                if (i + 1 < count) {
                    out[i + 1] = rounded(radius * Math.sin(angle) * scale, u, angle, scale, false);
                }
            }
        }

        private static float rounded(
                double about, double u, double angle, double scale, boolean cosine) {
            float value = (float) about;
            double margin = about * 1e-14; // 45 units in the last place of a double
            if ((float) (about - margin) == value && (float) (about + margin) == value) {
                return value;
            }
            double radius = Math.sqrt(-2 * StrictMath.log(u));
            double turn = cosine ? StrictMath.cos(angle) : StrictMath.sin(angle);
            return (float) (radius * turn * scale);
        }

        private void fill(DoublePointer to, long first, int count, double scale) {
            double[] values = new double[Math.min(CHUNK, count)];
            for (int done = 0; done < count; done += CHUNK) {
                int some = Math.min(CHUNK, count - done);
                normals(first + done, values, some);
                for (int i = 0; i < some; i++) {
                    values[i] *= scale;
                }
                to.position(done).put(values, 0, some);
            }
        }
    }

    private static long mix(long word) {
        long z = word;
        z = (z ^ (z >>> 30)) * MIX_1;
        z = (z ^ (z >>> 27)) * MIX_2;
        return z ^ (z >>> 31);
    }
}
