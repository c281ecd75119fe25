package cleave.engine;

import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.store;
import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LE;

import cleave.tensor.Tensor;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The terms on importances, one sequence at a time, in float32.
///
/// Numbers `[rows, C]` are taken as one row of vectors: so many rows at a time, a group, that they
/// fill whole vectors, each lane of which is one subcomponent's.
final class ImportanceKernel {
    private final int C;
    private final int group; // numbers of so many rows as fill vectors

    private ImportanceKernel(int C) {
        this.C = C;
        int rows = 1;
        while (rows * C % WIDTH != 0) {
            rows *= 2;
        }
        group = rows * C;
    }

    /// Whether the kernel can run on importances `[B, T, C]` that kernels can read: whole groups in
    /// each sequence.
    static boolean fits(Tensor importances) {
        if (importances.numel() == 0) {
            return false;
        }
        long C = importances.size(2);
        return importances.size(1) * C % new ImportanceKernel(Math.toIntExact(C)).group == 0;
    }

    /// For `[C]` numbers a group of them.
    private float[] grouped(double[] numbers) {
        float[] grouped = new float[group];
        for (int i = 0; i < group; i++) {
            grouped[i] = (float) numbers[i % C];
        }
        return grouped;
    }

    /// `sum_c weights_c sum (g + epsilon)^p - z`, z as in `costs`; adds the gradient times `scale`.
    ///
    /// @param upper g `[B, T, C]`
    /// @param free `epsilon^p` where importances of 0 shall cost nothing; else 0
    /// @param gradient `[B, T, C]`
    static double powers(
            Tensor upper,
            double p,
            double epsilon,
            double free,
            double[] weights,
            Tensor gradient,
            double scale) {
        ImportanceKernel kernel = new ImportanceKernel(weights.length);
        long numbers = upper.size(1) * upper.size(2); // of a sequence
        float[] slopes = kernel.grouped(weights);
        for (int i = 0; i < slopes.length; i++) {
            slopes[i] *= (float) (p * scale);
        }
        float[] sums = new float[kernel.group];
        double value = 0;
        for (long sequence = 0; sequence < upper.size(0); sequence++) {
            Arrays.fill(sums, 0);
            powers(
                    Kernels.address(upper, sequence * numbers),
                    numbers,
                    (float) p,
                    (float) epsilon,
                    (float) free,
                    slopes,
                    sums,
                    Kernels.address(gradient, sequence * numbers));
            for (int i = 0; i < sums.length; i++) {
                value += sums[i] * weights[i % weights.length];
            }
        }
        return value;
    }

    private static void powers(
            long g,
            long count,
            float p,
            float epsilon,
            float free,
            float[] slopes,
            float[] sums,
            long gradient) {
        float[] powers = new float[slopes.length];
        for (long start = 0; start < count; start += powers.length) {
            raise(g + bytes(start), epsilon, p - 1, powers);
            addCosts(g + bytes(start), epsilon, free, powers, sums);
            addSlopes(powers, slopes, gradient + bytes(start));
        }
    }

    // Three loops, each small enough to be compiled without boxing a vector.

    private static void raise(long g, float epsilon, float exponent, float[] powers) {
        FloatVector e = FloatVector.broadcast(LANES, exponent);
        for (int i = 0; i < powers.length; i += WIDTH) {
            Powers.of(load(g + bytes(i)).add(epsilon), e).intoArray(powers, i);
        }
    }

    private static void addCosts(long g, float epsilon, float free, float[] powers, float[] sums) {
        for (int i = 0; i < powers.length; i += WIDTH) {
            FloatVector x = load(g + bytes(i));
            FloatVector cost = x.add(epsilon).mul(load(powers, i)).sub(free);
            if (free > 0) {
                cost = cost.blend(ZERO, x.compare(LE, ZERO));
            }
            cost.add(load(sums, i)).intoArray(sums, i);
        }
    }

    private static void addSlopes(float[] powers, float[] slopes, long gradient) {
        for (int i = 0; i < powers.length; i += WIDTH) {
            long at = gradient + bytes(i);
            store(load(powers, i).fma(load(slopes, i), load(at)), at);
        }
    }

    /// The largest importance of each sequence, `[B, C]`.
    static float[] peaks(Tensor importances) {
        ImportanceKernel kernel = new ImportanceKernel(Math.toIntExact(importances.size(2)));
        int sequences = Math.toIntExact(importances.size(0));
        long numbers = importances.size(1) * kernel.C;
        float[] peaks = new float[sequences * kernel.C];
        float[] largest = new float[kernel.group];
        for (int sequence = 0; sequence < sequences; sequence++) {
            kernel.peaks(Kernels.address(importances, sequence * numbers), numbers, largest);
            System.arraycopy(largest, 0, peaks, sequence * kernel.C, kernel.C);
        }
        return peaks;
    }

    /// Fills a group with each subcomponent's largest number.
    private void peaks(long g, long count, float[] largest) {
        Lanes.read(g, largest, 0, group);
        largest(g, count, largest);
        for (int c = 0; c < C; c++) {
            float most = largest[c];
            for (int i = c + C; i < group; i += C) {
                most = Math.max(most, largest[i]);
            }
            for (int i = c; i < group; i += C) {
                largest[i] = most;
            }
        }
    }

    private static void largest(long g, long count, float[] largest) {
        int group = largest.length;
        for (long start = group; start < count; start += group) {
            for (int i = 0; i < group; i += WIDTH) {
                load(largest, i).max(load(g + bytes(start + i))).intoArray(largest, i);
            }
        }
    }

    /// `sum_c weights_c sum over sequences of the largest g`; adds the gradient times `scale`,
    /// which positions that share a peak share evenly.
    ///
    /// @param upper g `[B, T, C]`
    /// @param gradient `[B, T, C]`
    static double peaks(Tensor upper, double[] weights, Tensor gradient, double scale) {
        ImportanceKernel kernel = new ImportanceKernel(weights.length);
        long numbers = upper.size(1) * upper.size(2);
        float[] largest = new float[kernel.group];
        float[] shares = new float[kernel.group];
        double value = 0;
        for (long sequence = 0; sequence < upper.size(0); sequence++) {
            long g = Kernels.address(upper, sequence * numbers);
            kernel.peaks(g, numbers, largest);
            Arrays.fill(shares, 0);
            count(g, numbers, largest, shares);
            for (int c = 0; c < weights.length; c++) {
                value += largest[c] * weights[c];
                float shared = 0;
                for (int i = c; i < shares.length; i += weights.length) {
                    shared += shares[i];
                }
                for (int i = c; i < shares.length; i += weights.length) {
                    shares[i] = (float) (weights[c] * scale / shared);
                }
            }
            share(g, numbers, largest, shares, Kernels.address(gradient, sequence * numbers));
        }
        return value;
    }

    private static void count(long g, long count, float[] largest, float[] shares) {
        int group = largest.length;
        for (long start = 0; start < count; start += group) {
            for (int i = 0; i < group; i += WIDTH) {
                FloatVector sum = load(shares, i);
                var at = load(g + bytes(start + i)).compare(EQ, load(largest, i));
                sum.blend(sum.add(Lanes.ONE), at).intoArray(shares, i);
            }
        }
    }

    private static void share(long g, long count, float[] largest, float[] shares, long gradient) {
        int group = largest.length;
        for (long start = 0; start < count; start += group) {
            for (int i = 0; i < group; i += WIDTH) {
                long at = bytes(start + i);
                FloatVector sum = load(gradient + at);
                var peak = load(g + at).compare(EQ, load(largest, i));
                store(sum.blend(sum.add(load(shares, i)), peak), gradient + at);
            }
        }
    }
}
