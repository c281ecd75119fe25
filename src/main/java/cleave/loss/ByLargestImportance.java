package cleave.loss;

/// A term that depends on how used each subcomponent is in the batch: the summary of a slice is
/// each one's largest importance, and that of the batch the largest of these (see
/// [BatchSummary#used]).
interface ByLargestImportance extends LossTerm {

    @Override
    default boolean couples() {
        return true;
    }

    @Override
    default double[][] summary(ImportanceSlice slice) {
        return slice.numbers(site -> ImportanceLosses.largest(slice.eachPeak(site)));
    }

    @Override
    default double merge(double one, double other) {
        return Math.max(one, other);
    }
}
