package cleave.mask;

import cleave.config.FromScalar;
import cleave.config.Open;
import cleave.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/// How the masks of all sites come about in one pass (spec M1, M4).
///
/// A masking says of each site the masks of its subcomponents, and what of the weight delta and of
/// the remainder of merged subcomponents stays. Which sites are replaced at all is [Routes]' to
/// say.
///
/// The interface is open: a record of a user's own that implements it can be named in a
/// configuration (see [cleave.config.OwnKinds]) and given to [MaskedForward].
@Open(
        core = {
            Masking.Stochastic.class,
            Masking.Importance.class,
            Masking.Binary.class,
            Masking.Rounded.class,
            Masking.Ones.class,
            Masking.Zero.class
        })
public interface Masking {

    /// The masks of one site in one pass.
    SiteMasks of(MaskedPlace place);

    /// What the masking is called in the names of terms.
    default String name() {
        return getClass()
                .getSimpleName()
                .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                .toLowerCase(Locale.ROOT);
    }

    /// The maskings without settings by name, so that a configuration may say `masks: importance`.
    @FromScalar
    static Masking named(String name) {
        return switch (name) {
            case "stochastic" -> new Stochastic();
            case "importance" -> new Importance();
            case "binary" -> new Binary();
            case "rounded" -> new Rounded();
            case "ones" -> new Ones();
            case "zero" -> new Zero();
            default ->
                    throw new IllegalArgumentException(
                            "must be one of stochastic, importance, binary, rounded, ones, zero or a mapping with a kind, got "
                                    + name);
        };
    }

    /// `g + (1 - g) r` with uniform r at every position. A uniform share of the delta (where the
    /// stream keeps it so) and of the remainder stays, since both are of importance 0.
    record Stochastic() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return new SiteMasks(
                    new MaskForm.Between(place.sources()),
                    place.keepsDeltaInPart() ? place.deltas() : null,
                    place.hasRemainder() ? place.remainders() : null);
        }
    }

    /// The importance g itself.
    record Importance() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return SiteMasks.alone(new MaskForm.Importance());
        }
    }

    /// 1 with probability g, else 0. A gradient passes to g as if the mask were g.
    record Binary() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return SiteMasks.alone(new MaskForm.Below(place.sources()));
        }
    }

    /// 1 where g > 0.5, else 0.
    record Rounded() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            Tensor g = place.importances().detach();
            return SiteMasks.alone(new MaskForm.Given(g.gt(0.5).to(g.type())));
        }
    }

    /// 1 everywhere, the remainder too.
    record Ones() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return new SiteMasks(new MaskForm.Given(place.all(1)), null, place.everywhere());
        }
    }

    /// 0 everywhere.
    record Zero() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return SiteMasks.alone(new MaskForm.Given(place.all(0)));
        }
    }

    /// Masks that somebody gives, such as those of a suppression.
    ///
    /// @param sites the mask of each site in site order, broadcastable to `[B, T, C]`; null only
    ///   for a site that is not routed
    /// @param remainders of which sites the mask of the remainder is 1, by place; of the others it
    ///   is 0 (spec C3)
    record Given(List<@Nullable Tensor> sites, IntPredicate remainders) implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            Tensor mask = Objects.requireNonNull(sites.get(place.index()));
            return new SiteMasks(
                    new MaskForm.Given(place.expanded(mask)),
                    null,
                    remainders.test(place.index()) ? place.everywhere() : null);
        }
    }

    /// The same masks `[C]` at every position, without a gradient.
    ///
    /// @param sites the masks of each site
    /// @param remainder whether the mask of the remainder is 1; else it is 0
    record Everywhere(List<double[]> sites, boolean remainder) implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return new SiteMasks(
                    new MaskForm.Everywhere(sites.get(place.index())),
                    null,
                    remainder ? place.everywhere() : null);
        }
    }

    /// The masks u `[C]` at every position, and no remainder. The gradient of masks below 1 passes
    /// to each sequence's largest importance, which positions that share it share evenly (spec L9).
    ///
    /// @param sites u of each site
    record Used(List<double[]> sites) implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            return SiteMasks.alone(new MaskForm.Used(sites.get(place.index())));
        }
    }

    /// `g + (1 - g) r` with sources r that all sequences and positions share, such as an
    /// adversary's (spec M4).
    ///
    /// @param sources r of each site `[C]`, in site order
    /// @param deltas delta mask of each site `[1]`, in site order; read only where the weight delta
    ///   is `stochastic`
    /// @param remainders mask of each site's remainder `[1]`, in site order; read only where it has
    ///   one
    record Sources(List<Tensor> sources, List<Tensor> deltas, List<Tensor> remainders)
            implements Masking {

        /// Keeps unmodifiable copies of the lists.
        public Sources {
            sources = List.copyOf(sources);
            deltas = List.copyOf(deltas);
            remainders = List.copyOf(remainders);
        }

        @Override
        public SiteMasks of(MaskedPlace place) {
            Tensor mask = MaskDraws.between(place.importances(), sources.get(place.index()));
            return new SiteMasks(
                    new MaskForm.Given(mask),
                    place.keepsDeltaInPart()
                            ? place.atEveryPosition(deltas.get(place.index()))
                            : null,
                    place.atEveryPosition(remainders.get(place.index())));
        }

        /// Sources, deltas and remainders one after the other.
        public List<Tensor> all() {
            return java.util.stream.Stream.of(sources, deltas, remainders)
                    .flatMap(List::stream)
                    .toList();
        }
    }
}
