package cleave.engine;

import static cleave.engine.Lanes.HALF;
import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.ONE;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.all;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.exp;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.number;
import static cleave.engine.Lanes.store;
import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.OR;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Powers of positive numbers, elementwise; in float32 a few times as fast as libtorch's.
///
/// `b^e = exp(e ln b)`, the logarithm by `b = 2^k m` and the series of `2 artanh((m - 1) / (m +
/// 1))`. The relative error is below `1e-6 + 2e-7 |e ln b|`.
final class Powers {
    private Powers() {}

    /// `base ^ exponent`.
    ///
    /// @param base normal numbers above 0
    public static Tensor of(Tensor base, double exponent) {
        return Kernels.read(base) ? Kernel.power(base, exponent) : base.pow(exponent);
    }

    /// `base ^ exponent` of each lane, for normal numbers above 0.
    public static FloatVector of(FloatVector base, FloatVector exponent) {
        return Kernel.power(base, exponent);
    }

    /// Apart, since it cannot be loaded where the vector module is missing.
    private static final class Kernel {
        private static final int MANTISSA = 0x007fffff;
        private static final int EXPONENT_OF_ONE = 0x3f800000;
        private static final FloatVector LOWEST = all(-87); // e^-87 is nearly the smallest number
        private static final FloatVector HIGHEST = all(88); // e^88 is nearly the largest
        private static final FloatVector LN2 = all(StrictMath.log(2));
        private static final FloatVector SQRT2 = all(Math.sqrt(2));
        private static final FloatVector TWO = all(2);
        private static final FloatVector L3 = all(2.0 / 3);
        private static final FloatVector L5 = all(2.0 / 5);
        private static final FloatVector L7 = all(2.0 / 7);
        private static final FloatVector L9 = all(2.0 / 9);

        static Tensor power(Tensor base, double exponent) {
            Tensor result = Tensors.empty(Type.FLOAT, base.shape());
            long count = base.numel();
            long whole = count - count % WIDTH;
            powers(Kernels.address(base), (float) exponent, Kernels.address(result), whole);
            for (long i = whole; i < count; i++) {
                double value = StrictMath.pow(number(Kernels.address(base, i)), exponent);
                number(Kernels.address(result, i), (float) value);
            }
            return result;
        }

        private static void powers(long base, float exponent, long result, long count) {
            FloatVector e = FloatVector.broadcast(LANES, exponent);
            for (long i = 0; i < count; i += WIDTH) {
                store(power(load(base + bytes(i)), e), result + bytes(i));
            }
        }

        private static FloatVector power(FloatVector base, FloatVector exponent) {
            FloatVector t = logarithm(base).mul(exponent);
            t = t.blend(LOWEST, t.compare(VectorOperators.LT, LOWEST));
            return exp(t.blend(HIGHEST, t.compare(VectorOperators.GT, HIGHEST)));
        }

        private static FloatVector logarithm(FloatVector b) {
            IntVector bits = b.reinterpretAsInts();
            FloatVector m =
                    bits.lanewise(AND, MANTISSA)
                            .lanewise(OR, EXPONENT_OF_ONE)
                            .reinterpretAsFloats(); // in [1, 2)
            var large = m.compare(VectorOperators.GT, SQRT2);
            m = m.blend(m.mul(HALF), large);
            IntVector power = bits.lanewise(ASHR, 23).sub(127);
            FloatVector k = (FloatVector) power.convert(VectorOperators.I2F, 0);
            k = k.blend(k.add(ONE), large);
            FloatVector s = m.sub(ONE).div(m.add(ONE)); // |s| < 0.172
            FloatVector s2 = s.mul(s);
            FloatVector series = s2.fma(L9, L7).fma(s2, L5).fma(s2, L3).fma(s2, TWO);
            return k.fma(LN2, series.mul(s));
        }
    }
}
