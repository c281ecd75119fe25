package cleave.importance;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of float32 numbers in native memory, for the kernels.
final class Lanes {
    static final VectorSpecies<Float> LANES =
            FloatVector.SPECIES_PREFERRED.length() > 8
                    ? FloatVector.SPECIES_256
                    : FloatVector.SPECIES_PREFERRED;
    static final int WIDTH = LANES.length();
    static final FloatVector ZERO = all(0);

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();

    @SuppressWarnings("restricted") // Tensors hand out addresses without sizes.
    private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);

    private Lanes() {}

    static FloatVector all(double value) {
        return FloatVector.broadcast(LANES, (float) value);
    }

    static FloatVector load(long address) {
        return FloatVector.fromMemorySegment(LANES, MEMORY, address, ORDER);
    }

    static FloatVector load(long address, VectorMask<Float> where) {
        return FloatVector.fromMemorySegment(LANES, MEMORY, address, ORDER, where);
    }

    static FloatVector load(float[] values, int at) {
        return FloatVector.fromArray(LANES, values, at);
    }

    static void store(FloatVector vector, long address) {
        vector.intoMemorySegment(MEMORY, address, ORDER);
    }

    static void store(FloatVector vector, long address, VectorMask<Float> where) {
        vector.intoMemorySegment(MEMORY, address, ORDER, where);
    }

    static float number(long address) {
        return MEMORY.get(ValueLayout.JAVA_FLOAT, address);
    }

    static void number(long address, float value) {
        MEMORY.set(ValueLayout.JAVA_FLOAT, address, value);
    }

    /// The size of so many numbers.
    static long bytes(long numbers) {
        return Float.BYTES * numbers;
    }
}
