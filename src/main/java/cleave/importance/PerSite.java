package cleave.importance;

import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GatePass;
import cleave.model.Site;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// An importance function whose gates of a site read that site alone.
public interface PerSite extends ImportanceFunction {

    /// Hidden width of the MLPs, D_gate; 0 where a function has none.
    default int hidden() {
        return 0;
    }

    /// Which numbers of a site the function asks for as `activation`: the site's input, or the
    /// target's rows where it reads tokens.
    default Tensor read(GateInputs.OfSite site) {
        return site.activation();
    }

    /// The pre-activations of one site `[B, T, C]`, with their graph.
    ///
    /// @param gate the site's parameters
    /// @param activation `[B, T, d_in]` the site's input, detached, or what `read` gives
    /// @param V `[d_in, C]` of the site
    /// @param valid `[B, T]`, null when every position is valid
    Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid);

    /// The pre-activations of one site with a way back to the parameters (see `preactivation`).
    default GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return GatePass.recorded(preactivation(gate, activation, V, valid));
    }

    /// How many numbers a pass over one site keeps per position until its way back, about.
    default long kept(Engine engine, Site site, int C, long length) {
        return 2L * C * hidden() + 3L * C; // the hidden layer before and after the GELU
    }

    @Override
    default GatesPass recorded(GateInputs inputs) {
        return GatesPass.recorded(
                inputs.sites().stream()
                        .map(site ->
                                Scopes.keep(() ->
                                        preactivation(
                                                site.gate(), read(site), site.V(), inputs.valid())))
                        .toList());
    }

    @Override
    default GatesPass open(GateInputs inputs) {
        List<GatePass> passes =
                inputs.sites().stream()
                        .map(site ->
                                pass(
                                        inputs.engine(),
                                        site.gate(),
                                        read(site),
                                        site.V(),
                                        inputs.valid()))
                        .toList();
        return GatesPass.each(passes);
    }

    @Override
    default long kept(Engine engine, List<GatedSite> sites, long length) {
        return sites.stream().mapToLong(s -> kept(engine, s.site(), s.count(), length)).sum();
    }
}
