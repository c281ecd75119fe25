package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.tensor.Scopes;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/// The lower importances of a decomposition.
final class Importances {
    private Importances() {}

    /// `[B, T, C]` of each site, in site order; the gates of one site at a time are in memory.
    static List<Tensor> lower(Decomposition decomposition, Clean clean, Batch batch) {
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
