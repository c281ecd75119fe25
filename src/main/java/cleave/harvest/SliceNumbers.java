package cleave.harvest;

/// What a pass gives of some sequences of one length T.
///
/// @param firstRow number of the first sequence in the text
/// @param rows how many sequences
/// @param length T
/// @param tokens `[rows, T]`
/// @param valid `[rows, T]`, false at padding
/// @param expected `[rows, T]` the token that the target finds most probable next
/// @param importances of each site `[rows, T, C]`
/// @param inner the inner activations `x V` of each site `[rows, T, C]`
record SliceNumbers(
        long firstRow,
        int rows,
        int length,
        int[] tokens,
        boolean[] valid,
        int[] expected,
        float[][] importances,
        float[][] inner) {}
