package cleave.run;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.hub.Model;
import cleave.ranks.Exchange;
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
    private @Nullable Parameters parameters;

    private PreparedRun(RunFile file, Model model, List<DecomposedSite> sites) {
        this.file = file;
        this.model = model;
        this.sites = sites;
    }

    /// Loads the target.
    ///
    /// @throws UserError when the configuration does not fit the target
    public static PreparedRun of(RunFile file) {
        file.machine().start();
        Model model = DecompositionRun.load(file, Path.of(file.target()));
        try {
            file.checkAgainst(model);
            List<DecomposedSite> sites = file.sitesOf(model.target());
            LeastMemory.requireCountable(file, sites);
            model.target().use(file.machine().precision().products());
            return new PreparedRun(file, model, sites);
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

    /// The trained numbers, drawn on the first call.
    public Parameters parameters() {
        Parameters fresh = parameters;
        if (fresh == null) {
            fresh = DecompositionRun.fresh(file, model, sites);
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
