package cleave.run;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Twins.Handover;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// A line of `twins.jsonl`: one of two subcomponents of a site takes over what both write (spec
/// W4).
///
/// @param step before which it took place
/// @param site the site's name
/// @param kept the original index of the one that takes over
/// @param freed the original index of the other
/// @param overlap of their importances
/// @param share of their joint output that one axis leaves
/// @param left share of their joint output that stays with the other
record TwinHandover(
        long step, String site, int kept, int freed, double overlap, double share, double left) {

    /// The handovers of a step.
    ///
    /// @param bySite with places among the living subcomponents
    static List<TwinHandover> of(
            long step, Map<String, List<Handover>> bySite, Decomposition decomposition) {
        return bySite.entrySet().stream()
                .flatMap(entry -> {
                    DecomposedSite site = decomposition.site(entry.getKey());
                    return entry.getValue().stream()
                            .map(each ->
                                    new TwinHandover(
                                            step,
                                            site.name(),
                                            site.living().get(each.kept()),
                                            site.living().get(each.freed()),
                                            each.overlap(),
                                            each.share(),
                                            each.left()));
                })
                .toList();
    }

    /// One line for a person.
    String line() {
        return String.format(
                Locale.ROOT,
                "step %d: twins at %s, %d takes over from %d (on together %.0f %%, one axis leaves %.2g %%)",
                step,
                site,
                kept,
                freed,
                100 * overlap,
                100 * share);
    }
}
