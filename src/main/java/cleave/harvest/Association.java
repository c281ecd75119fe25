package cleave.harvest;

/// How much two things that occur at positions have to do with each other.
///
/// @param both positions at which both occur
/// @param first positions of the first
/// @param second positions of the second
/// @param all positions
record Association(long both, long first, long second, long all) {

    /// The logarithm of how many times more often they occur together than they would by chance,
    /// nats: `ln(both all / (first second))`. Minus infinity where they never do.
    double pmi() {
        return Math.log((double) both * all / ((double) first * second));
    }

    /// The share of the second's positions at which the first is; 0 where there are none.
    double precision() {
        return second == 0 ? 0 : (double) both / second;
    }

    /// The share of the first's positions at which the second is; 0 where there are none.
    double recall() {
        return first == 0 ? 0 : (double) both / first;
    }

    /// The share of positions of either at which both are; 0 where there are none.
    double jaccard() {
        long either = first + second - both;
        return either == 0 ? 0 : (double) both / either;
    }
}
