package cleave.engine;

import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.number;
import static cleave.engine.Lanes.store;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// What follows the hidden layers of gates with one MLP per subcomponent (spec G4), `y_c = w_c .
/// gelu(x_c + b_c) + o_c`, and its gradients, with positions along the vectors.
///
/// A vector holds one hidden number at several positions. So each number's bias and weight stand
/// for a whole vector, and a layer of any width is a sum of vectors. Tensors are passed as
/// addresses of contiguous float32 numbers; the caller answers for their sizes.
///
/// @param positions N
/// @param hidden width of a hidden layer
/// @param b `[C, hidden]`
/// @param w `[C, hidden]`
record WideKernel(int positions, int hidden, long b, long w) {

    /// Fills some rows of y.
    ///
    /// @param first the first subcomponent
    /// @param count how many subcomponents
    /// @param x `[count, hidden, N]`, of these
    /// @param o `[C]`
    /// @param y `[C, N]`
    void forward(int first, int count, long x, long o, long y) {
        for (int c = 0; c < count; c++) {
            long layer = x + bytes((long) c * hidden * positions);
            long at = bytes((long) (first + c) * hidden);
            float bias = number(o + bytes(first + c));
            long to = y + bytes((long) (first + c) * positions);
            forward(layer, b + at, w + at, bias, to);
        }
    }

    private void forward(long x, long b, long w, float bias, long y) {
        int whole = positions - positions % WIDTH;
        for (int i = 0; i < whole; i += WIDTH) {
            FloatVector sum = FloatVector.broadcast(LANES, bias);
            for (int j = 0; j < hidden; j++) {
                FloatVector v = load(x + bytes((long) j * positions + i)).add(number(b + bytes(j)));
                sum =
                        v.mul(Normal.below(v))
                                .fma(FloatVector.broadcast(LANES, number(w + bytes(j))), sum);
            }
            store(sum, y + bytes(i));
        }
        if (whole < positions) {
            VectorMask<Float> left = LANES.indexInRange(whole, positions);
            FloatVector sum = FloatVector.broadcast(LANES, bias);
            for (int j = 0; j < hidden; j++) {
                FloatVector v =
                        load(x + bytes((long) j * positions + whole), left)
                                .add(number(b + bytes(j)));
                sum =
                        v.mul(Normal.below(v))
                                .fma(FloatVector.broadcast(LANES, number(w + bytes(j))), sum);
            }
            store(sum, y + bytes(whole), left);
        }
    }

    /// Replaces x by its gradient and adds those of b and w.
    ///
    /// @param first the first subcomponent
    /// @param count how many subcomponents
    /// @param x `[count, hidden, N]`, of these
    /// @param dy `[C, N]` the gradient of y
    /// @param db `[C, hidden]` added to
    /// @param dw `[C, hidden]` added to
    void backward(int first, int count, long x, long dy, long db, long dw) {
        float[] sums = new float[2 * WIDTH];
        for (int c = 0; c < count; c++) {
            long from = dy + bytes((long) (first + c) * positions);
            for (int j = 0; j < hidden; j++) {
                long at = bytes((long) (first + c) * hidden + j);
                long row = x + bytes(((long) c * hidden + j) * positions);
                backward(row, number(b + at), number(w + at), from, sums);
                number(dw + at, number(dw + at) + Lanes.sum(sums, 0));
                number(db + at, number(db + at) + Lanes.sum(sums, WIDTH));
            }
        }
    }

    private void backward(long x, float bias, float weight, long dy, float[] sums) {
        int whole = positions - positions % WIDTH;
        FloatVector toWeight = ZERO;
        FloatVector toBias = ZERO;
        for (int i = 0; i < whole; i += WIDTH) {
            FloatVector v = load(x + bytes(i)).add(bias);
            FloatVector incoming = load(dy + bytes(i));
            FloatVector below = Normal.below(v);
            toWeight = v.mul(below).fma(incoming, toWeight);
            FloatVector gradient = slope(v, below).mul(weight).mul(incoming);
            toBias = toBias.add(gradient);
            store(gradient, x + bytes(i));
        }
        if (whole < positions) {
            VectorMask<Float> left = LANES.indexInRange(whole, positions);
            FloatVector v = load(x + bytes(whole), left).add(bias);
            FloatVector incoming = load(dy + bytes(whole), left); // and zeros
            FloatVector below = Normal.below(v);
            toWeight = v.mul(below).fma(incoming, toWeight);
            FloatVector gradient = slope(v, below).mul(weight).mul(incoming);
            toBias = toBias.add(gradient);
            store(gradient, x + bytes(whole), left);
        }
        toWeight.intoArray(sums, 0);
        toBias.intoArray(sums, WIDTH);
    }

    /// The GELU's slope at x, `F(x) + x f(x)`.
    private static FloatVector slope(FloatVector x, FloatVector below) {
        return x.mul(Normal.DENSITY).fma(Normal.bell(x), below);
    }
}
