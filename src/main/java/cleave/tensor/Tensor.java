package cleave.tensor;

import java.util.Arrays;
import java.util.Objects;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.jspecify.annotations.Nullable;

/// Numbers of one type in a box of any number of axes, on one device.
///
/// The methods have PyTorch's names and meaning. A name that ends in `_` changes the tensor in
/// place and gives the tensor itself. Every other method gives a new tensor, which may share memory
/// with this one where PyTorch's does. Axes are counted from 0, or back from -1.
///
/// What a method makes belongs to the innermost open scope of the calling thread (see `Scopes`).
/// Most operations throw a `RuntimeException` of the engine when the shapes do not fit.
///
/// Numbers given to an operation keep their kind, as in PyTorch: `x.mul(2)` of whole numbers gives
/// whole numbers, `x.mul(2.0)` gives float32.
public final class Tensor {
    private final org.bytedeco.pytorch.Tensor raw;

    /// A tensor around the engine's own. Only this package and the engines use it.
    public Tensor(org.bytedeco.pytorch.Tensor raw) {
        this.raw = raw;
        Meter.made(raw);
    }

    /// The engine's own tensor. Only this package and the engines use it: it is where this tensor's
    /// memory is owned, and nothing else should depend on the engine's library.
    public org.bytedeco.pytorch.Tensor raw() {
        return raw;
    }

    private static Tensor of(org.bytedeco.pytorch.Tensor raw) {
        return new Tensor(raw);
    }

    private static Scalar scalar(long value) {
        return new Scalar(value);
    }

    private static Scalar scalar(double value) {
        return new Scalar(value);
    }

    // Making.

    /// A float64 vector on the CPU.
    public static Tensor create(double... values) {
        return of(org.bytedeco.pytorch.Tensor.create(values));
    }

    /// A float32 vector on the CPU.
    public static Tensor create(float... values) {
        return of(org.bytedeco.pytorch.Tensor.create(values));
    }

    /// An int64 vector on the CPU.
    public static Tensor create(long... values) {
        return of(org.bytedeco.pytorch.Tensor.create(values));
    }

    /// An int16 vector on the CPU.
    public static Tensor create(short... values) {
        return of(org.bytedeco.pytorch.Tensor.create(values));
    }

    /// A float32 tensor of this shape on the CPU, from values in row-major order.
    public static Tensor create(float[] values, long... shape) {
        return of(org.bytedeco.pytorch.Tensor.create(values, shape));
    }

    /// A tensor of bytes of this shape on the CPU, from values in row-major order.
    public static Tensor create(byte[] values, boolean signed, long... shape) {
        return of(org.bytedeco.pytorch.Tensor.create(values, signed, shape));
    }

    /// Zeros of this shape, of this tensor's type and on its device.
    public Tensor new_zeros(long... shape) {
        return of(raw.new_zeros(shape));
    }

    /// Ones of this shape, of this tensor's type and on its device.
    public Tensor new_ones(long... shape) {
        return of(raw.new_ones(shape));
    }

    /// This shape filled with one number, of this tensor's type and on its device.
    public Tensor new_full(long[] shape, double number) {
        return of(raw.new_full(shape, scalar(number)));
    }

    // What it is.

    /// The type of the numbers.
    public Type type() {
        return Type.of(raw.scalar_type());
    }

    /// Where the numbers are.
    public Device device() {
        return Device.of(raw);
    }

    /// The sizes of all axes.
    public long[] shape() {
        return raw.shape();
    }

    /// The size of one axis.
    public long size(long axis) {
        return raw.size(axis);
    }

    /// The number of axes.
    public long ndimension() {
        return raw.ndimension();
    }

    /// The number of elements.
    public long numel() {
        return raw.numel();
    }

    /// The bytes of all elements.
    public long nbytes() {
        return raw.nbytes();
    }

    /// How many elements lie from one place along an axis to the next.
    public long stride(int axis) {
        return raw.stride(axis);
    }

    /// The bytes of one element.
    public long element_size() {
        return raw.element_size();
    }

    /// Whether the elements lie in row-major order without gaps.
    public boolean is_contiguous() {
        return raw.is_contiguous();
    }

    /// Whether there is a tensor at all: a leaf without a gradient has an undefined one.
    public boolean defined() {
        return raw.defined();
    }

    /// The address of the first element. It is good for as long as this tensor is kept, no longer.
    public long address() {
        return raw.data_ptr().address();
    }

    /// Whether shape and all elements are equal.
    public boolean equal(Tensor other) {
        return raw.equal(other.raw);
    }

    // Numbers into Java. Each waits for the device; without numbers it is 0.

    /// The one element.
    public double item() {
        Meter.moved();
        return raw.is_meta() ? 0 : raw.item_double();
    }

    /// The one element in float32.
    public float item_float() {
        Meter.moved();
        return raw.is_meta() ? 0 : raw.item_float();
    }

    /// The one element as a whole number.
    public long item_long() {
        Meter.moved();
        return raw.is_meta() ? 0 : raw.item_long();
    }

    /// The one element as a whole number of 32 bits.
    public int item_int() {
        Meter.moved();
        return raw.is_meta() ? 0 : raw.item_int();
    }

    /// The one element of booleans.
    public boolean item_bool() {
        Meter.moved();
        return !raw.is_meta() && raw.item_bool();
    }

    // Type and place.

    /// The same numbers as another type; this tensor's own memory where the type is the same.
    public Tensor to(Type type) {
        return of(raw.to(type.raw()));
    }

    /// The same numbers on a device; this tensor's own memory where it is there already.
    public Tensor to(Device device) {
        return of(raw.to(device.raw(), raw.scalar_type()));
    }

    /// The same numbers on the CPU.
    public Tensor cpu() {
        return of(raw.cpu());
    }

    /// A copy in memory of its own.
    @Override
    public Tensor clone() {
        return of(raw.clone());
    }

    /// The same numbers in row-major order without gaps, copied where need be.
    public Tensor contiguous() {
        return of(raw.contiguous());
    }

    // Gradients.

    /// The same numbers outside of the graph, in the same memory.
    public Tensor detach() {
        return of(raw.detach());
    }

    /// Whether a graph for gradients is recorded.
    public boolean requires_grad() {
        return raw.requires_grad();
    }

    /// Makes this a leaf that gradients are wanted for, or not.
    public Tensor requires_grad_(boolean wanted) {
        raw.requires_grad_(wanted);
        if (wanted) {
            Meter.wanted(raw);
        }
        return this;
    }

    /// The gradient of this leaf; undefined when there is none.
    public Tensor grad() {
        return of(raw.grad());
    }

    /// Sets the gradient of this leaf.
    public void setGrad(Tensor gradient) {
        raw.mutable_grad().put(gradient.raw);
    }

    /// Takes the gradient of this leaf away.
    public void clearGrad() {
        raw.mutable_grad().reset();
    }

    /// Adds the gradients of this one number to those of the leaves.
    public void backward() {
        raw.backward();
    }

    /// Adds to the leaves' gradients what a gradient of this tensor means for them.
    public void backward(Tensor gradient) {
        Tensors.backward(this, gradient);
    }

    // Shape.

    /// A matrix transposed, a view.
    public Tensor t() {
        return of(raw.t());
    }

    /// Two axes exchanged, a view.
    public Tensor transpose(long first, long second) {
        return of(raw.transpose(first, second));
    }

    /// Another shape of the same numbers, a view; -1 stands for what is left.
    public Tensor view(long... shape) {
        return of(raw.view(shape));
    }

    /// Another shape of the same numbers, copied where need be; -1 stands for what is left.
    public Tensor reshape(long... shape) {
        return of(raw.reshape(shape));
    }

    /// The axes in another order, a view.
    public Tensor permute(long... axes) {
        return of(raw.permute(axes));
    }

    /// All numbers as one axis.
    public Tensor flatten() {
        return of(raw.flatten());
    }

    /// The axes from `first` to `last`, inclusive, as one axis.
    public Tensor flatten(long first, long last) {
        return of(raw.flatten(first, last));
    }

    /// A new axis of size 1 before `axis`, a view.
    public Tensor unsqueeze(long axis) {
        return of(raw.unsqueeze(axis));
    }

    /// Without the axes of size 1, a view.
    public Tensor squeeze() {
        return of(raw.squeeze());
    }

    /// Without this axis where its size is 1, a view.
    public Tensor squeeze(long axis) {
        return of(raw.squeeze(axis));
    }

    /// Axes of size 1 repeated up to this shape, a view.
    public Tensor expand(long... shape) {
        return of(raw.expand(shape));
    }

    /// Axes of size 1 repeated up to the other's shape, a view.
    public Tensor expand_as(Tensor other) {
        return of(raw.expand_as(other.raw));
    }

    /// The `length` entries of an axis from `start`, a view.
    public Tensor narrow(long axis, long start, long length) {
        return of(raw.narrow(axis, start, length));
    }

    /// One entry of an axis, which goes, a view.
    public Tensor select(long axis, long at) {
        return of(raw.select(axis, at));
    }

    /// The entries of an axis that whole numbers `[n]` choose.
    public Tensor index_select(long axis, Tensor at) {
        return raw.is_meta() ? gatherWhole(axis, at) : of(raw.index_select(axis, at.raw));
    }

    /// What `index_select` gives, by an operation that libtorch has for shapes alone too.
    private Tensor gatherWhole(long axis, Tensor at) {
        return Scopes.keep(() -> gather(axis, whole(axis, at)));
    }

    /// Entries of one axis, as places of all numbers that they hold, in a view.
    private Tensor whole(long axis, Tensor at) {
        int own = Math.toIntExact(axis < 0 ? axis + ndimension() : axis);
        long[] places = new long[shape().length];
        Arrays.fill(places, 1);
        places[own] = at.numel();
        long[] whole = shape();
        whole[own] = at.numel();
        return at.view(places).expand(whole);
    }

    /// One entry of an axis for each of the chosen places, which have the result's shape.
    public Tensor gather(long axis, Tensor at) {
        return of(raw.gather(axis, at.raw));
    }

    /// A copy with the entries of an axis at whole numbers `[n]` replaced by those of `source`.
    public Tensor index_copy(long axis, Tensor at, Tensor source) {
        return raw.is_meta()
                ? Scopes.keep(() -> scatter(axis, whole(axis, at), source))
                : of(raw.index_copy(axis, at.raw, source.raw));
    }

    /// The entries of an axis at whole numbers `[n]` replaced by those of `source`.
    public Tensor index_copy_(long axis, Tensor at, Tensor source) {
        raw.index_copy_(axis, at.raw, source.raw);
        return this;
    }

    /// The entries of an axis at whole numbers `[n]` replaced by a number.
    public Tensor index_fill(long axis, Tensor at, long number) {
        return of(raw.index_fill(axis, at.raw, scalar(number)));
    }

    /// The entries of an axis at whole numbers `[n]` replaced by a number.
    public Tensor index_fill(long axis, Tensor at, double number) {
        return of(raw.index_fill(axis, at.raw, scalar(number)));
    }

    /// A number written to one entry of an axis for each of the chosen places.
    public Tensor scatter(long axis, Tensor at, long number) {
        return of(raw.scatter(axis, at.raw, scalar(number)));
    }

    /// A number written to one entry of an axis for each of the chosen places.
    public Tensor scatter(long axis, Tensor at, double number) {
        return of(raw.scatter(axis, at.raw, scalar(number)));
    }

    /// The elements of `source` written to an axis at the chosen places, one each.
    public Tensor scatter(long axis, Tensor at, Tensor source) {
        return of(raw.scatter(axis, at.raw, source.raw));
    }

    /// The places `[n, axes]` of the elements other than zero. Where there are no numbers, half of
    /// them count.
    public Tensor nonzero() {
        return raw.is_meta()
                ? Tensors.empty(Device.META, Type.LONG, Math.ceilDiv(numel(), 2), ndimension())
                : of(raw.nonzero());
    }

    // Products.

    /// The matrix product over the last two axes; the axes before them are broadcast.
    public Tensor matmul(Tensor other) {
        Tensor product = of(raw.matmul(other.raw));
        Meter.product(this, other, product);
        return product;
    }

    // Arithmetic, with broadcasting.

    /// The sum.
    public Tensor add(Tensor other) {
        return of(raw.add(other.raw));
    }

    /// The sum with a number.
    public Tensor add(long number) {
        return of(raw.add(scalar(number)));
    }

    /// The sum with a number.
    public Tensor add(double number) {
        return of(raw.add(scalar(number)));
    }

    /// This plus `factor` times the other.
    public Tensor add(Tensor other, long factor) {
        return of(raw.add(other.raw, scalar(factor)));
    }

    /// This plus `factor` times the other.
    public Tensor add(Tensor other, double factor) {
        return of(raw.add(other.raw, scalar(factor)));
    }

    /// The difference.
    public Tensor sub(Tensor other) {
        return of(raw.sub(other.raw));
    }

    /// The difference from a number.
    public Tensor sub(long number) {
        return of(raw.sub(scalar(number)));
    }

    /// The difference from a number.
    public Tensor sub(double number) {
        return of(raw.sub(scalar(number)));
    }

    /// This minus `factor` times the other.
    public Tensor sub(Tensor other, long factor) {
        return of(raw.sub(other.raw, scalar(factor)));
    }

    /// This minus `factor` times the other.
    public Tensor sub(Tensor other, double factor) {
        return of(raw.sub(other.raw, scalar(factor)));
    }

    /// The product, element by element.
    public Tensor mul(Tensor other) {
        return of(raw.mul(other.raw));
    }

    /// The product with a number.
    public Tensor mul(long number) {
        return of(raw.mul(scalar(number)));
    }

    /// The product with a number.
    public Tensor mul(double number) {
        return of(raw.mul(scalar(number)));
    }

    /// The quotient.
    public Tensor div(Tensor other) {
        return of(raw.div(other.raw));
    }

    /// The quotient by a number.
    public Tensor div(long number) {
        return of(raw.div(scalar(number)));
    }

    /// The quotient by a number.
    public Tensor div(double number) {
        return of(raw.div(scalar(number)));
    }

    /// The power with this exponent.
    public Tensor pow(long number) {
        return of(raw.pow(scalar(number)));
    }

    /// The power with this exponent.
    public Tensor pow(double number) {
        return of(raw.pow(scalar(number)));
    }

    /// The lesser of two elements.
    public Tensor minimum(Tensor other) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofBoth(raw, other.raw) : raw.minimum(other.raw));
    }

    /// The greater of two elements.
    public Tensor maximum(Tensor other) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofBoth(raw, other.raw) : raw.maximum(other.raw));
    }

    /// The absolute values.
    public Tensor abs() {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.abs());
    }

    /// The negatives.
    public Tensor neg() {
        return of(raw.neg());
    }

    /// -1, 0 or 1, by the sign.
    public Tensor sign() {
        return of(raw.sign());
    }

    /// The square roots.
    public Tensor sqrt() {
        return of(raw.sqrt());
    }

    /// The exponentials.
    public Tensor exp() {
        return of(raw.exp());
    }

    /// The natural logarithms.
    public Tensor log() {
        return of(raw.log());
    }

    /// The logarithms to base 2.
    public Tensor log2() {
        return of(raw.log2());
    }

    /// The nearest whole numbers, ties to even.
    public Tensor round() {
        return of(raw.round());
    }

    /// The greater of the element and 0.
    public Tensor relu() {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.relu());
    }

    /// The sines of angles in radians.
    public Tensor sin() {
        return of(raw.sin());
    }

    /// The cosines of angles in radians.
    public Tensor cos() {
        return of(raw.cos());
    }

    /// `1 / (1 + exp(-x))`.
    public Tensor sigmoid() {
        return of(raw.sigmoid());
    }

    /// The hyperbolic tangents.
    public Tensor tanh() {
        return of(raw.tanh());
    }

    /// The error function.
    public Tensor erf() {
        return of(raw.erf());
    }

    /// The greatest whole numbers not above.
    public Tensor floor() {
        return of(raw.floor());
    }

    /// The least whole numbers not below.
    public Tensor ceil() {
        return of(raw.ceil());
    }

    /// The squares.
    public Tensor square() {
        return of(raw.square());
    }

    /// One by the square roots.
    public Tensor rsqrt() {
        return of(raw.rsqrt());
    }

    /// Elements moved into `[least, greatest]`.
    public Tensor clamp(long least, long greatest) {
        return of(
                ShapeOnly.is(raw)
                        ? ShapeOnly.ofEach(raw)
                        : raw.clamp(
                                new ScalarOptional(scalar(least)),
                                new ScalarOptional(scalar(greatest))));
    }

    /// Elements moved into `[least, greatest]`.
    public Tensor clamp(double least, double greatest) {
        return of(
                ShapeOnly.is(raw)
                        ? ShapeOnly.ofEach(raw)
                        : raw.clamp(
                                new ScalarOptional(scalar(least)),
                                new ScalarOptional(scalar(greatest))));
    }

    /// Elements raised to at least a number.
    public Tensor clamp_min(long number) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.clamp_min(scalar(number)));
    }

    /// Elements raised to at least a number.
    public Tensor clamp_min(double number) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.clamp_min(scalar(number)));
    }

    /// Elements lowered to at most a number.
    public Tensor clamp_max(long number) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.clamp_max(scalar(number)));
    }

    /// Elements lowered to at most a number.
    public Tensor clamp_max(double number) {
        return of(ShapeOnly.is(raw) ? ShapeOnly.ofEach(raw) : raw.clamp_max(scalar(number)));
    }

    // In place.

    /// Adds the other.
    public Tensor add_(Tensor other) {
        raw.add_(other.raw);
        return this;
    }

    /// Adds a number.
    public Tensor add_(long number) {
        raw.add_(scalar(number));
        return this;
    }

    /// Adds a number.
    public Tensor add_(double number) {
        raw.add_(scalar(number));
        return this;
    }

    /// Adds `factor` times the other.
    public Tensor add_(Tensor other, long factor) {
        raw.add_(other.raw, scalar(factor));
        return this;
    }

    /// Adds `factor` times the other.
    public Tensor add_(Tensor other, double factor) {
        raw.add_(other.raw, scalar(factor));
        return this;
    }

    /// Takes the other away.
    public Tensor sub_(Tensor other) {
        raw.sub_(other.raw);
        return this;
    }

    /// Takes a number away.
    public Tensor sub_(long number) {
        raw.sub_(scalar(number));
        return this;
    }

    /// Takes a number away.
    public Tensor sub_(double number) {
        raw.sub_(scalar(number));
        return this;
    }

    /// Multiplies by the other.
    public Tensor mul_(Tensor other) {
        raw.mul_(other.raw);
        return this;
    }

    /// Multiplies by a number.
    public Tensor mul_(long number) {
        raw.mul_(scalar(number));
        return this;
    }

    /// Multiplies by a number.
    public Tensor mul_(double number) {
        raw.mul_(scalar(number));
        return this;
    }

    /// Divides by the other.
    public Tensor div_(Tensor other) {
        raw.div_(other.raw);
        return this;
    }

    /// The exponentials in place of the numbers.
    public Tensor exp_() {
        raw.exp_();
        return this;
    }

    /// Adds the matrix product of two.
    public Tensor addmm_(Tensor first, Tensor second) {
        raw.addmm_(first.raw, second.raw);
        Meter.product(first, second, this);
        return this;
    }

    /// Adds `factor` times the product of two.
    public Tensor addcmul_(Tensor first, Tensor second, double factor) {
        raw.addcmul_(first.raw, second.raw, scalar(factor));
        return this;
    }

    /// Adds `factor` times the quotient of two.
    public Tensor addcdiv_(Tensor first, Tensor second, double factor) {
        raw.addcdiv_(first.raw, second.raw, scalar(factor));
        return this;
    }

    /// Copies the other's numbers, of any type and device, into this memory.
    public Tensor copy_(Tensor other) {
        raw.copy_(other.raw);
        return this;
    }

    /// Makes all elements one number.
    public Tensor fill_(long number) {
        raw.fill_(scalar(number));
        return this;
    }

    /// Makes all elements one number.
    public Tensor fill_(double number) {
        raw.fill_(scalar(number));
        return this;
    }

    /// Makes all elements zero.
    public Tensor zero_() {
        raw.zero_();
        return this;
    }

    /// Makes the elements that booleans choose one number.
    public Tensor masked_fill_(Tensor chosen, long number) {
        raw.masked_fill_(chosen.raw, scalar(number));
        return this;
    }

    /// Makes the elements that booleans choose one number.
    public Tensor masked_fill_(Tensor chosen, double number) {
        raw.masked_fill_(chosen.raw, scalar(number));
        return this;
    }

    /// Moves elements into `[least, greatest]`.
    public Tensor clamp_(long least, long greatest) {
        raw.clamp_(new ScalarOptional(scalar(least)), new ScalarOptional(scalar(greatest)));
        return this;
    }

    /// Moves elements into `[least, greatest]`.
    public Tensor clamp_(double least, double greatest) {
        raw.clamp_(new ScalarOptional(scalar(least)), new ScalarOptional(scalar(greatest)));
        return this;
    }

    /// Raises elements to at least a number.
    public Tensor clamp_min_(long number) {
        raw.clamp_min_(scalar(number));
        return this;
    }

    /// Raises elements to at least a number.
    public Tensor clamp_min_(double number) {
        raw.clamp_min_(scalar(number));
        return this;
    }

    /// Lowers elements to at most a number.
    public Tensor clamp_max_(long number) {
        raw.clamp_max_(scalar(number));
        return this;
    }

    /// Lowers elements to at most a number.
    public Tensor clamp_max_(double number) {
        raw.clamp_max_(scalar(number));
        return this;
    }

    /// Divides by a number.
    public Tensor div_(long number) {
        raw.div_(scalar(number));
        return this;
    }

    /// Divides by a number.
    public Tensor div_(double number) {
        raw.div_(scalar(number));
        return this;
    }

    /// Makes every element its square root.
    public Tensor sqrt_() {
        raw.sqrt_();
        return this;
    }

    /// Adds the entries of `source` to those of an axis at whole numbers `[n]`.
    public Tensor index_add_(long axis, Tensor at, Tensor source) {
        raw.index_add_(axis, at.raw, source.raw);
        return this;
    }

    // Booleans.

    /// Where this is greater than the other.
    public Tensor gt(Tensor other) {
        return of(raw.gt(other.raw));
    }

    /// Where this is greater than a number.
    public Tensor gt(long number) {
        return of(raw.gt(scalar(number)));
    }

    /// Where this is greater than a number.
    public Tensor gt(double number) {
        return of(raw.gt(scalar(number)));
    }

    /// Where this is at least the other.
    public Tensor ge(Tensor other) {
        return of(raw.ge(other.raw));
    }

    /// Where this is at least a number.
    public Tensor ge(long number) {
        return of(raw.ge(scalar(number)));
    }

    /// Where this is at least a number.
    public Tensor ge(double number) {
        return of(raw.ge(scalar(number)));
    }

    /// Where this is less than the other.
    public Tensor lt(Tensor other) {
        return of(raw.lt(other.raw));
    }

    /// Where this is less than a number.
    public Tensor lt(long number) {
        return of(raw.lt(scalar(number)));
    }

    /// Where this is less than a number.
    public Tensor lt(double number) {
        return of(raw.lt(scalar(number)));
    }

    /// Where this is at most the other.
    public Tensor le(Tensor other) {
        return of(raw.le(other.raw));
    }

    /// Where this is at most a number.
    public Tensor le(long number) {
        return of(raw.le(scalar(number)));
    }

    /// Where this is at most a number.
    public Tensor le(double number) {
        return of(raw.le(scalar(number)));
    }

    /// Where this is equal to the other.
    public Tensor eq(Tensor other) {
        return of(raw.eq(other.raw));
    }

    /// Where this is equal to a number.
    public Tensor eq(long number) {
        return of(raw.eq(scalar(number)));
    }

    /// Where this is equal to a number.
    public Tensor eq(double number) {
        return of(raw.eq(scalar(number)));
    }

    /// Where this is other than the other.
    public Tensor ne(Tensor other) {
        return of(raw.ne(other.raw));
    }

    /// Where this is other than a number.
    public Tensor ne(long number) {
        return of(raw.ne(scalar(number)));
    }

    /// Where this is other than a number.
    public Tensor ne(double number) {
        return of(raw.ne(scalar(number)));
    }

    /// Where the element is zero or false.
    public Tensor logical_not() {
        return of(ShapeOnly.is(raw) ? ShapeOnly.booleans(raw) : raw.logical_not());
    }

    /// Where neither is zero or false.
    public Tensor logical_and(Tensor other) {
        return of(
                ShapeOnly.is(raw)
                        ? ShapeOnly.booleans(raw, other.raw)
                        : raw.logical_and(other.raw));
    }

    /// Where not both are zero or false.
    public Tensor logical_or(Tensor other) {
        return of(
                ShapeOnly.is(raw) ? ShapeOnly.booleans(raw, other.raw) : raw.logical_or(other.raw));
    }

    /// Where the element is neither infinite nor NaN.
    public Tensor isfinite() {
        return of(ShapeOnly.is(raw) ? ShapeOnly.booleans(raw) : raw.isfinite());
    }

    /// Whether any element is true.
    public Tensor any() {
        return of(raw.any());
    }

    /// Whether all elements are true.
    public Tensor all() {
        return of(raw.all());
    }

    /// Whether any element along an axis, which goes, is true.
    public Tensor any(long axis) {
        return of(raw.any(axis));
    }

    /// Whether all elements along an axis, which goes, are true.
    public Tensor all(long axis) {
        return of(raw.all(axis));
    }

    /// The same numbers but one number where booleans choose.
    public Tensor masked_fill(Tensor chosen, long number) {
        return of(raw.masked_fill(chosen.raw, scalar(number)));
    }

    /// The same numbers but one number where booleans choose.
    public Tensor masked_fill(Tensor chosen, double number) {
        return of(raw.masked_fill(chosen.raw, scalar(number)));
    }

    /// This where booleans choose, the other elsewhere.
    public Tensor where(Tensor chosen, Tensor other) {
        return of(
                ShapeOnly.is(raw)
                        ? ShapeOnly.chosen(chosen.raw, raw, other.raw)
                        : raw.where(chosen.raw, other.raw));
    }

    // Over axes.

    /// The sum of all elements.
    public Tensor sum() {
        return of(raw.sum());
    }

    /// The sum over axes, which go.
    public Tensor sum(long... axes) {
        return sum(axes, false);
    }

    /// The sum over axes, which stay with size 1 when `keep` is true.
    public Tensor sum(long[] axes, boolean keep) {
        return of(raw.sum(axes, keep, new ScalarTypeOptional()));
    }

    /// The mean of all elements.
    public Tensor mean() {
        return of(raw.mean());
    }

    /// The mean over axes, which go.
    public Tensor mean(long... axes) {
        return mean(axes, false);
    }

    /// The mean over axes, which stay with size 1 when `keep` is true.
    public Tensor mean(long[] axes, boolean keep) {
        return of(raw.mean(axes, keep, new ScalarTypeOptional()));
    }

    /// The largest element; its gradient is shared among equals.
    public Tensor amax() {
        return of(raw.amax());
    }

    /// The largest along axes, which go; its gradient is shared among equals.
    public Tensor amax(long... axes) {
        return amax(axes, false);
    }

    /// The largest along axes, which stay with size 1 when `keep` is true.
    public Tensor amax(long[] axes, boolean keep) {
        return of(raw.amax(axes, keep));
    }

    /// The largest element.
    public Tensor max() {
        return of(raw.max());
    }

    /// The smallest element.
    public Tensor min() {
        return of(raw.min());
    }

    /// The Euclidean norm of all elements.
    public Tensor norm() {
        return of(raw.norm());
    }

    /// The sum of a matrix's diagonal.
    public Tensor trace() {
        return of(raw.trace());
    }

    /// The place of the largest element among all.
    public Tensor argmax() {
        return of(raw.argmax());
    }

    /// The place of the smallest element among all.
    public Tensor argmin() {
        return of(raw.argmin());
    }

    /// The places of the largest along an axis, which stays with size 1 when `keep` is true.
    public Tensor argmax(long axis, boolean keep) {
        return of(raw.argmax(new LongOptional(axis), keep));
    }

    /// The places of the largest along an axis, which goes.
    public Tensor argmax(long axis) {
        return argmax(axis, false);
    }

    /// Softmax along an axis.
    public Tensor softmax(long axis) {
        return of(raw.softmax(axis, new ScalarTypeOptional()));
    }

    /// The logarithm of softmax along an axis.
    public Tensor log_softmax(long axis) {
        return of(raw.log_softmax(axis, new ScalarTypeOptional()));
    }

    /// The logarithm of the sum of exponentials over axes, which go.
    public Tensor logsumexp(long... axes) {
        return of(raw.logsumexp(axes, false));
    }

    /// The running sums along an axis.
    public Tensor cumsum(long axis) {
        return of(raw.cumsum(axis, new ScalarTypeOptional()));
    }

    /// The elements on and below a matrix's diagonal, zero elsewhere.
    public Tensor tril() {
        return of(raw.tril());
    }

    /// The elements on and above a matrix's diagonal, zero elsewhere.
    public Tensor triu() {
        return of(raw.triu());
    }

    /// The places along the last axis in rising order of their elements.
    public Tensor argsort() {
        return of(raw.argsort());
    }

    /// Whether both are the same tensor of the engine, not whether numbers are equal.
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Tensor tensor && raw.equals(tensor.raw);
    }

    @Override
    public int hashCode() {
        return Objects.hashCode(raw);
    }

    @Override
    public String toString() {
        return raw.toString();
    }
}
