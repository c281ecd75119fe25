package cleave.mask;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.Routing.Drawn;
import cleave.model.Batch;
import cleave.tensor.Device;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.stream.IntStream;

/// The draws of one term in one step (spec R5): sources, masks of the weight delta and of the
/// remainder, and routing.
///
/// @param seed of the run
/// @param step counted from 0
/// @param term index of the term among those of all streams
/// @param draw index of the draw within the term
public record MaskDraws(long seed, long step, int term, int draw) {
    private static final float[] NONE = {}; // where there are shapes alone

    /// Sources r of a site's masks, `[B, T, C]`.
    public Tensor sources(Batch batch, String site, int C, Type type) {
        int length = (int) batch.length();
        return uniforms(Purpose.SOURCE, batch, site, length * C, type, length, C);
    }

    /// `g + (1 - g) r = r + g (1 - r)`.
    public static Tensor between(Tensor g, Tensor r) {
        return Tensors.addcmul(r, g, Tensors.rsub(r, 1));
    }

    /// Stochastic masks of a site with importances `g [B, T, C]`: `g + (1 - g) r` (spec M1).
    public Tensor stochastic(Batch batch, String site, Tensor g) {
        Tensor r = sources(batch, site, Math.toIntExact(g.size(2)), Tensors.type(g));
        return between(g, r);
    }

    /// Sources r of a site's masks, `[B, T, C]`: those that its living subcomponents would have if
    /// none had been merged.
    public Tensor sources(Batch batch, DecomposedSite site, Type type) {
        int rows = (int) batch.rows();
        int length = (int) batch.length();
        int living = site.count();
        if (!Device.here().hasNumbers()) {
            return Tensors.of(NONE, type, rows, length, living);
        }
        float[] values = new float[rows * length * living];
        for (int row = 0; row < rows; row++) {
            sources(batch, row, site, values, row * length * living);
        }
        return Tensors.of(values, type, rows, length, living);
    }

    /// Writes those of one sequence, `[T, C]`.
    public void sources(Batch batch, int row, DecomposedSite site, float[] into, int at) {
        Draws.Key key = key(Purpose.SOURCE, batch, row, site.name());
        int length = (int) batch.length();
        if (site.isWhole()) {
            key.uniforms(into, at, length * site.count());
            return;
        }
        int[] living = site.living().stream().mapToInt(Integer::intValue).toArray();
        int to = at;
        for (int position = 0; position < length; position++) {
            for (int c : living) {
                into[to++] = key.uniform((long) position * site.original() + c);
            }
        }
    }

    /// Masks of a site's remainder, `[B, T]`.
    public Tensor remainders(Batch batch, String site, Type type) {
        int length = (int) batch.length();
        return uniforms(Purpose.REMAINDER, batch, site, length, type, length);
    }

    /// Delta masks of a site, `[B, T]`.
    public Tensor deltas(Batch batch, String site, Type type) {
        int length = (int) batch.length();
        return uniforms(Purpose.DELTA, batch, site, length, type, length);
    }

    private Tensor uniforms(
            Purpose purpose, Batch batch, String site, int perRow, Type type, long... rowShape) {
        int rows = (int) batch.rows();
        long[] shape = new long[rowShape.length + 1];
        shape[0] = rows;
        System.arraycopy(rowShape, 0, shape, 1, rowShape.length);
        if (!Device.here().hasNumbers()) {
            return Tensors.of(NONE, type, shape);
        }
        float[] values = new float[rows * perRow];
        for (int row = 0; row < rows; row++) {
            key(purpose, batch, row, site).uniforms(values, row * perRow, perRow);
        }
        return Tensors.of(values, type, shape);
    }

    private Draws.Key key(Purpose purpose, Batch batch, int row, String site) {
        return Draws.key(seed, purpose)
                .with(step)
                .with(batch.firstExample() + row)
                .with(site)
                .with(term)
                .with(draw);
    }

    /// Where sites are replaced in each pass that a routing asks for (spec M3): L passes for
    /// `each_alone`, none where a batch-drawn routing replaces no site, else one.
    ///
    /// @param sites the number of decomposed sites L
    List<Routes> routes(Routing routing, Batch batch, int sites) {
        return switch (routing) {
            case Routing.All _ -> List.of(Routes.all(sites));
            case Routing.EachAlone _ ->
                    IntStream.range(0, sites).mapToObj(site -> Routes.only(site)).toList();
            case Routing.RandomSubset(Drawn drawn) -> routes(routing, drawn, batch, sites);
            case Routing.Bernoulli(double _, Drawn drawn) -> routes(routing, drawn, batch, sites);
        };
    }

    private List<Routes> routes(Routing routing, Drawn drawn, Batch batch, int sites) {
        boolean[][] table = routed(routing, batch, sites);
        if (drawn == Drawn.PER_POSITION) {
            return List.of(Routes.at(table));
        }
        int[] chosen = IntStream.range(0, sites).filter(site -> table[site][0]).toArray();
        return chosen.length == 0 ? List.of() : List.of(Routes.only(chosen));
    }

    /// Which of `sites` sites are replaced for the whole batch, or `[site][row * T + position]`.
    boolean[][] routed(Routing routing, Batch batch, int sites) {
        return switch (routing) {
            case Routing.All _, Routing.EachAlone _ ->
                    throw new IllegalArgumentException("nothing is drawn for " + routing);
            case Routing.RandomSubset(Drawn drawn) -> routed(drawn, batch, sites, sites + 1, -1);
            case Routing.Bernoulli(double probability, Drawn drawn) ->
                    routed(drawn, batch, sites, sites, probability);
        };
    }

    private boolean[][] routed(
            Drawn drawn, Batch batch, int sites, int numbers, double probability) {
        Draws.Key start = Draws.key(seed, Purpose.ROUTING).with(step);
        int length = (int) batch.length();
        int rows = drawn == Drawn.PER_BATCH ? 1 : (int) batch.rows();
        int cells = drawn == Drawn.PER_BATCH ? 1 : length;
        boolean[][] routed = new boolean[sites][rows * cells];
        float[] u = new float[numbers * cells];
        for (int row = 0; row < rows; row++) {
            long example = drawn == Drawn.PER_BATCH ? -1 : batch.firstExample() + row;
            start.with(example).with(term).with(draw).uniforms(u, 0, u.length);
            for (int cell = 0; cell < cells; cell++) {
                for (int site = 0; site < sites; site++) {
                    int at = cell * numbers;
                    routed[site][row * cells + cell] =
                            probability < 0
                                    ? inSubset(u, at, sites, site)
                                    : u[at + site] < probability;
                }
            }
        }
        return routed;
    }

    /// Whether a site is among the k with the smallest numbers, k drawn from the first one.
    private static boolean inSubset(float[] u, int at, int sites, int site) {
        int k = 1 + (int) (u[at] * (double) sites);
        float own = u[at + 1 + site];
        int before = 0;
        for (int other = 0; other < sites; other++) {
            float value = u[at + 1 + other];
            before += value < own || (value == own && other < site) ? 1 : 0;
        }
        return before < k;
    }
}
