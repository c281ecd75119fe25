package cleave.testing;

import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.model.Target;
import java.util.List;
import java.util.function.Supplier;

/// Masked passes made at once.
public final class Passes {
    private Passes() {}

    /// The passes that a routing asks for.
    public static List<Target.Forward> of(
            MaskedForward forward, Masking masking, Routing routing, MaskDraws draws) {
        return forward.passes(masking, routing, draws).stream().map(Supplier::get).toList();
    }
}
