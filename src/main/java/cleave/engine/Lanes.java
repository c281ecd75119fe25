package cleave.engine;

import static jdk.incubator.vector.VectorOperators.LSHL;

import cleave.tensor.Arithmetic;
import cleave.tensor.NativeRuntime;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of float32 numbers in native memory, for the kernels.
final class Lanes {
    /// As wide as the processor's, but 512 bits at most; 256 bits in portable arithmetic, because
    /// the width decides in which order numbers are added.
    public static final VectorSpecies<Float> LANES =
            NativeRuntime.arithmetic() == Arithmetic.PORTABLE
                    ? FloatVector.SPECIES_256
                    : FloatVector.SPECIES_PREFERRED.length() > 16
                            ? FloatVector.SPECIES_512
                            : FloatVector.SPECIES_PREFERRED;

    public static final int WIDTH = LANES.length();
    public static final FloatVector ZERO = all(0);
    public static final FloatVector HALF = all(0.5);
    public static final FloatVector ONE = all(1);

    private static final FloatVector LOG2_E = all(1 / StrictMath.log(2));
    private static final FloatVector SHIFT = all(0x1.8p23 + 127);
    private static final FloatVector MINUS_LN2 = all(-StrictMath.log(2));
    private static final FloatVector E3 = all(1 / 6.0);
    private static final FloatVector E4 = all(1 / 24.0);
    private static final FloatVector E5 = all(1 / 120.0);
    private static final FloatVector E6 = all(1 / 720.0);

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    @SuppressWarnings("restricted") // Tensors hand out addresses without sizes.
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Lanes() {}

    public static FloatVector all(double value) {
        return FloatVector.broadcast(LANES, (float) value);
    }

    public static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(LANES, MEMORY, address, ORDER);
    }

    public static FloatVector load(long address, VectorMask<Float> where) {
        return FloatVector.fromMemorySegment(LANES, MEMORY, address, ORDER, where);
    }

    public static FloatVector load(float[] values, int at) {
        return FloatVector.fromArray(LANES, values, at);
    }

    public static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(MEMORY, address, ORDER);
    }

    public static void store(FloatVector vector, long address, VectorMask<Float> where) {
        vector.intoMemorySegment(MEMORY, address, ORDER, where);
    }

    // Most copies are of a few vectors, too few for a call.

    /// Copies numbers from native memory.
    public static void read(long address, float[] into, int at, int count) {
        int whole = count - count % WIDTH;
        for (int i = 0; i < whole; i += WIDTH) {
            load(address + bytes(i)).intoArray(into, at + i);
        }
        for (int i = whole; i < count; i++) {
            into[at + i] = number(address + bytes(i));
        }
    }

    /// Copies numbers to native memory.
    public static void write(float[] values, int at, int count, long address) {
        int whole = count - count % WIDTH;
        for (int i = 0; i < whole; i += WIDTH) {
            store(load(values, at + i), address + bytes(i));
        }
        for (int i = whole; i < count; i++) {
            number(address + bytes(i), values[at + i]);
        }
    }

    public static float number(long address) {
        return MEMORY.get(ValueLayout.JAVA_FLOAT, address);
    }

    public static void number(long address, float value) {
        MEMORY.set(ValueLayout.JAVA_FLOAT, address, value);
    }

    /// `e^t` for t in [-87, 88], by a polynomial of degree 6 within half a power of two.
    public static FloatVector exp(FloatVector t) {
        // The sum's low bits hold the power of two k with the bias of exponents.
        FloatVector shifted = t.fma(LOG2_E, SHIFT);
        FloatVector k = shifted.sub(SHIFT);
        FloatVector r = k.fma(MINUS_LN2, t); // |r| <= ln 2 / 2
        // 1 + r + r^2 ((1/2 + r/6) + r^2 ((1/24 + r/120) + r^2/720)), the shortest chain of steps
        FloatVector r2 = r.mul(r);
        FloatVector high = r2.fma(E6, r.fma(E5, E4));
        FloatVector p = high.fma(r2, r.fma(E3, HALF)).fma(r2, r.add(ONE));
        return p.mul(shifted.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats());
    }

    /// Adds up a vector's numbers in an array, halves onto halves: `reduceLanes` may take any
    /// order, and another one before than after compilation.
    public static float sum(float[] s, int i) {
        return switch (WIDTH) {
            case 4 -> (s[i] + s[i + 2]) + (s[i + 1] + s[i + 3]);
            case 8 -> sumOfEight(s, i);
            default -> sumOfEight(s, i) + sumOfEight(s, i + 8);
        };
    }

    private static float sumOfEight(float[] s, int i) {
        return ((s[i] + s[i + 4]) + (s[i + 2] + s[i + 6]))
                + ((s[i + 1] + s[i + 5]) + (s[i + 3] + s[i + 7]));
    }

    /// The size of so many numbers.
    public static long bytes(long numbers) {
        return Float.BYTES * numbers;
    }
}
