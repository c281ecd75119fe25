package cleave.tensor;

import org.bytedeco.pytorch.GradMode;

/// Whether operations of the calling thread record a graph for gradients: `try (var _ =
/// Gradients.off()) { ... }`.
public final class Gradients {
    private Gradients() {}

    /// Whether a graph is recorded now.
    public static boolean recording() {
        return GradMode.is_enabled();
    }

    /// Records no graph until it is closed, on this thread.
    public static Switch off() {
        return new Switch(false);
    }

    /// Records a graph until it is closed, on this thread.
    public static Switch on() {
        return new Switch(true);
    }

    /// What brings back, when closed, the recording there was before.
    public static final class Switch implements AutoCloseable {
        private final boolean before = GradMode.is_enabled();

        private Switch(boolean recording) {
            GradMode.set_enabled(recording);
        }

        @Override
        public void close() {
            GradMode.set_enabled(before);
        }
    }
}
