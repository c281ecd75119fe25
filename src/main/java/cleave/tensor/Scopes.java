package cleave.tensor;

import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
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
            try (PointerScope _ = new PointerScope()) {
                Tensor result = work.get();
                if (scope == null) {
                    result.retainReference();
                } else {
                    scope.attach(result);
                }
                return result;
            }
        }
    }

    /// Runs `work`, whose result holds no tensor, and frees every tensor it made.
    public static <T extends @Nullable Object> T run(Supplier<T> work) {
        try (PointerScope _ = new PointerScope()) {
            return work.get();
        }
    }

    /// Runs `work`, which makes no lasting tensor, and frees every tensor it made.
    public static void run(Runnable work) {
        try (PointerScope _ = new PointerScope()) {
            work.run();
        }
    }

    /// Takes a tensor out of all scopes; the caller frees it with `release`.
    public static Tensor own(Tensor tensor) {
        tensor.retainReference();
        return tensor;
    }

    /// Frees a tensor taken with `own`.
    public static void release(Tensor tensor) {
        tensor.releaseReference();
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
        boolean before = GradMode.is_enabled();
        GradMode.set_enabled(graph);
        try {
            return work.get();
        } finally {
            GradMode.set_enabled(before);
        }
    }

    /// A value with the scope of the tensors that were made for it.
    ///
    /// @param value what was made
    public record Held<T>(T value, PointerScope scope) implements AutoCloseable {
        /// Frees the tensors; on the thread that made them.
        @Override
        public void close() {
            scope.close();
        }
    }

    /// Runs `work` and keeps every tensor it made until the result is closed.
    public static <T> Held<T> hold(Supplier<T> work) {
        PointerScope scope = new PointerScope();
        try {
            return new Held<>(work.get(), scope);
        } catch (RuntimeException failure) {
            scope.close();
            throw failure;
        }
    }
}
