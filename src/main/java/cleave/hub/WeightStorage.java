package cleave.hub;

/// How the weights of a language model stay in memory.
public enum WeightStorage {
    /// In the type that is computed in.
    FULL,
    /// Matrices in bfloat16, half of float32. Those of a file in bfloat16 are what they were,
    /// others are rounded by at most `2^-9` of themselves. Products are those of such weights, each
    /// of which is widened while it is used.
    BFLOAT16
}
