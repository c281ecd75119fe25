package cleave.tensor;

import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Numbers into tensors and out again. All tensors live on the CPU.
public final class Tensors {
    private Tensors() {}

    /// The number of elements of a shape.
    public static long count(long... shape) {
        long count = 1;
        for (long size : shape) {
            count = Math.multiplyExact(count, size);
        }
        return count;
    }

    /// The type of the elements, fit for comparison with `==`.
    public static ScalarType type(Tensor tensor) {
        return tensor.scalar_type().intern();
    }

    /// Options of a CPU tensor of this type.
    public static TensorOptions options(ScalarType type) {
        return new TensorOptions(type);
    }

    /// Zeros.
    public static Tensor zeros(ScalarType type, long... shape) {
        return Scopes.keep(() -> torch.zeros(shape, options(type)));
    }

    /// Ones.
    public static Tensor ones(ScalarType type, long... shape) {
        return Scopes.keep(() -> torch.ones(shape, options(type)));
    }

    /// Uninitialised memory, to be filled by the caller.
    public static Tensor empty(ScalarType type, long... shape) {
        return Scopes.keep(() ->
                torch.empty(shape, options(type), new org.bytedeco.pytorch.MemoryFormatOptional()));
    }

    /// A tensor of `type` (FLOAT or DOUBLE) with these values, row-major.
    public static Tensor of(double[] values, ScalarType type, long... shape) {
        if (type == ScalarType.Float) {
            float[] narrow = new float[values.length];
            for (int i = 0; i < narrow.length; i++) {
                narrow[i] = (float) values[i];
            }
            return of(narrow, type, shape);
        }
        return Scopes.keep(() -> {
            Tensor tensor = empty(type, shape);
            tensor.data_ptr_double().put(values);
            return tensor;
        });
    }

    /// A tensor of `type` (FLOAT or DOUBLE) with these values, row-major; widening is exact.
    public static Tensor of(float[] values, ScalarType type, long... shape) {
        return Scopes.keep(() -> {
            Tensor tensor = empty(ScalarType.Float, shape);
            tensor.data_ptr_float().put(values);
            return type == ScalarType.Float ? tensor : tensor.to(type);
        });
    }

    /// A 64-bit integer tensor with these values, row-major.
    public static Tensor of(long[] values, long... shape) {
        return Scopes.keep(() -> {
            Tensor tensor = empty(ScalarType.Long, shape);
            tensor.data_ptr_long().put(values);
            return tensor;
        });
    }

    /// A boolean tensor with these values, row-major.
    public static Tensor of(boolean[] values, long... shape) {
        return Scopes.keep(() -> {
            Tensor tensor = empty(ScalarType.Byte, shape);
            byte[] bytes = new byte[values.length];
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) (values[i] ? 1 : 0);
            }
            tensor.data_ptr_byte().put(bytes);
            return tensor.to(ScalarType.Bool);
        });
    }

    /// All elements in row-major order.
    public static double[] toDoubles(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor wide = tensor.detach().to(ScalarType.Double).contiguous();
            double[] values = new double[Math.toIntExact(wide.numel())];
            DoublePointer data = wide.data_ptr_double();
            data.get(values);
            return values;
        });
    }

    /// All elements in row-major order.
    public static float[] toFloats(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor flat = tensor.detach().to(ScalarType.Float).contiguous();
            float[] values = new float[Math.toIntExact(flat.numel())];
            FloatPointer data = flat.data_ptr_float();
            data.get(values);
            return values;
        });
    }

    /// All elements of an integer or boolean tensor in row-major order.
    public static long[] toLongs(Tensor tensor) {
        return Scopes.run(() -> {
            Tensor flat = tensor.to(ScalarType.Long).contiguous();
            long[] values = new long[Math.toIntExact(flat.numel())];
            LongPointer data = flat.data_ptr_long();
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

    /// Adds to the leaves' gradients what a gradient of `tensor` means for them.
    public static void backward(Tensor tensor, Tensor gradient) {
        tensor.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    /// The one element of a tensor.
    public static double number(Tensor tensor) {
        return tensor.item_double();
    }

    /// A number as libtorch wants it.
    public static Scalar scalar(double value) {
        return new Scalar(value);
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
                sum = sum == null ? tensor.add(scalar(0)) : sum.add(tensor);
            }
            if (sum == null) {
                throw new IllegalArgumentException("a sum must have at least one tensor");
            }
            return sum;
        });
    }

    /// The tensors one after the other along an axis.
    public static Tensor concatenate(int axis, Tensor... tensors) {
        return Scopes.keep(() -> torch.cat(new TensorVector(tensors), axis));
    }

    /// Softmax along the last axis.
    public static Tensor softmax(Tensor scores) {
        return Scopes.keep(() -> torch.softmax(scores, -1, new ScalarTypeOptional()));
    }

    /// The logarithm of softmax along the last axis.
    public static Tensor logSoftmax(Tensor scores) {
        return Scopes.keep(() -> torch.log_softmax(scores, -1, new ScalarTypeOptional()));
    }
}
