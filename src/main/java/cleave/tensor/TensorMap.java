package cleave.tensor;

import cleave.config.NearestName;
import cleave.config.UserError;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;

/// Named tensors that live until this map is closed, whatever scope they were made in.
///
/// The map is immutable and sorted by name. Callers use its tensors but do not close them.
public final class TensorMap implements AutoCloseable {
    private final String source;
    private final SortedMap<String, Tensor> tensors;
    private boolean closed;

    private TensorMap(String source, SortedMap<String, Tensor> tensors) {
        this.source = source;
        this.tensors = tensors;
    }

    /// Takes a share in every tensor; `source` (a file, usually) names the map in messages.
    public static TensorMap of(String source, Map<String, Tensor> tensors) {
        SortedMap<String, Tensor> sorted = new TreeMap<>(tensors);
        sorted.values().forEach(Scopes::own);
        return new TensorMap(source, sorted);
    }

    /// Where the tensors come from.
    public String source() {
        return source;
    }

    /// The names, sorted.
    public SortedSet<String> names() {
        checkOpen();
        return Collections.unmodifiableSortedSet((SortedSet<String>) tensors.keySet());
    }

    /// The tensor of that name, of any type and shape.
    public Tensor get(String name) {
        checkOpen();
        Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new UserError(
                    "tensor must be one of the file's %d tensors, got %s (%s)%s"
                            .formatted(tensors.size(), name, source, nearest(name)));
        }
        return tensor;
    }

    /// The tensor of that name, checked to have this element type and shape.
    public Tensor get(String name, ElementType type, long... shape) {
        Tensor tensor = get(name);
        ElementType actual = ElementType.of(tensor, "tensor " + name);
        if (actual != type || !Arrays.equals(tensor.shape(), shape)) {
            throw new UserError(
                    "tensor %s must be %s %s, got %s %s (%s)"
                            .formatted(
                                    name,
                                    type,
                                    Arrays.toString(shape),
                                    actual,
                                    Arrays.toString(tensor.shape()),
                                    source));
        }
        return tensor;
    }

    /// Gives the tensors up; any later use is refused.
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            tensors.values().forEach(Scopes::release);
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "tensors of " + source + " were used after close, please report");
        }
    }

    private String nearest(String name) {
        return NearestName.of(name, tensors.keySet())
                .map(candidate -> "\nhint: the nearest name is " + candidate)
                .orElse("");
    }
}
