package cleave.explore;

import cleave.run.LoadedRun;
import cleave.tensor.NativeRuntime;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/// The one run whose model is in memory; used by the thread of the jobs alone.
final class Models implements AutoCloseable {
    private @Nullable Path path;
    private @Nullable LoadedRun open;

    /// The run at a path, opened if another one was open.
    LoadedRun run(Path wanted, Jobs.Watch watch) {
        LoadedRun there = open;
        if (there != null && wanted.equals(path)) {
            return there;
        }
        watch.step(0.05, "loading the model");
        close();
        LoadedRun loaded = LoadedRun.open(wanted);
        NativeRuntime.prepareThread();
        open = loaded;
        path = wanted;
        return loaded;
    }

    @Override
    public void close() {
        if (open != null) {
            open.close();
            open = null;
        }
    }
}
