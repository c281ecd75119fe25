package cleave.engine;

import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.all;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.number;
import static cleave.engine.Lanes.store;

import jdk.incubator.vector.FloatVector;

/// Adam on a stretch of float32 numbers in native memory, and the sums before it (spec T2, T3).
///
/// A language model's gates have more parameters than any cache holds, so an update costs what its
/// memory traffic costs. Each number is read and written once here: the moments, the parameter and
/// the cleared gradient in one go.
final class AdamKernel {
    private static final int BLOCK = 1 << 12; // numbers whose squares are added up in float32

    private AdamKernel() {}

    /// Adds the gradients of other workers to the first one's, and returns the sum of the squares.
    ///
    /// @param gradient address of the first worker's numbers
    /// @param others addresses of the same numbers of the others, left as zeros
    public static double addUp(long gradient, long[] others, long count) {
        double sum = 0;
        for (long from = 0; from < count; from += BLOCK) {
            int some = (int) Math.min(BLOCK, count - from);
            for (long other : others) {
                move(other + bytes(from), gradient + bytes(from), some);
            }
            sum += squares(gradient + bytes(from), some);
        }
        return sum;
    }

    private static void move(long from, long to, int count) {
        int whole = count - count % WIDTH;
        for (int i = 0; i < whole; i += WIDTH) {
            store(load(to + bytes(i)).add(load(from + bytes(i))), to + bytes(i));
            store(ZERO, from + bytes(i));
        }
        for (int i = whole; i < count; i++) {
            number(to + bytes(i), number(to + bytes(i)) + number(from + bytes(i)));
            number(from + bytes(i), 0);
        }
    }

    private static double squares(long address, int count) {
        int step = 4 * WIDTH;
        int whole = count - count % step;
        FloatVector a = ZERO;
        FloatVector b = ZERO;
        FloatVector c = ZERO;
        FloatVector d = ZERO;
        for (int i = 0; i < whole; i += step) {
            FloatVector x = load(address + bytes(i));
            FloatVector y = load(address + bytes(i + WIDTH));
            FloatVector z = load(address + bytes(i + 2 * WIDTH));
            FloatVector w = load(address + bytes(i + 3 * WIDTH));
            a = x.fma(x, a);
            b = y.fma(y, b);
            c = z.fma(z, c);
            d = w.fma(w, d);
        }
        float[] sums = new float[WIDTH];
        a.add(b).add(c.add(d)).intoArray(sums, 0);
        double sum = Lanes.sum(sums, 0);
        for (int i = whole; i < count; i++) {
            double x = number(address + bytes(i));
            sum += x * x;
        }
        return sum;
    }

    /// Updates parameters and moments, and leaves zeros at the gradient.
    public static void update(
            AdamStep update, long values, long gradient, long first, long second, long count) {
        FloatVector scale = all(update.gradientScale());
        FloatVector beta1 = all(update.beta1());
        FloatVector beta2 = all(update.beta2());
        FloatVector rest1 = all(1 - update.beta1());
        FloatVector rest2 = all(1 - update.beta2());
        FloatVector step = all(-update.step());
        FloatVector root = all(update.root());
        FloatVector epsilon = all(update.epsilon());
        FloatVector keep = all(update.keep());
        long whole = count - count % WIDTH;
        for (long i = 0; i < whole; i += WIDTH) {
            long at = bytes(i);
            FloatVector g = load(gradient + at).mul(scale);
            FloatVector m = load(first + at).mul(beta1).add(g.mul(rest1));
            FloatVector v = load(second + at).mul(beta2).add(g.mul(g).mul(rest2));
            FloatVector below = v.sqrt().mul(root).add(epsilon);
            FloatVector p = load(values + at).mul(keep).add(m.mul(step).div(below));
            store(m, first + at);
            store(v, second + at);
            store(p, values + at);
            store(ZERO, gradient + at);
        }
        for (long i = whole; i < count; i++) {
            one(
                    update,
                    values + bytes(i),
                    gradient + bytes(i),
                    first + bytes(i),
                    second + bytes(i));
        }
    }

    /// The same on one number.
    private static void one(AdamStep update, long value, long gradient, long first, long second) {
        float g = number(gradient) * (float) update.gradientScale();
        float m = number(first) * (float) update.beta1() + g * (float) (1 - update.beta1());
        float v = number(second) * (float) update.beta2() + g * g * (float) (1 - update.beta2());
        float below = (float) Math.sqrt(v) * (float) update.root() + (float) update.epsilon();
        float p = number(value) * (float) update.keep() + m * (float) -update.step() / below;
        number(first, m);
        number(second, v);
        number(value, p);
        number(gradient, 0);
    }
}
