package cleave.study.sports;

import cleave.analysis.Change;
import cleave.analysis.Inquiry;
import cleave.analysis.SubcomponentId;
import cleave.analysis.WeightPart;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.study.sports.SubjectReport.Control;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// Others in the place of a subject's pieces: subcomponents of nearly the same size of the same
/// kind of matrix, active nowhere or elsewhere, and singular directions of the same matrices.
final class Controls {
    /// Draws of each kind.
    static final int DRAWS = 10;

    /// From how many of nearest size one is drawn.
    private static final int NEAREST = 20;

    private static final Pattern BLOCK = Pattern.compile("(?<=\\.)[0-9]+(?=\\.)");

    private final Decomposition decomposition;
    private final Map<SubcomponentId, Double> norms = new HashMap<>();

    /// Measures the sizes of all subcomponents.
    Controls(Decomposition decomposition) {
        this.decomposition = decomposition;
        for (DecomposedSite site : decomposition.sites()) {
            double[] sizes =
                    Scopes.run(() -> Tensors.toDoubles(decomposition.subcomponents(site).norms()));
            for (int c = 0; c < sizes.length; c++) {
                norms.put(new SubcomponentId(site.name(), c), sizes[c]);
            }
        }
    }

    /// What suppressing others does to the answer.
    ///
    /// @param pieces whose place they take; none where this is empty
    /// @param here those that are active on the subject's prompt
    /// @param elsewhere those that are active elsewhere only
    /// @param ask asks the subject's prompt after changes
    List<Control> of(
            List<SubcomponentId> pieces,
            Collection<SubcomponentId> here,
            Set<SubcomponentId> elsewhere,
            Function<List<Change>, Inquiry> ask) {
        if (pieces.isEmpty()) {
            return List.of();
        }
        Set<SubcomponentId> active = new HashSet<>(here);
        List<String> kinds = new ArrayList<>();
        List<Integer> draws = new ArrayList<>();
        List<List<String>> ids = new ArrayList<>();
        List<Change> changes = new ArrayList<>();
        Map<String, Tensors.Svd> svds = new HashMap<>();
        for (int draw = 0; draw < DRAWS; draw++) {
            List<SubcomponentId> inactive =
                    matched(
                            norms,
                            pieces,
                            id -> !active.contains(id) && !elsewhere.contains(id),
                            "inactive",
                            draw);
            List<SubcomponentId> others =
                    matched(norms, pieces, elsewhere::contains, "active elsewhere", draw);
            kinds.addAll(List.of("inactive", "active_elsewhere"));
            draws.addAll(List.of(draw, draw));
            ids.add(inactive.stream().map(SubcomponentId::toString).toList());
            ids.add(others.stream().map(SubcomponentId::toString).toList());
            changes.add(Finder.without(inactive));
            changes.add(Finder.without(others));
        }
        SortedMap<String, Integer> perSite = new TreeMap<>();
        pieces.forEach(id -> perSite.merge(id.site(), 1, Integer::sum));
        for (int draw = 0; draw < DRAWS; draw++) {
            List<WeightPart> parts = new ArrayList<>();
            int number = draw;
            perSite.forEach((site, count) -> {
                Tensors.Svd svd = svds.computeIfAbsent(site, _ -> svd(site));
                directions(svd.S().numel(), count, site, number)
                        .forEach(each -> parts.add(WeightPart.singular(site, svd, each)));
            });
            kinds.add("singular");
            draws.add(draw);
            ids.add(parts.stream().map(WeightPart::name).toList());
            changes.add(WeightPart.without(decomposition.target(), parts));
        }
        Inquiry inquiry = ask.apply(changes);
        double before = inquiry.before().getFirst().logProbability();
        List<Control> controls = new ArrayList<>();
        for (int i = 0; i < changes.size(); i++) {
            double after = inquiry.after().get(i).getFirst().logProbability();
            controls.add(
                    new Control(
                            kinds.get(i),
                            draws.get(i),
                            ids.get(i),
                            Math.exp(after),
                            before - after));
        }
        return List.copyOf(controls);
    }

    /// For each piece another one of the same kind of matrix, one of the twenty of nearest size;
    /// none twice, and none of no size.
    ///
    /// @param norms of all subcomponents
    static List<SubcomponentId> matched(
            Map<SubcomponentId, Double> norms,
            List<SubcomponentId> pieces,
            Predicate<SubcomponentId> allowed,
            String what,
            int draw) {
        List<SubcomponentId> matched = new ArrayList<>();
        for (SubcomponentId piece : pieces) {
            double size = norms.getOrDefault(piece, 0.0);
            List<SubcomponentId> near =
                    norms.keySet().stream()
                            .filter(id -> kind(id).equals(kind(piece)))
                            .filter(allowed.and(id -> !matched.contains(id)))
                            .filter(id -> norms.getOrDefault(id, 0.0) > 0)
                            .sorted(
                                    Comparator.comparingDouble((SubcomponentId id) ->
                                                    Math.abs(
                                                            Math.log(
                                                                    norms.getOrDefault(id, 0.0)
                                                                            / size)))
                                            .thenComparing(Comparator.naturalOrder()))
                            .limit(NEAREST)
                            .toList();
            if (!near.isEmpty()) {
                Draws.Key key =
                        Draws.key(0, Draws.Purpose.EVALUATION)
                                .with(what)
                                .with(draw)
                                .with(piece.toString());
                matched.add(near.get(key.below(near.size(), 0)));
            }
        }
        return List.copyOf(matched);
    }

    private static String kind(SubcomponentId id) {
        return BLOCK.matcher(id.site()).replaceFirst("*");
    }

    /// The largest directions in the first draw, others among the largest in later ones.
    static List<Integer> directions(long rank, int count, String site, int draw) {
        List<Integer> directions = new ArrayList<>();
        int among = (int) Math.min(rank, Math.max(NEAREST, count));
        Draws.Key key =
                Draws.key(0, Draws.Purpose.EVALUATION).with("singular").with(draw).with(site);
        for (int i = 0; directions.size() < Math.min(count, among); i++) {
            int each = draw == 0 ? i : key.below(among, i);
            if (!directions.contains(each)) {
                directions.add(each);
            }
        }
        return directions;
    }

    private Tensors.Svd svd(String site) {
        return Tensors.svd(decomposition.target().weight(decomposition.site(site).site()));
    }
}
