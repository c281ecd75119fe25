package cleave.mask;

/// Which sites are replaced in a forward pass (spec M3).
public sealed interface Routing {

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
    record RandomSubset(Drawn drawn) implements Routing {}

    /// Each site with this probability; possibly none.
    record Bernoulli(double probability, Drawn drawn) implements Routing {
        /// Checks the probability.
        public Bernoulli {
            if (!(probability >= 0 && probability <= 1)) {
                throw new IllegalArgumentException(
                        "probability must be in 0..1, got " + probability);
            }
        }
    }
}
