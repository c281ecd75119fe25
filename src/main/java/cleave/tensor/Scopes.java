package cleave.tensor;

import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.jspecify.annotations.Nullable;

/// Lifetimes of native tensors: what is made inside a scope is freed when the scope ends.
///
/// The garbage collector does not see native memory, so every tensor has one owner: the innermost
/// open scope of the thread that made it, or an `AutoCloseable` that took it with `own`.
public final class Scopes {
    private Scopes() {}

    /// Runs `work` and frees every tensor it made except the result, which passes to the caller's
    /// scope (without one, to the garbage collector).
    public static Tensor keep(Supplier<Tensor> work) {
        return here().keep(work);
    }

    /// Opens a scope on the calling thread: what is made until it is closed is freed then.
    public static Scope open() {
        return new Scope();
    }

    /// An open scope; closed on the thread that opened it, after those opened within it.
    public static final class Scope implements AutoCloseable {
        private final PointerScope raw = new PointerScope();

        private Scope() {}

        /// Frees what was made in this scope.
        @Override
        public void close() {
            raw.close();
            Meter.freed();
        }
    }

    /// The innermost open scope of this thread, for what is made in scopes within it and outlives
    /// them.
    public static Place here() {
        return new Place(PointerScope.getInnerScope());
    }

    /// A scope that takes tensors made within others.
    ///
    /// @param scope null for the garbage collector
    public record Place(@Nullable PointerScope scope) {
        /// Runs `work` and frees every tensor it made except the result, which passes to this
        /// scope; on the scope's thread, while it is open.
        public Tensor keep(Supplier<Tensor> work) {
            try (Scope _ = open()) {
                Tensor result = work.get();
                if (scope == null) {
                    result.raw().retainReference();
                } else {
                    scope.attach(result.raw());
                }
                return result;
            }
        }
    }

    /// Runs `work`, whose result holds no tensor, and frees every tensor it made.
    public static <T extends @Nullable Object> T run(Supplier<T> work) {
        try (Scope _ = open()) {
            return work.get();
        }
    }

    /// Runs `work`, which makes no lasting tensor, and frees every tensor it made.
    public static void run(Runnable work) {
        try (Scope _ = open()) {
            work.run();
        }
    }

    /// Takes a tensor out of all scopes; the caller frees it with `release`.
    public static Tensor own(Tensor tensor) {
        tensor.raw().retainReference();
        return tensor;
    }

    /// Frees a tensor taken with `own`.
    public static void release(Tensor tensor) {
        tensor.raw().releaseReference();
        Meter.freed();
    }

    /// Runs `work` without recording a graph for gradients.
    public static <T extends @Nullable Object> T withoutGradient(Supplier<T> work) {
        return recording(false, work);
    }

    /// Runs `work` recording a graph for gradients, within `withoutGradient` too.
    public static <T extends @Nullable Object> T withGradient(Supplier<T> work) {
        return recording(true, work);
    }

    private static <T extends @Nullable Object> T recording(boolean graph, Supplier<T> work) {
        try (Gradients.Switch _ = graph ? Gradients.on() : Gradients.off()) {
            return work.get();
        }
    }

    /// A value with the scope of the tensors that were made for it.
    ///
    /// @param value what was made
    public record Held<T>(T value, Scope scope) implements AutoCloseable {
        /// Frees the tensors; on the thread that made them.
        @Override
        public void close() {
            scope.close();
        }
    }

    /// Runs `work` and keeps every tensor it made until the result is closed.
    public static <T> Held<T> hold(Supplier<T> work) {
        Scope scope = open();
        try {
            return new Held<>(work.get(), scope);
        } catch (RuntimeException failure) {
            scope.close();
            throw failure;
        }
    }
}
