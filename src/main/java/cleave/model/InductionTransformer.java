package cleave.model;

import cleave.config.AtLeast;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The attention-only transformer of the induction toy (DST): one head per layer, no bias, no MLP,
/// no norm. Positions reach queries and keys only.
///
/// Weights: `embedding [tokens, d]`, `unembedding [tokens, d]`, `blocks.I.{query, key, value,
/// output} [d, d]`, and `positions [length, d]` when the position code is learned. Sites: `Q0 K0 V0
/// O0 Q1 ...`.
public final class InductionTransformer extends Decoder {
    private static final String EMBEDDING = "embedding";
    private static final String UNEMBEDDING = "unembedding";

    /// The base of rotary codes; fixed sinusoids have the same.
    private static final double ROTARY_BASE = 10_000;

    /// Where position codes come from.
    public enum Code {
        /// Sines and cosines of frequencies `10000^(-2i/d)`.
        FIXED,
        /// A trained table.
        LEARNED,
        /// None: queries and keys are turned by angles that grow with the position, as [Rotary]
        /// says with base 10,000, so that a score depends on the distance of two positions.
        ROTARY
    }

    /// Where position codes enter.
    public enum Added {
        /// `q = W x + p`: the weight does not see the code. With rotary codes `q = R W x`, where R
        /// turns by the position's angles.
        AFTER,
        /// `q = W (x + p)`: the weight carries the code.
        BEFORE
    }

    /// The shape of the network.
    ///
    /// @param vocabulary number of ordinary tokens; the table also holds BOS and s
    /// @param length longest sequence
    /// @param width d, the width of the residual stream
    /// @param layers number of attention layers
    /// @param code where position codes come from
    /// @param added where they enter; after the maps when they are rotary
    /// @param outputProjection whether attention outputs pass a trained projection O
    public record Shape(
            @AtLeast(1) int vocabulary,
            @AtLeast(1) int length,
            @AtLeast(2) int width,
            @AtLeast(1) int layers,
            Code code,
            Added added,
            boolean outputProjection) {

        /// Checks the sizes.
        public Shape {
            if (vocabulary < 1 || length < 1 || width < 2 || width % 2 == 1 || layers < 1) {
                throw new IllegalArgumentException(
                        "vocabulary, length and layers must be >= 1 and width even and >= 2, got "
                                + List.of(vocabulary, length, layers, width));
            }
            if (code == Code.ROTARY && added != Added.AFTER) {
                throw new IllegalArgumentException(
                        "added must be after for rotary codes, got before");
            }
        }

        /// The names and shapes of the weights.
        public SortedMap<String, long[]> weights() {
            SortedMap<String, long[]> shapes = new TreeMap<>();
            shapes.put("embedding", new long[] {vocabulary + 2, width});
            shapes.put(UNEMBEDDING, new long[] {vocabulary + 2, width});
            for (int layer = 0; layer < layers; layer++) {
                for (String matrix : matrices()) {
                    shapes.put("blocks.%d.%s".formatted(layer, matrix), new long[] {width, width});
                }
            }
            if (code == Code.LEARNED) {
                shapes.put("positions", new long[] {length, width});
            }
            return shapes;
        }

        private List<String> matrices() {
            return outputProjection
                    ? List.of("query", "key", "value", "output")
                    : List.of("query", "key", "value");
        }

        /// Fresh weights: embedding standard normal, matrices uniform within `1 / sqrt(d)`, learned
        /// positions normal with deviation 0.1.
        public SortedMap<String, Tensor> initial(long seed) {
            return Weights.initial(weights(), seed, this::fresh);
        }

        private Tensor fresh(String name, long[] shape, Draws.Key key) {
            if (name.equals("embedding")) {
                return key.normal(1, Type.FLOAT, shape);
            }
            if (name.equals("positions")) {
                return key.normal(0.1, Type.FLOAT, shape);
            }
            return key.within(1 / Math.sqrt(width), Type.FLOAT, shape);
        }
    }

    private final Shape shape;
    private final @Nullable Tensor table; // [length, d]; none of rotary codes

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @throws IllegalArgumentException when a weight is missing, left over, or of another shape or
    ///   type
    public InductionTransformer(Shape shape, SortedMap<String, Tensor> weights, Runnable onClose) {
        Weights.check("an induction transformer", "embedding", shape.weights(), weights);
        Type type = Tensors.type(Tensors.named("embedding", weights));
        Tensor table =
                switch (shape.code()) {
                    case FIXED -> Scopes.own(sinusoids(shape.length(), shape.width(), type));
                    case LEARNED -> Scopes.own(Tensors.named("positions", weights));
                    case ROTARY -> null;
                };
        super(parts(shape, code(shape, table)), weights, onClose);
        this.shape = shape;
        this.table = table;
    }

    private static PositionCode code(Shape shape, @Nullable Tensor table) {
        if (table == null) {
            return PositionCode.rotary(
                    new Rotary(ROTARY_BASE, Optional.empty()), shape.width(), shape.width());
        }
        return switch (shape.added()) {
            case BEFORE -> PositionCode.addedBefore(table);
            case AFTER -> PositionCode.addedAfter(table);
        };
    }

    private static Parts parts(Shape shape, PositionCode added) {
        List<Site> sites = sites(shape);
        int maps = shape.matrices().size();
        return new Parts(
                sites,
                shape.length(),
                Site.ofTokens(
                        EMBEDDING, EMBEDDING, shape.vocabulary() + 2L, shape.width(), List.of()),
                Optional.empty(),
                IntStream.range(0, shape.layers())
                        .mapToObj(layer ->
                                block(sites.subList(maps * layer, maps * (layer + 1)), added))
                        .toList(),
                Norm.NONE,
                new Projection(
                        Site.whole(
                                UNEMBEDDING,
                                shape.layers() - 1,
                                UNEMBEDDING,
                                shape.width(),
                                shape.vocabulary() + 2L),
                        Optional.empty()));
    }

    /// A block of the sites Q, K, V and perhaps O.
    private static Block block(List<Site> sites, PositionCode added) {
        List<Projection> maps =
                sites.stream().map(site -> new Projection(site, Optional.empty())).toList();
        return new Block(
                Norm.NONE,
                new SelfAttention(
                        new Projections.Split(maps.get(0), maps.get(1), maps.get(2)),
                        added,
                        Heads.ONE,
                        maps.stream().skip(3).findFirst()),
                Optional.empty());
    }

    private static List<Site> sites(Shape shape) {
        List<Site> sites = new ArrayList<>();
        for (int layer = 0; layer < shape.layers(); layer++) {
            for (String matrix : shape.matrices()) {
                sites.add(
                        Site.whole(
                                matrix.substring(0, 1).toUpperCase(Locale.ROOT) + layer,
                                layer,
                                "blocks.%d.%s".formatted(layer, matrix),
                                shape.width(),
                                shape.width()));
            }
        }
        return List.copyOf(sites);
    }

    private static Tensor sinusoids(int length, int width, Type type) {
        double[] table = new double[length * width];
        for (int position = 0; position < length; position++) {
            for (int i = 0; i < width; i += 2) {
                double angle = position * StrictMath.pow(ROTARY_BASE, -(double) i / width);
                table[position * width + i] = StrictMath.sin(angle);
                table[position * width + i + 1] = StrictMath.cos(angle);
            }
        }
        return Tensors.of(table, type, length, width);
    }

    /// The shape of the network.
    public Shape shape() {
        return shape;
    }

    @Override
    public void close() {
        if (table != null) {
            Scopes.release(table);
        }
        super.close();
    }
}
