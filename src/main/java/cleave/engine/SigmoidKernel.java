package cleave.engine;

import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.ONE;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.all;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.store;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LE;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// Both sigmoids of the importances in one pass over float32 numbers, passed as addresses.
final class SigmoidKernel {
    private static final FloatVector SLOPE = all(Libtorch.SLOPE);
    private static final FloatVector REST = all(1 - Libtorch.SLOPE);

    private SigmoidKernel() {}

    /// Fills `lower` and `upper`.
    static void forward(long x, boolean plain, long lower, long upper, long count) {
        long whole = count - count % WIDTH;
        for (long at = 0; at < bytes(whole); at += bytes(WIDTH)) {
            FloatVector v = load(x + at);
            store(lower(v, plain), lower + at);
            store(upper(v), upper + at);
        }
        if (whole < count) { // under a mask, which takes longer
            VectorMask<Float> here = LANES.indexInRange(whole, count);
            FloatVector v = load(x + bytes(whole), here);
            store(lower(v, plain), lower + bytes(whole), here);
            store(upper(v), upper + bytes(whole), here);
        }
    }

    private static FloatVector lower(FloatVector v, boolean plain) {
        FloatVector below = plain ? v.mul(SLOPE) : ZERO;
        return v.blend(below, v.compare(LT, ZERO)).blend(ONE, v.compare(GT, ONE));
    }

    private static FloatVector upper(FloatVector v) {
        return v.blend(ZERO, v.compare(LT, ZERO)).blend(v.fma(SLOPE, REST), v.compare(GT, ONE));
    }

    /// Fills `gradient`, of x.
    static void backward(
            long x, boolean gated, long ofLower, long ofUpper, long gradient, long count) {
        long whole = count - count % WIDTH;
        for (long at = 0; at < bytes(whole); at += bytes(WIDTH)) {
            store(
                    gradient(load(x + at), load(ofLower + at), load(ofUpper + at), gated),
                    gradient + at);
        }
        if (whole < count) {
            VectorMask<Float> here = LANES.indexInRange(whole, count);
            long at = bytes(whole);
            store(
                    gradient(
                            load(x + at, here),
                            load(ofLower + at, here),
                            load(ofUpper + at, here),
                            gated),
                    gradient + at,
                    here);
        }
    }

    private static FloatVector gradient(
            FloatVector v, FloatVector ofLower, FloatVector ofUpper, boolean gated) {
        VectorMask<Float> above = v.compare(GT, ONE);
        FloatVector wanted = gated ? ofLower.blend(ZERO, ofLower.compare(GT, ZERO)) : ofLower;
        FloatVector low = ofLower.blend(ZERO, above).blend(wanted.mul(SLOPE), v.compare(LE, ZERO));
        return ofUpper.blend(ofUpper.mul(SLOPE), above).blend(ZERO, v.compare(LT, ZERO)).add(low);
    }
}
