package cleave.mask;

import cleave.config.Default;
import cleave.config.FromScalar;
import cleave.config.Range;

/// Which sites are replaced in a forward pass (spec M3).
public sealed interface Routing {

    /// The routings without settings by name, so that a configuration may say `routing: all`.
    @FromScalar
    static Routing named(String name) {
        return switch (name) {
            case "all" -> new All();
            case "each_alone" -> new EachAlone();
            default ->
                    throw new IllegalArgumentException(
                            "must be all, each_alone or a mapping with a kind, got " + name);
        };
    }

    /// Whether one choice serves the whole batch or every position has its own.
    enum Drawn {
        /// One choice for all sequences and positions of a step.
        PER_BATCH,
        /// A choice for each position.
        PER_POSITION
    }

    /// Every site.
    record All() implements Routing {}

    /// Each site alone in a pass of its own: layerwise reconstruction.
    record EachAlone() implements Routing {}

    /// k sites, k uniform in `1 .. L`: partial reconstruction.
    record RandomSubset(@Default("per_batch") Drawn drawn) implements Routing {}

    /// Each site with this probability; possibly none.
    record Bernoulli(@Range(min = 0, max = 1) double probability, @Default("per_batch") Drawn drawn)
            implements Routing {
        /// Checks the probability.
        public Bernoulli {
            if (!(probability >= 0 && probability <= 1)) {
                throw new IllegalArgumentException(
                        "probability must be in 0..1, got " + probability);
            }
        }
    }
}
