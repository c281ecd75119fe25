package cleave.run;

import cleave.config.Kinds;
import cleave.hub.Model;
import java.io.IOException;
import java.nio.file.Path;

/// What a run needs beside its configuration: its target, and the kinds that the configuration may
/// name.
interface TargetSource {

    /// The kinds that configurations may name.
    Kinds kinds();

    /// The target as the run begins, closed by who asks.
    Model open();

    /// Writes the run's own copy of the target.
    void copyTo(Path folder) throws IOException;

    /// The target of a run that has begun, closed by who asks.
    ///
    /// @throws cleave.config.UserError when the weights are not those that the run was made on
    Model reopen(RunDirectory directory, RunFile file, Provenance provenance);

    /// The folder that a configuration names.
    static TargetSource folder(RunFile file) {
        Path folder = Path.of(file.target());
        return new TargetSource() {
            @Override
            public Kinds kinds() {
                return Kinds.installed();
            }

            @Override
            public Model open() {
                return DecompositionRun.load(file, folder);
            }

            @Override
            public void copyTo(Path copy) throws IOException {
                Model.copy(folder, copy);
            }

            @Override
            public Model reopen(
                    RunDirectory directory, RunFile configuration, Provenance provenance) {
                return LoadedRun.model(directory, configuration, provenance);
            }
        };
    }
}
