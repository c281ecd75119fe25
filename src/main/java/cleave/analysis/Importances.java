package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.importance.PerSite;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.List;

/// The importances of a decomposition.
public final class Importances {
    private Importances() {}

    /// The lower ones, none below 0: `[B, T, C]` of each site, in site order. With the plain leak
    /// training has masks below 0; what importance 0 means is that the subcomponent can be off.
    public static List<Tensor> of(Decomposition decomposition, Clean clean, Batch batch) {
        List<Tensor> importances = asInTraining(decomposition, clean, batch);
        Scopes.run(() -> importances.forEach(g -> g.clamp_min_(0)));
        return importances;
    }

    /// The lower ones as training has them, below 0 with the plain leak. Where gates of a site read
    /// that site alone, those of one site at a time are in memory.
    public static List<Tensor> asInTraining(Decomposition decomposition, Clean clean, Batch batch) {
        if (!(decomposition.function() instanceof PerSite)) {
            Scopes.Place outer = Scopes.here();
            return Scopes.run(() ->
                    decomposition.importances(clean, batch.valid()).stream()
                            .map(importance -> outer.keep(importance::lower))
                            .toList());
        }
        return decomposition.sites().stream()
                .map(site -> {
                    Decomposition alone =
                            new Decomposition(
                                    decomposition.target(),
                                    List.of(site),
                                    decomposition.function(),
                                    decomposition.leak(),
                                    decomposition.tensors());
                    return Scopes.keep(
                            () -> alone.importances(clean, batch.valid()).getFirst().lower());
                })
                .toList();
    }
}
