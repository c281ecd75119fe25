package cleave.tensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// Numbers into tensors and out again, and the functions of tensors that belong to none of them.
///
/// A factory that is told no device makes its tensor on `Device.here()`, which is the CPU unless
/// something else was asked for; those named `...Like` make it where the given tensor is.
///
/// Numbers into tensors and out again are transfers on any device but the CPU, and a `Meter` counts
/// them on every device.
public final class Tensors {
    static {
        NativeRuntime.start();
    }

    private Tensors() {}

    /// The number of elements of a shape.
    public static long count(long... shape) {
        long count = 1;
        for (long size : shape) {
            count = Math.multiplyExact(count, size);
        }
        return count;
    }

    /// A checksum of a tensor's bytes on the CPU: equal bytes have the same, and others most likely
    /// another. It is below 2^32.
    public static long checksum(Tensor tensor) {
        MemorySegment bytes = memory(tensor);
        CRC32C checksum = new CRC32C();
        for (long from = 0; from < bytes.byteSize(); from += Integer.MAX_VALUE) {
            long count = Math.min(Integer.MAX_VALUE, bytes.byteSize() - from);
            checksum.update(bytes.asSlice(from, count).asByteBuffer());
        }
        return checksum.getValue();
    }

    /// The type of the elements.
    public static Type type(Tensor tensor) {
        return tensor.type();
    }

    /// Zeros here.
    public static Tensor zeros(Type type, long... shape) {
        return zeros(Device.here(), type, shape);
    }

    /// Zeros on a device.
    public static Tensor zeros(Device device, Type type, long... shape) {
        return Scopes.keep(() -> new Tensor(torch.zeros(shape, device.options(type))));
    }

    /// Ones here.
    public static Tensor ones(Type type, long... shape) {
        return ones(Device.here(), type, shape);
    }

    /// Ones on a device.
    public static Tensor ones(Device device, Type type, long... shape) {
        return Scopes.keep(() -> new Tensor(torch.ones(shape, device.options(type))));
    }

    /// Uninitialised memory here, to be filled by the caller.
    public static Tensor empty(Type type, long... shape) {
        return empty(Device.here(), type, shape);
    }

    /// Uninitialised memory on a device, to be filled by the caller.
    public static Tensor empty(Device device, Type type, long... shape) {
        return Scopes.keep(() ->
                new Tensor(torch.empty(shape, device.options(type), new MemoryFormatOptional())));
    }

    /// One number everywhere, here.
    public static Tensor full(Type type, double number, long... shape) {
        return full(Device.here(), type, number, shape);
    }

    /// One number everywhere, on a device.
    public static Tensor full(Device device, Type type, double number, long... shape) {
        return Scopes.keep(
                () -> new Tensor(torch.full(shape, new Scalar(number), device.options(type))));
    }

    /// The identity `[n, n]` here.
    public static Tensor eye(Type type, long n) {
        return Scopes.keep(() -> new Tensor(torch.eye(n, Device.here().options(type))));
    }

    /// The whole numbers `0 .. end - 1` `[end]` as LONG here.
    public static Tensor arange(long end) {
        return arange(Device.here(), end);
    }

    /// The whole numbers `0 .. end - 1` `[end]` as LONG on a device.
    public static Tensor arange(Device device, long end) {
        return Scopes.keep(
                () -> new Tensor(torch.arange(new Scalar(end), device.options(Type.LONG))));
    }

    /// Zeros of a tensor's shape and type, on its device.
    public static Tensor zerosLike(Tensor like) {
        return new Tensor(torch.zeros_like(like.raw()));
    }

    /// Ones of a tensor's shape and type, on its device.
    public static Tensor onesLike(Tensor like) {
        return new Tensor(torch.ones_like(like.raw()));
    }

    /// Uninitialised memory of a tensor's shape and type, on its device.
    public static Tensor emptyLike(Tensor like) {
        return new Tensor(torch.empty_like(like.raw()));
    }

    /// One number everywhere, in a tensor's shape and type, on its device.
    public static Tensor fullLike(Tensor like, double number) {
        return new Tensor(torch.full_like(like.raw(), new Scalar(number)));
    }

    /// A tensor of `type` (FLOAT or DOUBLE) with these values, row-major.
    public static Tensor of(double[] values, Type type, long... shape) {
        if (type == Type.FLOAT) {
            float[] narrow = new float[values.length];
            for (int i = 0; i < narrow.length; i++) {
                narrow[i] = (float) values[i];
            }
            return of(narrow, type, shape);
        }
        return filled(type, type, shape, tensor -> tensor.raw().data_ptr_double().put(values));
    }

    /// A tensor of `type` (FLOAT or DOUBLE) with these values, row-major; widening is exact.
    public static Tensor of(float[] values, Type type, long... shape) {
        return filled(Type.FLOAT, type, shape, tensor -> tensor.raw().data_ptr_float().put(values));
    }

    /// A 64-bit integer tensor with these values, row-major.
    public static Tensor of(long[] values, long... shape) {
        return filled(
                Type.LONG, Type.LONG, shape, tensor -> tensor.raw().data_ptr_long().put(values));
    }

    /// A boolean tensor with these values, row-major.
    public static Tensor of(boolean[] values, long... shape) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (values[i] ? 1 : 0);
        }
        return filled(
                Type.BYTE, Type.BOOL, shape, tensor -> tensor.raw().data_ptr_byte().put(bytes));
    }

    /// Numbers of Java's in a tensor here.
    ///
    /// @param given the type that they are written in
    /// @param type of the result
    private static Tensor filled(Type given, Type type, long[] shape, Consumer<Tensor> fill) {
        Device here = Device.here();
        Meter.moved();
        if (!here.hasNumbers()) {
            return empty(here, type, shape);
        }
        return Scopes.keep(() -> {
            Tensor tensor = empty(Device.CPU, given, shape);
            fill.accept(tensor);
            Tensor there = here.equals(Device.CPU) ? tensor : tensor.to(here);
            return given == type ? there : there.to(type);
        });
    }

    /// All elements in row-major order.
    public static double[] toDoubles(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor wide = onCpu(tensor).to(Type.DOUBLE).contiguous();
            double[] values = new double[Math.toIntExact(wide.numel())];
            DoublePointer data = wide.raw().data_ptr_double();
            data.get(values);
            return values;
        });
    }

    /// All elements in row-major order.
    public static float[] toFloats(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor flat = onCpu(tensor).to(Type.FLOAT).contiguous();
            float[] values = new float[Math.toIntExact(flat.numel())];
            FloatPointer data = flat.raw().data_ptr_float();
            data.get(values);
            return values;
        });
    }

    /// All elements of an integer or boolean tensor in row-major order.
    public static long[] toLongs(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor flat = onCpu(tensor).to(Type.LONG).contiguous();
            long[] values = new long[Math.toIntExact(flat.numel())];
            LongPointer data = flat.raw().data_ptr_long();
            data.get(values);
            return values;
        });
    }

    /// All elements of a boolean tensor in row-major order.
    public static boolean[] toBooleans(Tensor tensor) {
        long[] numbers = toLongs(tensor);
        boolean[] values = new boolean[numbers.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = numbers[i] != 0;
        }
        return values;
    }

    /// The bytes of a contiguous tensor on the CPU, to be read and written while the tensor lives.
    @SuppressWarnings("restricted")
    public static MemorySegment memory(Tensor tensor) {
        long bytes = tensor.nbytes();
        return bytes == 0
                ? MemorySegment.NULL
                : MemorySegment.ofAddress(tensor.address()).reinterpret(bytes);
    }

    private static Tensor onCpu(Tensor tensor) {
        Meter.moved();
        Tensor numbers = tensor.detach();
        if (numbers.raw().is_cpu()) {
            return numbers;
        }
        return numbers.raw().is_meta()
                ? zeros(Device.CPU, numbers.type(), numbers.shape())
                : numbers.cpu();
    }

    /// Adds to the leaves' gradients what a gradient of `tensor` means for them.
    public static void backward(Tensor tensor, Tensor gradient) {
        tensor.raw()
                .backward(gradient.raw(), new BoolOptional(), false, new TensorArrayRefOptional());
    }

    /// Adds to the leaves' gradients what gradients of several tensors mean for them, in one pass.
    public static void backward(List<Tensor> tensors, List<Tensor> gradients) {
        Scopes.run(() ->
                torch.backward(
                        vector(tensors),
                        vector(gradients),
                        new BoolOptional(),
                        false,
                        new TensorVector()));
    }

    /// The gradients of one number with respect to tensors of its graph, each of the shape of its
    /// tensor; zeros for one that it does not depend on. The graph stays for further calls, and no
    /// leaf's own gradient changes.
    public static List<Tensor> gradients(Tensor number, List<Tensor> of) {
        TensorVector found =
                torch.grad(
                        vector(List.of(number)),
                        vector(of),
                        new TensorVector(),
                        new BoolOptional(true),
                        false,
                        true);
        List<Tensor> gradients = new ArrayList<>();
        for (int i = 0; i < of.size(); i++) {
            org.bytedeco.pytorch.Tensor one = found.get(i);
            gradients.add(one.defined() ? new Tensor(one).detach() : zerosLike(of.get(i)));
        }
        return gradients;
    }

    private static TensorVector vector(Collection<Tensor> tensors) {
        return new TensorVector(
                tensors.stream().map(Tensor::raw).toArray(org.bytedeco.pytorch.Tensor[]::new));
    }

    /// Whether no number of a tensor is NaN or infinite. A million are looked at at a time, since
    /// libtorch makes copies of what it asks of every number.
    public static boolean allFinite(Tensor tensor) {
        long piece = 1 << 20;
        return Scopes.run(() -> {
            Tensor all = tensor.detach().reshape(-1);
            for (long from = 0; from < all.numel(); from += piece) {
                Tensor some = all.narrow(0, from, Math.min(piece, all.numel() - from));
                if (!Scopes.run(() -> number(some.isfinite().all()) != 0)) {
                    return false;
                }
            }
            return true;
        });
    }

    /// The one element of a tensor.
    public static double number(Tensor tensor) {
        return tensor.item();
    }

    /// The tensor of this name.
    ///
    /// @throws IllegalArgumentException when there is none
    public static Tensor named(String name, Map<String, Tensor> tensors) {
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(
                    "tensor must be one of %s, got %s".formatted(tensors.keySet(), name));
        }
        return tensor;
    }

    /// The shape as text, for messages.
    public static String shape(Tensor tensor) {
        return Arrays.toString(tensor.shape());
    }

    /// The sum of equally shaped tensors; at least one.
    public static Tensor sum(Collection<Tensor> tensors) {
        return Scopes.keep(() -> {
            Tensor sum = null;
            for (Tensor tensor : tensors) {
                sum = sum == null ? tensor.add(0) : sum.add(tensor);
            }
            if (sum == null) {
                throw new IllegalArgumentException("a sum must have at least one tensor");
            }
            return sum;
        });
    }

    /// The tensors one after the other along an axis.
    public static Tensor concatenate(int axis, Tensor... tensors) {
        return Scopes.keep(() -> new Tensor(torch.cat(vector(List.of(tensors)), axis)));
    }

    /// Equally shaped tensors one after the other along a new axis.
    public static Tensor stack(int axis, Tensor... tensors) {
        return Scopes.keep(() -> new Tensor(torch.stack(vector(List.of(tensors)), axis)));
    }

    /// Softmax along the last axis.
    public static Tensor softmax(Tensor scores) {
        return Scopes.keep(
                () -> new Tensor(torch.softmax(scores.raw(), -1, new ScalarTypeOptional())));
    }

    /// The logarithm of softmax along the last axis.
    public static Tensor logSoftmax(Tensor scores) {
        return Scopes.keep(
                () -> new Tensor(torch.log_softmax(scores.raw(), -1, new ScalarTypeOptional())));
    }

    /// `first` where booleans choose, `second` elsewhere; all three are broadcast.
    public static Tensor where(Tensor chosen, Tensor first, Tensor second) {
        return first.where(chosen, second);
    }

    /// The Gaussian error linear unit, exact.
    public static Tensor gelu(Tensor x) {
        return new Tensor(torch.gelu(x.raw()));
    }

    /// The gradient of x, from that of `gelu(x)`.
    public static Tensor geluBackward(Tensor ofResult, Tensor x) {
        return new Tensor(torch.gelu_backward(ofResult.raw(), x.raw()));
    }

    /// The Gaussian error linear unit, approximated by a hyperbolic tangent.
    public static Tensor geluTanh(Tensor x) {
        return new Tensor(torch.gelu(x.raw(), "tanh"));
    }

    /// `x sigmoid(x)`.
    public static Tensor silu(Tensor x) {
        return new Tensor(torch.silu(x.raw()));
    }

    /// The greater of two elements.
    public static Tensor maximum(Tensor first, Tensor second) {
        return first.maximum(second);
    }

    /// The lesser of two elements.
    public static Tensor minimum(Tensor first, Tensor second) {
        return first.minimum(second);
    }

    /// A number minus the tensor.
    public static Tensor rsub(Tensor x, double number) {
        return new Tensor(torch.rsub(x.raw(), new Scalar(number)));
    }

    /// A whole number minus the tensor.
    public static Tensor rsub(Tensor x, long number) {
        return new Tensor(torch.rsub(x.raw(), new Scalar(number)));
    }

    /// `x + first * second`, element by element.
    public static Tensor addcmul(Tensor x, Tensor first, Tensor second) {
        return new Tensor(torch.addcmul(x.raw(), first.raw(), second.raw()));
    }

    /// `x + first second`, with the product of matrices.
    public static Tensor addmm(Tensor x, Tensor first, Tensor second) {
        Tensor sum = new Tensor(torch.addmm(x.raw(), first.raw(), second.raw()));
        Meter.product(first, second, sum);
        return sum;
    }

    /// `of * x + factor * first second`, with the products of matrices `[n, ., .]`.
    public static Tensor baddbmm(Tensor x, Tensor first, Tensor second, double of, double factor) {
        Tensor sum =
                new Tensor(
                        torch.baddbmm(
                                x.raw(),
                                first.raw(),
                                second.raw(),
                                new Scalar(of),
                                new Scalar(factor)));
        Meter.product(first, second, sum);
        return sum;
    }

    /// Writes the product, element by element, to `out`, which it gives back.
    public static Tensor mulOut(Tensor out, Tensor first, Tensor second) {
        torch.mul_out(out.raw(), first.raw(), second.raw());
        return out;
    }

    /// Writes the product of matrices to `out`, which it gives back.
    public static Tensor productOut(Tensor out, Tensor first, Tensor second) {
        torch.mm_out(out.raw(), first.raw(), second.raw());
        Meter.product(first, second, out);
        return out;
    }

    /// The tensor with more numbers around it.
    ///
    /// @param widths before and after along the last axis, then along the one before it, and so on
    public static Tensor pad(Tensor x, long[] widths, double number) {
        return new Tensor(torch.constant_pad_nd(x.raw(), widths, new Scalar(number)));
    }

    /// Elements moved into `[least, greatest]`.
    public static Tensor clamp(Tensor x, double least, double greatest) {
        return x.clamp(least, greatest);
    }

    /// The last axis brought to mean 0 and variance 1, then scaled and shifted.
    ///
    /// @param weight the scale `[d]`
    /// @param bias the shift `[d]`
    /// @param epsilon added to the variance
    public static Tensor layerNorm(Tensor x, Tensor weight, Tensor bias, double epsilon) {
        if (ShapeOnly.is(x.raw())) {
            return Scopes.keep(
                    () -> new Tensor(ShapeOnly.normed(x.raw(), weight.raw(), bias.raw())));
        }
        return new Tensor(
                torch.layer_norm(
                        x.raw(),
                        weight.shape(),
                        new TensorOptional(weight.raw()),
                        new TensorOptional(bias.raw()),
                        epsilon,
                        false));
    }

    /// X of `A X = B`, for square A.
    public static Tensor solve(Tensor A, Tensor B) {
        return new Tensor(torch.linalg_solve(A.raw(), B.raw()));
    }

    /// The singular values `[min(n, m)]` of a matrix `[n, m]`, falling.
    public static Tensor singularValues(Tensor matrix) {
        return new Tensor(torch.linalg_svdvals(matrix.raw()));
    }

    /// A matrix `[n, m]` as `U diag(S) V`, with `r = min(n, m)`.
    ///
    /// @param U orthonormal columns `[n, r]`
    /// @param S the singular values `[r]`, falling
    /// @param V orthonormal rows `[r, m]`
    public record Svd(Tensor U, Tensor S, Tensor V) {}

    /// The singular value decomposition of a matrix `[n, m]`.
    public static Svd svd(Tensor matrix) {
        var parts = torch.linalg_svd(matrix.raw(), false, new StringViewOptional());
        return new Svd(ofTuple(parts.get0()), ofTuple(parts.get1()), ofTuple(parts.get2()));
    }

    /// Eigenvalues `[n]` of a symmetric matrix, rising, and eigenvectors `[n, n]` as columns.
    public record Eigen(Tensor values, Tensor vectors) {}

    /// The eigenvalues and eigenvectors of a symmetric matrix, of which only the lower triangle is
    /// read.
    public static Eigen eigen(Tensor symmetric) {
        try (BytePointer lower = new BytePointer("L")) {
            var parts = torch.linalg_eigh(symmetric.raw(), lower);
            return new Eigen(ofTuple(parts.get0()), ofTuple(parts.get1()));
        }
    }

    /// A tensor of a tuple, which frees its own when it is freed.
    private static Tensor ofTuple(org.bytedeco.pytorch.Tensor part) {
        return new Tensor(new org.bytedeco.pytorch.Tensor(part));
    }
}
