package cleave.engine;

import static cleave.engine.ArrayProducts.PANEL;
import static cleave.engine.ArrayProducts.ROWS;
import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.load;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/// Attention of one head over one sequence, `softmax(s q k^T + bias) v`, and its way back, in
/// float32 on arrays.
///
/// One sequence's pattern fits a cache, so it is computed, used and forgotten. Queries, keys and
/// values are rows of panels (see `Panels`): as many as the sequence has queries and positions,
/// filled up with zeros to whole groups and panels.
final class AttentionKernel {
    private static final FloatVector LEAST = Lanes.all(-87); // of exponents

    private final int queries; // in whole groups
    private final int length; // in whole panels
    private final boolean causal;
    private final Panels asking;
    private final Panels rows;
    private final int panels; // of a row
    private final int[] rowPlaces; // where rows of a panel begin
    private final int[] patternPlaces; // where rows of the pattern begin
    private final float[] pattern; // [queries, length]
    private final float[] scores; // their gradient, likewise
    private final float[] lanes = new float[WIDTH];
    private final float[] turned; // keys or values, transposed: [length / PANEL, width, PANEL]

    /// A head whose bias hides what comes after a query, or not.
    ///
    /// @param positions of a sequence, each with a query
    /// @param width of queries, keys and values
    public AttentionKernel(int positions, int width, boolean causal) {
        this(length(positions), positions, width, causal);
    }

    /// A head with few queries, from anywhere.
    public AttentionKernel(int queries, int positions, int width) {
        this(Math.ceilDiv(queries, ROWS) * ROWS, positions, width, false);
    }

    private AttentionKernel(int queries, int positions, int width, boolean causal) {
        this.queries = queries;
        this.causal = causal;
        length = length(positions);
        asking = new Panels(queries, width);
        rows = new Panels(length, width);
        panels = rows.count();
        rowPlaces = (queries > length ? asking : rows).places();
        patternPlaces = new int[queries];
        Arrays.setAll(patternPlaces, row -> row * length);
        pattern = new float[queries * length];
        scores = new float[queries * length];
        turned = new float[length * rows.padded()];
    }

    /// The positions of a sequence in whole panels.
    public static int length(int positions) {
        return Math.ceilDiv(positions, PANEL) * PANEL;
    }

    /// The layout of queries and results.
    public Panels queries() {
        return asking;
    }

    /// The layout of keys and values.
    public Panels rows() {
        return rows;
    }

    /// Multiplies queries, or their gradient, by s, one by the root of their width.
    public void scale(float[] queries) {
        float scale = (float) (1 / Math.sqrt((double) rows.width()));
        for (int i = 0; i < queries.length; i += WIDTH) {
            load(queries, i).mul(scale).intoArray(queries, i);
        }
    }

    /// Computes the pattern, which what follows uses.
    ///
    /// @param q queries times s
    /// @param bias `[queries, length]`, minus infinity where a key is hidden; every query sees one
    public void see(float[] q, float[] k, float[] bias) {
        System.arraycopy(bias, 0, pattern, 0, pattern.length);
        turn(k);
        timesTurned(q, pattern);
        for (int query = 0; query < queries; query++) {
            softmax(pattern, query * length, query * length + seen(query));
            Arrays.fill(pattern, query * length + seen(query), (query + 1) * length, 0);
        }
    }

    /// The pattern `[queries, length]`, to be copied from or to.
    public float[] pattern() {
        return pattern;
    }

    /// Computes what each query reads.
    public void read(float[] v, float[] out) {
        Arrays.fill(out, 0);
        times(pattern, v, out);
    }

    /// How many keys a query may see, in whole vectors.
    private int seen(int query) {
        return causal ? (query / WIDTH + 1) * WIDTH : length;
    }

    private void softmax(float[] scores, int from, int to) {
        FloatVector most = load(scores, from);
        for (int i = from + WIDTH; i < to; i += WIDTH) {
            most = most.max(load(scores, i));
        }
        FloatVector largest = FloatVector.broadcast(LANES, most.reduceLanes(MAX));
        FloatVector sum = ZERO;
        for (int i = from; i < to; i += WIDTH) {
            FloatVector x = load(scores, i).sub(largest);
            FloatVector e = Lanes.exp(x.max(LEAST)).blend(ZERO, x.compare(LT, LEAST));
            e.intoArray(scores, i);
            sum = sum.add(e);
        }
        float scale = 1 / sum(sum);
        for (int i = from; i < to; i += WIDTH) {
            load(scores, i).mul(scale).intoArray(scores, i);
        }
    }

    private float sum(FloatVector vector) {
        vector.intoArray(lanes, 0);
        return Lanes.sum(lanes, 0);
    }

    /// Rows as columns of panels of positions.
    private void turn(float[] rows) {
        int width = this.rows.padded();
        for (int panel = 0; panel < panels; panel++) {
            for (int row = 0; row < length; row++) {
                int from = (panel * length + row) * PANEL;
                int to = (row / PANEL * width + panel * PANEL) * PANEL + row % PANEL;
                for (int i = 0; i < PANEL; i++) {
                    turned[to + i * PANEL] = rows[from + i];
                }
            }
        }
    }

    /// `out[query, key] += rows[query] . turned[key]`, where a query may see the key.
    private void timesTurned(float[] rows, float[] out) {
        for (int key = 0; key < length; key += PANEL) {
            int first = causal ? key : 0;
            for (int panel = 0; panel < panels; panel++) {
                ArrayProducts.scattered(
                        rows,
                        (panel * queries + first) * PANEL,
                        rowPlaces,
                        PANEL,
                        turned,
                        (key * panels + panel * PANEL) * PANEL,
                        out,
                        first * length + key,
                        patternPlaces,
                        queries - first);
            }
        }
    }

    /// `out[query] += sum over keys of weights[query, key] rows[key]`.
    private void times(float[] weights, float[] rows, float[] out) {
        for (int query = 0; query < queries; query += PANEL) {
            for (int panel = 0; panel < panels; panel++) {
                ArrayProducts.scattered(
                        weights,
                        query * length,
                        patternPlaces,
                        causal ? query + PANEL : length,
                        rows,
                        panel * length * PANEL,
                        out,
                        (panel * queries + query) * PANEL,
                        rowPlaces,
                        Math.min(PANEL, queries - query));
            }
        }
    }

    /// `out[key] += sum over queries of weights[query, key] rows[query]`.
    private void timesAcross(float[] weights, float[] rows, float[] out) {
        for (int key = 0; key < length; key += PANEL) {
            int first = causal ? key : 0;
            for (int panel = 0; panel < panels; panel++) {
                ArrayProducts.transposed(
                        weights,
                        first * length + key,
                        patternPlaces,
                        queries - first,
                        rows,
                        (panel * queries + first) * PANEL,
                        out,
                        (panel * length + key) * PANEL,
                        PANEL);
            }
        }
    }

    /// Computes the gradients of queries times s, keys, values and bias.
    ///
    /// @param q queries times s
    /// @param dOut gradient of the results
    /// @param dBias where the bias's is added, `[queries, length]`; null where it is not wanted
    public void backward(
            float[] q,
            float[] k,
            float[] v,
            float[] dOut,
            float[] dq,
            float[] dk,
            float[] dv,
            float @Nullable [] dBias) {
        Arrays.fill(dv, 0);
        timesAcross(pattern, dOut, dv);
        Arrays.fill(scores, 0);
        turn(v);
        timesTurned(dOut, scores);
        for (int query = 0; query < queries; query++) {
            int from = query * length;
            throughSoftmax(pattern, scores, from, from + seen(query));
            Arrays.fill(scores, from + seen(query), from + length, 0);
        }
        if (dBias != null) {
            add(scores, dBias);
        }
        Arrays.fill(dq, 0);
        times(scores, k, dq);
        Arrays.fill(dk, 0);
        timesAcross(scores, q, dk);
    }

    /// `s = p (s - sum p s)`.
    private void throughSoftmax(float[] pattern, float[] scores, int from, int to) {
        FloatVector sum = ZERO;
        for (int i = from; i < to; i += WIDTH) {
            sum = load(pattern, i).fma(load(scores, i), sum);
        }
        FloatVector mean = FloatVector.broadcast(LANES, sum(sum));
        for (int i = from; i < to; i += WIDTH) {
            load(scores, i).sub(mean).mul(load(pattern, i)).intoArray(scores, i);
        }
    }

    private static void add(float[] numbers, float[] to) {
        for (int i = 0; i < to.length; i += WIDTH) {
            load(to, i).add(load(numbers, i)).intoArray(to, i);
        }
    }
}
