package cleave.analysis;

import cleave.config.NearestName;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One subcomponent of a decomposition, written `SITE:INDEX`.
///
/// @param site name of its site
/// @param index counted from 0
public record SubcomponentId(String site, int index) implements Comparable<SubcomponentId> {
    private static final Pattern FORM = Pattern.compile("([^:]+):([0-9]{1,9})");

    /// Reads a list of `SITE:INDEX` with commas between and checks that the decomposition has each of them, and
    /// that none is of norm 0, as those that were merged into the remainder: changing it would do
    /// nothing.
    ///
    /// @throws UserError naming the first entry that is malformed, out of range or of norm 0
    public static List<SubcomponentId> parse(String list, Decomposition decomposition) {
        List<SubcomponentId> parsed = new ArrayList<>();
        for (String entry : list.split(",", -1)) {
            Matcher form = FORM.matcher(entry.strip());
            if (!form.matches()) {
                throw new UserError(
                        "subcomponent must be SITE:INDEX, got '%s'\nhint: write %s:3,%s:17 for two"
                                .formatted(
                                        entry.strip(),
                                        decomposition.sites().getFirst().name(),
                                        decomposition.sites().getLast().name()));
            }
            SubcomponentId id =
                    new SubcomponentId(
                            ownName(form.group(1), decomposition), Integer.parseInt(form.group(2)));
            id.requireIn(decomposition);
            if (id.norm(decomposition) == 0) {
                throw new UserError(
                        "subcomponent must be one that is left, got %s of norm 0, as those that were merged into the remainder"
                                .formatted(id));
            }
            parsed.add(id);
        }
        return List.copyOf(parsed);
    }

    /// The name of the site that goes by `name`, which may be an alias; `name` where there is none.
    private static String ownName(String name, Decomposition decomposition) {
        return decomposition.sites().stream()
                .filter(each -> each.site().isCalled(name))
                .map(DecomposedSite::name)
                .findFirst()
                .orElse(name);
    }

    /// Checks that the decomposition has this subcomponent.
    ///
    /// @throws UserError otherwise
    public void requireIn(Decomposition decomposition) {
        List<String> names = decomposition.sites().stream().map(DecomposedSite::name).toList();
        if (!names.contains(site)) {
            String hint =
                    NearestName.of(site, names)
                            .map(near -> "\nhint: did you mean " + near + "?")
                            .orElse("");
            throw new UserError("site must be one of %s, got %s%s".formatted(names, site, hint));
        }
        int count = decomposition.site(site).count();
        if (index < 0 || index >= count) {
            throw new UserError(
                    "subcomponent of %s must be in 0..%d, got %d"
                            .formatted(site, count - 1, index));
        }
    }

    private double norm(Decomposition decomposition) {
        return Scopes.run(() ->
                Tensors.toDoubles(decomposition.subcomponents(decomposition.site(site)).norms())[
                        index]);
    }

    @Override
    public int compareTo(SubcomponentId other) {
        int bySite = site.compareTo(other.site);
        return bySite != 0 ? bySite : Integer.compare(index, other.index);
    }

    @Override
    public String toString() {
        return site + ":" + index;
    }
}
