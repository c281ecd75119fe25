package cleave.report;

import java.util.List;
import java.util.Map;

/// What a publication says about the sites of a run, to stand beside the run's own counts.
///
/// @param unique how many subcomponents are in use, by site
/// @param marks the positions of its table
/// @param active mean number of active subcomponents at each of the marks, by site
/// @param remark how this run compares, in a sentence
public record Published(
        Map<String, Integer> unique,
        List<String> marks,
        Map<String, List<Double>> active,
        String remark) {

    /// How many subcomponents are in use at all sites.
    int total() {
        return unique.values().stream().mapToInt(Integer::intValue).sum();
    }
}
