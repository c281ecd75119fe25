package cleave.importance;

import static cleave.kernel.Lanes.LANES;
import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.ZERO;
import static cleave.kernel.Lanes.all;
import static cleave.kernel.Lanes.bytes;
import static cleave.kernel.Lanes.load;
import static cleave.kernel.Lanes.store;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LT;

import cleave.importance.LeakyHardSigmoid.Leak;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// `LeakyHardSigmoid` in one pass over float32 numbers, passed as addresses.
final class SigmoidKernel {
    private static final FloatVector ONE = all(1);
    private static final FloatVector SLOPE = all(LeakyHardSigmoid.SLOPE);
    private static final FloatVector REST = all(1 - LeakyHardSigmoid.SLOPE);

    private SigmoidKernel() {}

    /// Fills `lower` and `upper`.
    static void forward(long x, Leak leak, long lower, long upper, long count) {
        boolean plain = leak == Leak.PLAIN;
        for (long i = 0; i < count; i += WIDTH) {
            VectorMask<Float> here = LANES.indexInRange(i, count);
            FloatVector v = load(x + bytes(i), here);
            FloatVector leaked = v.mul(SLOPE);
            FloatVector clamped = v.max(ZERO).min(ONE);
            FloatVector low = plain ? clamped.blend(leaked, v.compare(LT, ZERO)) : clamped;
            store(low, lower + bytes(i), here);
            FloatVector high = v.max(ZERO).blend(leaked.add(REST), v.compare(GT, ONE));
            store(high, upper + bytes(i), here);
        }
    }

    /// Fills `gradient`, of x.
    static void backward(long x, Leak leak, long ofLower, long ofUpper, long gradient, long count) {
        boolean gated = leak == Leak.SIGN_GATED;
        for (long i = 0; i < count; i += WIDTH) {
            VectorMask<Float> here = LANES.indexInRange(i, count);
            FloatVector v = load(x + bytes(i), here);
            FloatVector low = load(ofLower + bytes(i), here);
            FloatVector high = load(ofUpper + bytes(i), here);
            VectorMask<Float> above = v.compare(GT, ONE);
            FloatVector leaked = (gated ? low.min(ZERO) : low).mul(SLOPE);
            low = low.blend(ZERO, above).blend(leaked, v.compare(LE, ZERO));
            high = high.blend(high.mul(SLOPE), above).blend(ZERO, v.compare(LT, ZERO));
            store(low.add(high), gradient + bytes(i), here);
        }
    }
}
