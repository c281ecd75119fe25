package cleave.tensor;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// The way back of operations that libtorch's graph does not know.
///
/// libtorch's own functions cannot be extended from Java. So the result of such an operation is a
/// leaf of the graph: the way back ends there, and goes on by the operation's rule, operation by
/// operation from the last to the first. What is read by several operations, or by one and by
/// libtorch's graph, has to be `cut`, so that what led to it is gone through once.
public final class Tape {
    /// Records nothing: operations are left to libtorch's graph.
    public static final Tape NONE = new Tape(null);

    private final @Nullable Deque<Entry> entries; // the last one first

    private Tape(@Nullable Deque<Entry> entries) {
        this.entries = entries;
    }

    /// An empty tape, for one thread.
    public static Tape empty() {
        return new Tape(new ArrayDeque<>());
    }

    /// Passes the gradient of an operation's result on to the gradients of what it read.
    @FunctionalInterface
    public interface Rule {
        /// Adds to the leaves' gradients.
        void backward(Tensor gradient);
    }

    /// An operation; it holds its tensors until it is done with.
    private record Entry(Tensor result, Rule rule, List<Tensor> read) {
        private Entry {
            Scopes.own(result);
            read.forEach(Scopes::own);
        }

        private void release() {
            read.forEach(Scopes::release);
            Scopes.release(result);
        }
    }

    /// Whether gradients are wanted and pass this way.
    public boolean records() {
        return entries != null && GradMode.is_enabled();
    }

    /// The result of an operation, as a leaf; while the tape records.
    ///
    /// @param value the result without graph
    /// @param rule called once, if the result has a gradient
    /// @param read what the rule uses
    public Tensor result(Tensor value, Rule rule, Tensor... read) {
        if (entries == null) {
            throw new IllegalStateException("a tape that records nothing takes no result");
        }
        Tensor leaf = value.detach();
        leaf.requires_grad_(true);
        entries.push(new Entry(leaf, rule, List.of(read)));
        return leaf;
    }

    /// The same numbers as a leaf of the graph, whose gradient goes on to x once; x itself where
    /// nothing is recorded or x has no graph.
    public Tensor cut(Tensor x) {
        if (!records() || !x.requires_grad() || x.is_leaf()) {
            return x;
        }
        return result(x, gradient -> Tensors.backward(x, gradient), x);
    }

    /// Adds to the leaves' gradients what a scalar means for them, and empties the tape.
    public void backward(Tensor scalar) {
        try {
            scalar.backward();
            while (entries != null && !entries.isEmpty()) {
                Entry entry = entries.peek();
                if (entry.result().grad().defined()) {
                    Scopes.run(() -> entry.rule().backward(entry.result().grad()));
                }
                entries.pop().release();
            }
        } finally {
            clear();
        }
    }

    /// Forgets what is recorded.
    public void clear() {
        while (entries != null && !entries.isEmpty()) {
            entries.pop().release();
        }
    }
}
