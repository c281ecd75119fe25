package cleave.engine;

import cleave.tensor.Gradients;
import cleave.tensor.OwnGradient;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;

/// How the large products of a run are multiplied: those of sites, gates, attention and the output
/// layer. Everything else is computed in the type of the numbers themselves.
public sealed interface Products extends AutoCloseable {
    /// Products in the type of the numbers.
    Products EXACT = new Exact();

    /// Products in bfloat16, which keeps a number's range and 8 of its 24 bits: operands are
    /// rounded by at most `2^-9` of themselves, results likewise, and sums are kept in float32. Who
    /// makes one closes it.
    static Products bfloat16() {
        return new Bfloat16();
    }

    /// What the type of the products is called where it is not that of the numbers; else empty.
    String name();

    /// `a b`, with the graph of both, in the type of a number that is not rounded.
    ///
    /// @param a `[..., k]`; or integers `[..., 1]`, each of which stands for a row that is 1 at
    ///   this place and 0 elsewhere: the product is then that row of b, which is never rounded
    /// @param b `[k, m]`
    Tensor product(Tensor a, Tensor b);

    /// Row by row what integers `[..., 1]` stand for in a matrix `[k, m]`: `[..., m]`.
    private static Tensor rows(Tensor places, Tensor of) {
        long[] shape = places.shape();
        shape[shape.length - 1] = of.size(1);
        return of.index_select(0, places.flatten()).view(shape);
    }

    /// Whether a stands for rows by their places.
    private static boolean arePlaces(Tensor a) {
        return Tensors.type(a) == Type.LONG;
    }

    /// `x W^T` of a target's weight, which stays as it is and where it is until the products are
    /// closed.
    ///
    /// @param x `[..., d_in]`, or integers as in `product`, whose rows are in the type of W
    /// @param W `[d_out, d_in]`, without graph, of x's type or in bfloat16
    Tensor map(Tensor x, Tensor W);

    /// A parameter as an operand without graph, to be given to `product` and `add` several times.
    Tensor operand(Tensor parameter);

    /// Numbers without graph as an operand, to be given to `productTo` and `add` several times.
    Tensor rounded(Tensor numbers);

    /// `to = a b`, without graph.
    ///
    /// @param to `[n, m]`
    /// @param a `[n, k]`
    /// @param b `[k, m]`
    void productTo(Tensor to, Tensor a, Tensor b);

    /// `to += a b`, without graph.
    ///
    /// @param to `[n, m]`
    /// @param a `[n, k]`
    /// @param b `[k, m]`
    void add(Tensor to, Tensor a, Tensor b);

    /// From here to `forget` no parameter changes, so that operands may be kept.
    void remember();

    /// Parameters may change from here on.
    void forget();

    @Override
    void close();

    /// Products in the type of the numbers.
    final class Exact implements Products {
        /// Numbers of a weight from which on the gradient of what it reads is worth a copy.
        private static final long LARGE = 1 << 20;

        private Exact() {}

        @Override
        public String name() {
            return "";
        }

        @Override
        public Tensor product(Tensor a, Tensor b) {
            return arePlaces(a) ? rows(a, b) : a.matmul(b);
        }

        @Override
        public Tensor map(Tensor x, Tensor W) {
            if (arePlaces(x)) {
                return rows(x, W.t());
            }
            if (Tensors.type(W) != Tensors.type(x)) {
                return widened(x, W);
            }
            if (W.numel() < LARGE) {
                return x.matmul(W.t());
            }
            // Libtorch makes the gradient of an operand that lies in columns in columns too, and
            // OpenBLAS is a quarter faster so for a few positions and a large weight.
            long[] shape = x.shape();
            Tensor columns = x.reshape(-1, W.size(1)).t().contiguous().t();
            shape[shape.length - 1] = W.size(0);
            return columns.matmul(W.t()).view(shape);
        }

        /// The weight is there in x's type only while it is multiplied, also on the way back.
        private static Tensor widened(Tensor x, Tensor W) {
            Type type = Tensors.type(x);
            Tensor result =
                    Scopes.keep(
                            () -> Scopes.withoutGradient(() -> x.detach().matmul(W.to(type).t())));
            return x.requires_grad() && Gradients.recording()
                    ? OwnGradient.of(
                            List.of(x),
                            result,
                            dy -> List.of(Scopes.keep(() -> dy.matmul(W.to(type)))))
                    : result;
        }

        @Override
        public Tensor operand(Tensor parameter) {
            return parameter.detach();
        }

        @Override
        public Tensor rounded(Tensor numbers) {
            return numbers;
        }

        @Override
        public void productTo(Tensor to, Tensor a, Tensor b) {
            Tensors.productOut(to, a, b);
        }

        @Override
        public void add(Tensor to, Tensor a, Tensor b) {
            to.addmm_(a, b);
        }

        @Override
        public void remember() {}

        @Override
        public void forget() {}

        @Override
        public void close() {}
    }

    /// Products in bfloat16, of numbers in float32.
    final class Bfloat16 implements Products {
        private final Map<Place, Tensor> weights = new ConcurrentHashMap<>();
        private final Map<Place, Tensor> parameters = new ConcurrentHashMap<>();
        private volatile boolean remembers;

        private Bfloat16() {}

        /// Where numbers lie, and how.
        private record Place(long address, List<Long> shape, List<Long> strides) {
            static Place of(Tensor tensor) {
                return new Place(
                        tensor.address(),
                        Arrays.stream(tensor.shape()).boxed().toList(),
                        IntStream.range(0, Math.toIntExact(tensor.ndimension()))
                                .mapToObj(tensor::stride)
                                .toList());
            }
        }

        @Override
        public String name() {
            return "bfloat16";
        }

        @Override
        public Tensor product(Tensor a, Tensor b) {
            return arePlaces(a) ? rows(a, b) : rounded(a).matmul(rounded(b)).to(Type.FLOAT);
        }

        @Override
        public Tensor rounded(Tensor numbers) {
            return numbers.to(Type.BFLOAT16);
        }

        @Override
        public Tensor map(Tensor x, Tensor W) {
            return arePlaces(x) ? rows(x, W.t()) : product(x, kept(weights, W).t());
        }

        private Tensor kept(Map<Place, Tensor> in, Tensor tensor) {
            return in.computeIfAbsent(
                    Place.of(tensor),
                    _ -> Scopes.own(Scopes.withoutGradient(() -> rounded(tensor.detach()))));
        }

        @Override
        public Tensor operand(Tensor parameter) {
            return remembers ? kept(parameters, parameter) : rounded(parameter.detach());
        }

        @Override
        public void productTo(Tensor to, Tensor a, Tensor b) {
            to.copy_(rounded(a).matmul(rounded(b)));
        }

        @Override
        public void add(Tensor to, Tensor a, Tensor b) {
            to.add_(rounded(a).matmul(rounded(b)));
        }

        @Override
        public void remember() {
            remembers = true;
        }

        @Override
        public void forget() {
            remembers = false;
            release(parameters);
        }

        private static void release(Map<Place, Tensor> kept) {
            kept.values().forEach(Scopes::release);
            kept.clear();
        }

        @Override
        public void close() {
            forget();
            release(weights);
        }
    }
}
