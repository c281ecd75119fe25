package cleave.run;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.hub.Model;
import cleave.ranks.Exchange;
import cleave.tensor.Device;
import cleave.training.Trainer;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A configuration with its target in memory, and with fresh parameters as before step 0 once they
/// are asked for; no run directory. For measuring steps.
public final class PreparedRun implements AutoCloseable {
    private final RunFile file;
    private final Model model;
    private final List<DecomposedSite> sites;
    private final Device device;
    private @Nullable Parameters parameters;

    private PreparedRun(RunFile file, Model model, List<DecomposedSite> sites, Device device) {
        this.file = file;
        this.model = model;
        this.sites = sites;
        this.device = device;
    }

    /// Loads the target.
    ///
    /// @throws UserError when the configuration does not fit the target
    public static PreparedRun of(RunFile file) {
        file.machine().start();
        return of(file, DecompositionRun.load(file, Path.of(file.target())), Device.CPU);
    }

    /// The same with shapes alone: no number is read or computed and no memory taken, whatever the
    /// sizes. Of the target only the configuration need be there.
    ///
    /// @throws UserError when the configuration does not fit the target
    public static PreparedRun shaped(RunFile file) {
        file.machine().start();
        Path target = Path.of(file.target());
        return of(
                file,
                Model.shaped(target, DecompositionRun.type(file), file.machine().weights()),
                Device.META);
    }

    private static PreparedRun of(RunFile file, Model model, Device device) {
        try {
            file.checkAgainst(model);
            List<DecomposedSite> sites = file.sitesOf(model.target());
            LeastMemory.requireCountable(file, sites);
            model.target().use(file.machine().precision().products());
            return new PreparedRun(file, model, sites, device);
        } catch (RuntimeException refused) {
            model.close();
            throw refused;
        }
    }

    /// The configuration.
    public RunFile file() {
        return file;
    }

    /// The target model.
    public Model model() {
        return model;
    }

    /// The decomposed sites, in the target's order.
    public List<DecomposedSite> sites() {
        return sites;
    }

    /// Where everything is: the CPU, or `META` for shapes alone.
    public Device device() {
        return device;
    }

    /// The trained numbers, drawn on the first call.
    public Parameters parameters() {
        Parameters fresh = parameters;
        if (fresh == null) {
            fresh =
                    device.hasNumbers()
                            ? DecompositionRun.fresh(file, model, sites)
                            : Decomposition.shaped(model.target().type(), sites, file.importance());
            parameters = fresh;
        }
        return fresh;
    }

    /// What decides the course of training.
    public Trainer.Method method() {
        return file.method(model);
    }

    /// The decomposition on the parameters' views.
    public Decomposition decomposition() {
        return new Decomposition(
                model.target(), sites, file.importance(), file.leak(), parameters().views());
    }

    /// A trainer of these parameters at step 0, with the configuration's workers and slices; the
    /// caller closes it first.
    public Trainer trainer() {
        return DecompositionRun.trainer(
                file, model, decomposition(), parameters(), Exchange.alone());
    }

    @Override
    public void close() {
        if (parameters != null) {
            parameters.close();
        }
        model.close();
    }
}
