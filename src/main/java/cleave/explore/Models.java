package cleave.explore;

import cleave.analysis.PromptRun;
import cleave.tensor.NativeRuntime;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The one run whose model is in memory; used by the thread of the jobs alone.
final class Models implements AutoCloseable {
    private @Nullable Path path;
    private @Nullable PromptRun open;

    /// The run at a path, opened if another one was open.
    PromptRun run(Path wanted, Jobs.Watch watch) {
        PromptRun there = open;
        if (there != null && wanted.equals(path)) {
            return there;
        }
        watch.step(0.05, "loading the model");
        close();
        PromptRun made = PromptRun.open(wanted);
        NativeRuntime.prepareThread();
        open = made;
        path = wanted;
        return made;
    }

    @Override
    public void close() {
        if (open != null) {
            open.loaded().close();
            open = null;
        }
    }
}
