package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;

/// What the scores of a layer's attention are made of, before softmax: a score is the product of a
/// query and a key of a head, and both are sums of what parts of a map give, and of a constant.
public final class Scores {
    private final SelfAttention attention;
    private final Passes passes;

    /// Makes a pass of so many positions, of which those given leave the block.
    @FunctionalInterface
    interface Passes {
        Pass of(int length, Tensor queries);
    }

    Scores(SelfAttention attention, Passes passes) {
        this.attention = attention;
        this.passes = passes;
    }

    /// The two sides of a score.
    public enum Side {
        /// What attends.
        QUERY,
        /// What is attended to.
        KEY
    }

    /// A map to one side.
    ///
    /// @param site the map alone
    /// @param whole the site it is a part of; the site itself where it is none
    /// @param first of the whole's outputs, the first that is its own
    public record Part(Site site, Site whole, long first) {}

    /// The map to a side.
    public Part map(Side side) {
        Projection own = split(side);
        return switch (attention.projections()) {
            case Projections.Split _ -> new Part(own.site(), own.site(), 0);
            case Projections.Fused fused ->
                    new Part(own.site(), fused.whole().site(), own.site().stored().firstOutput());
        };
    }

    private Projection split(Side side) {
        Projections.Split split =
                switch (attention.projections()) {
                    case Projections.Split alone -> alone;
                    case Projections.Fused fused -> fused.parts();
                };
        return side == Side.QUERY ? split.q() : split.k();
    }

    /// How many heads there are.
    public int heads() {
        return attention.heads().count();
    }

    /// Whether a query sees a key so many positions before it.
    public boolean sees(int offset) {
        return offset >= 0
                && (!(attention.heads() instanceof Heads.Many many) || offset < many.window());
    }

    /// Whether a score of the same parts differs by the distance of the two positions.
    public boolean turns() {
        Tensor one = Tensors.ones(passes.of(1, Tensors.of(new long[1], 1, 1)).type(), 1, width());
        Tensor here = rows(one, Side.QUERY, 0, 0);
        Tensor there = rows(one, Side.QUERY, 0, 1);
        return Tensors.number(here.sub(there).abs().sum()) > 1e-6;
    }

    private long width() {
        return split(Side.QUERY).site().dOut();
    }

    /// What vectors that a map gives are for one head, turned as positions say: their products with
    /// those of the other side, of queries, are their parts of a score.
    ///
    /// @param mapped `[N, d_out]` of the map
    /// @param head whose
    /// @param positions of each of them, or one for all
    /// @return `[N, d_head]`
    public Tensor rows(Tensor mapped, Side side, int head, int... positions) {
        long[] at = new long[(int) mapped.size(0)];
        Arrays.setAll(at, i -> positions[positions.length == 1 ? 0 : i]);
        int length = 1 + (int) Arrays.stream(at).max().orElse(0);
        Tensor index = Tensors.of(at, 1, at.length);
        Pass pass = passes.of(length, index);
        Tensor whole = mapped.unsqueeze(0); // [1, N, d_out]
        Tensor turned = attention.code().after(pass, whole, index);
        // What is added whatever is given is no part of what is given.
        Tensor added = attention.code().after(pass, Tensors.zerosLike(whole), index);
        return head(turned.sub(added).squeeze(0), side, head);
    }

    /// What is in a query or key whatever its map's input is: the bias, and codes of positions that
    /// are added. `[positions, d_head]`
    public Tensor constant(Side side, int head, int... positions) {
        long[] at = Arrays.stream(positions).asLongStream().toArray();
        Tensor index = Tensors.of(at, 1, at.length);
        Pass pass = passes.of(1 + (int) Arrays.stream(at).max().orElse(0), index);
        Projection map = split(side);
        Tensor none = Tensors.zeros(pass.type(), 1, at.length, map.site().dOut());
        Tensor biased =
                map.bias().isEmpty() ? none : none.add(map.own(pass.named(map.bias().get())));
        return head(attention.code().after(pass, biased, index).squeeze(0), side, head);
    }

    private Tensor head(Tensor rows, Side side, int head) {
        int keys = attention.heads() instanceof Heads.Many many ? many.keys() : 1;
        boolean scaled = !(attention.heads() instanceof Heads.Many many) || many.scaled();
        int shared = side == Side.QUERY ? head : head / (heads() / keys);
        long width = rows.size(1) / (side == Side.QUERY ? heads() : keys);
        Tensor own = rows.narrow(1, shared * width, width);
        return side == Side.QUERY && scaled ? own.div(Math.sqrt((double) width)) : own;
    }
}
