package cleave.mask;

import cleave.model.Batch;
import cleave.model.Target;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Forward passes of one batch with sites replaced by their masked subcomponents, as loss terms ask
/// for them: a pass is a [Masking] times [Routes], and a [Routing] draws the routes of one or more
/// passes.
///
/// [MaskedForward] makes them fast; the reference step makes them as the method defines them.
public interface MaskedPasses {

    /// The batch.
    Batch batch();

    /// The number of decomposed sites L.
    int sites();

    /// One pass. Sites that are not routed keep the target's own map, which is what masks of 1 with
    /// the whole weight delta make of it.
    ///
    /// @param draws what the masking may draw; null for a masking that draws nothing
    Target.Forward pass(Masking masking, Routes routes, @Nullable MaskDraws draws);

    /// One pass under a masking that draws nothing.
    default Target.Forward pass(Masking masking, Routes routes) {
        return pass(masking, routes, null);
    }

    /// One pass under a masking that draws nothing, with every site replaced.
    default Target.Forward pass(Masking masking) {
        return pass(masking, Routes.all(sites()));
    }

    /// The passes that a routing asks for, to be averaged: L for `each_alone`, none for a
    /// batch-drawn routing that replaces no site, else one. Each is made when asked for, so that
    /// what it holds can be freed before the next.
    default List<Supplier<Target.Forward>> passes(
            Masking masking, Routing routing, MaskDraws draws) {
        return draws.routes(routing, batch(), sites()).stream()
                .<Supplier<Target.Forward>>map(routes -> () -> pass(masking, routes, draws))
                .toList();
    }
}
