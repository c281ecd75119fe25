package cleave.decomposition;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// All trained numbers of a decomposition in one flat tensor, with named views into it.
///
/// U and V of every site come first, then the gates, so that each group is one stretch. One flat
/// tensor makes zeroing, adding and updating single operations, whatever the number of sites.
public final class Parameters implements AutoCloseable {

    private record Slot(long offset, long[] shape) {}

    private final SortedMap<String, Slot> slots = new TreeMap<>();
    private final long subcomponentNumbers;
    private final Tensor values; // [n]
    private final SortedMap<String, Tensor> views = new TreeMap<>();

    /// Copies the parameters of a decomposition.
    public Parameters(AllParameters<Tensor> initial, Type type) {
        this(
                initial.map((_, tensor) -> shape(tensor)),
                type,
                views -> copy(initial.named(), views));
    }

    /// Parameters of a decomposition that are written in place, so that none of them ever exists
    /// twice.
    ///
    /// @param fill writes to the views of all parameters, which are zeros until then
    public Parameters(
            AllParameters<List<Long>> shapes, Type type, Consumer<SortedMap<String, Tensor>> fill) {
        this(shapes.subcomponents(), shapes.gates(), type, fill);
    }

    /// Copies tensors that are not of a decomposition: none counts as U or V.
    public Parameters(Map<String, Tensor> initial, Type type) {
        this(new TreeMap<>(), shapes(initial), type, views -> copy(initial, views));
    }

    private Parameters(
            SortedMap<String, List<Long>> first,
            SortedMap<String, List<Long>> second,
            Type type,
            Consumer<SortedMap<String, Tensor>> fill) {
        subcomponentNumbers = place(first, 0);
        long numbers = place(second, subcomponentNumbers);
        values = Scopes.own(Tensors.zeros(type, numbers));
        slots.keySet().forEach(name -> views.put(name, Scopes.own(slice(values, name))));
        try {
            fill.accept(views());
        } catch (RuntimeException failure) {
            close();
            throw failure;
        }
    }

    /// Gives tensors their places, one after the other, and returns where the last ends.
    private long place(SortedMap<String, List<Long>> shapes, long from) {
        long offset = from;
        for (Map.Entry<String, List<Long>> each : shapes.entrySet()) {
            long[] shape = each.getValue().stream().mapToLong(Long::longValue).toArray();
            slots.put(each.getKey(), new Slot(offset, shape));
            offset += Tensors.count(shape);
        }
        return offset;
    }

    private static List<Long> shape(Tensor tensor) {
        return Arrays.stream(tensor.shape()).boxed().toList();
    }

    private static SortedMap<String, List<Long>> shapes(Map<String, Tensor> tensors) {
        SortedMap<String, List<Long>> shapes = new TreeMap<>();
        tensors.forEach((name, tensor) -> shapes.put(name, shape(tensor)));
        return shapes;
    }

    private static void copy(Map<String, Tensor> from, SortedMap<String, Tensor> to) {
        Scopes.run(() -> to.forEach((name, view) -> view.copy_(Tensors.named(name, from))));
    }

    private Tensor slice(Tensor flat, String name) {
        Slot slot = Objects.requireNonNull(slots.get(name));
        return Scopes.keep(() ->
                flat.narrow(0, slot.offset(), Tensors.count(slot.shape())).view(slot.shape()));
    }

    /// Overwrites all values; names and shapes must match exactly.
    public void set(Map<String, Tensor> from) {
        if (!from.keySet().equals(slots.keySet())) {
            throw new IllegalArgumentException(
                    "parameters must be %s, got %s".formatted(slots.keySet(), from.keySet()));
        }
        copy(from, views);
    }

    /// The views by name.
    public SortedMap<String, Tensor> views() {
        return Collections.unmodifiableSortedMap(views);
    }

    /// The parts of another flat tensor `[n]` in the order of this one, by name: views into it.
    public SortedMap<String, Tensor> parts(Tensor flat) {
        SortedMap<String, Tensor> parts = new TreeMap<>();
        slots.keySet().forEach(name -> parts.put(name, slice(flat, name)));
        return parts;
    }

    /// A flat tensor `[n]` in the order of this one with these parts.
    public Tensor flat(Map<String, Tensor> parts) {
        return Scopes.keep(() -> {
            Tensor flat = Tensors.zerosLike(values);
            parts(flat).forEach((name, part) -> part.copy_(Tensors.named(name, parts)));
            return flat;
        });
    }

    /// All numbers `[n]`; writing to it writes to every view.
    public Tensor flat() {
        return values;
    }

    /// How many of the numbers, from the front, belong to U and V.
    public long subcomponentNumbers() {
        return subcomponentNumbers;
    }

    /// A set of leaves for one worker: aliases of these parameters with gradients of their own.
    public Leaves leaves() {
        return new Leaves(null);
    }

    /// The same, with the gradients of the gates in those of another set. A language model's gates
    /// are most of its parameters, and a gradient for each worker would be most of its memory.
    public Leaves leaves(Leaves sharing) {
        return new Leaves(sharing);
    }

    @Override
    public void close() {
        views.values().forEach(Scopes::release);
        Scopes.release(values);
    }

    /// Leaves of gradient graphs that share the parameters' memory; gradients add up in one flat
    /// tensor.
    public final class Leaves implements AutoCloseable {
        private final Tensor gradient; // [n], or of U and V alone
        private final SortedMap<String, Tensor> leaves = new TreeMap<>();
        private boolean isClear = true;

        private Leaves(@Nullable Leaves sharing) {
            long own = sharing == null ? values.numel() : subcomponentNumbers;
            gradient = Scopes.own(Tensors.zeros(values.device(), values.type(), own));
            slots.forEach((name, slot) -> {
                Tensor in =
                        sharing != null && slot.offset() >= subcomponentNumbers
                                ? sharing.gradient
                                : gradient;
                leaves.put(name, Scopes.own(leaf(name, in)));
            });
        }

        private Tensor leaf(String name, Tensor gradient) {
            return Scopes.keep(() -> {
                Tensor leaf = slice(values, name).detach();
                leaf.requires_grad_(true);
                // Backward adds into a gradient that is there already, in place.
                leaf.setGrad(slice(gradient, name));
                return leaf;
            });
        }

        /// The leaves by name.
        public SortedMap<String, Tensor> tensors() {
            return Collections.unmodifiableSortedMap(leaves);
        }

        /// The gradient of every number `[n]`; of U and V alone, which come first, where those of
        /// the gates are another set's.
        public Tensor gradient() {
            return gradient;
        }

        /// Sets the gradient to zero, unless an update has left it so.
        public void clear() {
            if (!isClear) {
                gradient.zero_();
            }
            isClear = false;
        }

        /// Notes that whoever used the gradient has set it to zero.
        public void wasCleared() {
            isClear = true;
        }

        @Override
        public void close() {
            leaves.values().forEach(Scopes::release);
            Scopes.release(gradient);
        }
    }
}
