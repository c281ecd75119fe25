package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A site's map with the bias that follows it.
///
/// @param site whose map it is
/// @param bias name of the stored bias, of which a site takes the outputs that are its own
public record Projection(Site site, Optional<String> bias) {

    /// The outputs `[B, P, d_out]`, and notes the input.
    ///
    /// @param input `[B, P, d_in]`
    /// @param positions `[B, P]` the positions of its rows; null when they are all T
    public Tensor of(Pass pass, Tensor input, @Nullable Tensor positions) {
        pass.note(site, input);
        Tensor output = pass.output(site, input, positions);
        return bias.isEmpty() ? output : output.add(own(pass.named(bias.get())));
    }

    /// The part of a stored bias that belongs to the site's outputs.
    Tensor own(Tensor stored) {
        return stored.size(0) == site.dOut()
                ? stored
                : stored.narrow(0, site.stored().firstOutput(), site.dOut());
    }
}
