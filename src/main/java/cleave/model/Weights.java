package cleave.model;

import cleave.engine.Products;
import cleave.tensor.Draws;
import cleave.tensor.Shapes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The weights of a target and the maps they are.
final class Weights {
    private Weights() {}

    /// Refuses weights of other names, shapes or types.
    ///
    /// @param what whose weights, for the message
    /// @param first the weight whose type the others must have
    static void check(
            String what,
            String first,
            SortedMap<String, long[]> expected,
            SortedMap<String, Tensor> weights) {
        check(what, first, expected, weights, false);
    }

    /// The type to compute in: that of a weight which is not kept in bfloat16, or else float32.
    static Type computed(SortedMap<String, Tensor> weights) {
        return weights.values().stream()
                .map(Tensors::type)
                .filter(type -> type != Type.BFLOAT16)
                .findFirst()
                .orElse(Type.FLOAT);
    }

    /// The same where matrices may be kept in bfloat16 too.
    static void checkKept(
            String what, SortedMap<String, long[]> expected, SortedMap<String, Tensor> weights) {
        String first =
                weights.entrySet().stream()
                        .filter(named -> Tensors.type(named.getValue()) != Type.BFLOAT16)
                        .map(Map.Entry::getKey)
                        .findFirst()
                        .orElse("");
        check(what, first, expected, weights, true);
    }

    private static void check(
            String what,
            String first,
            SortedMap<String, long[]> expected,
            SortedMap<String, Tensor> weights,
            boolean narrow) {
        if (!expected.keySet().equals(weights.keySet())) {
            throw new IllegalArgumentException(
                    "weights of %s must be %s, got %s"
                            .formatted(what, expected.keySet(), weights.keySet()));
        }
        Type type = first.isEmpty() ? Type.FLOAT : Tensors.type(Tensors.named(first, weights));
        expected.forEach((name, sizes) -> {
            Tensor weight = Tensors.named(name, weights);
            String shape =
                    Arrays.stream(sizes).mapToObj(Long::toString).collect(Collectors.joining(" "));
            Shapes.check(what).tensor(name, weight, shape);
            boolean real = type == Type.FLOAT || type == Type.DOUBLE;
            boolean kept = narrow && sizes.length == 2 && Tensors.type(weight) == Type.BFLOAT16;
            if (!real || (Tensors.type(weight) != type && !kept)) {
                throw new IllegalArgumentException(
                        "%s must be of type float32 or float64 like %s, got %s"
                                .formatted(name, first, Tensors.type(weight)));
            }
        });
    }

    /// Makes one weight from draws that belong to it alone.
    interface Fresh {
        Tensor of(String name, long[] shape, Draws.Key key);
    }

    /// Weights of these shapes, each drawn under the seed and its name.
    static SortedMap<String, Tensor> initial(
            SortedMap<String, long[]> shapes, long seed, Fresh fresh) {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        shapes.forEach((name, shape) -> {
            Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with("target").with(name);
            weights.put(name, fresh.of(name, shape, key));
        });
        return weights;
    }

    /// `x W^T`, or what stands in for it, at every position.
    static Tensor map(
            Products products, Tensor weight, Tensor x, @Nullable Replacement replacement) {
        return replacement == null ? products.map(x, weight) : replacement.output(x, weight, null);
    }
}
