package cleave.sweep;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/// What was measured of a run as one row of named numbers, in the order of the summary's lines. Of
/// a census: `unique.SITE`, `unique_without_floor.SITE`, `active.SITE.MARK`, `kl.MASKS`,
/// `accuracy.MASKS`, `faithfulness`. Studies add theirs. What a task or target does not have is not
/// among them.
final class RowFigures {
    private static final String ALL = "all";

    private RowFigures() {}

    static SequencedMap<String, @Nullable Double> of(Census census) {
        SequencedMap<String, @Nullable Double> figures = new LinkedHashMap<>();
        counts(figures, "unique", census, SiteCensus::unique);
        counts(figures, "unique_without_floor", census, RowFigures::withoutFloor);
        census.sites()
                .forEach((name, site) ->
                        site.active()
                                .forEach((mark, mean) ->
                                        put(figures, "active.%s.%s".formatted(name, mark), mean)));
        put(figures, "kl.importance", census.losses().importanceReconstruction());
        put(figures, "accuracy.importance", census.accuracies().importance());
        put(figures, "kl.rounded", census.losses().roundedReconstruction());
        put(figures, "accuracy.rounded", census.accuracies().rounded());
        put(figures, "kl.stochastic", census.losses().stochasticReconstruction());
        put(figures, "accuracy.stochastic", census.accuracies().stochastic());
        put(figures, "kl.layerwise", census.losses().stochasticReconstructionLayerwise());
        put(figures, "accuracy.layerwise", census.accuracies().stochasticLayerwise());
        put(figures, "kl.partial", census.losses().stochasticReconstructionPartial());
        put(figures, "accuracy.partial", census.accuracies().stochasticPartial());
        put(figures, "kl.position_free", census.positionFree().kl());
        put(figures, "accuracy.position_free", census.positionFree().accuracy());
        put(figures, "faithfulness", census.losses().faithfulness());
        return figures;
    }

    private static void counts(
            SequencedMap<String, @Nullable Double> figures,
            String name,
            Census census,
            ToIntFunction<SiteCensus> count) {
        Collection<Map.Entry<String, SiteCensus>> sites = census.sites().entrySet();
        sites.forEach(site ->
                put(figures, name + "." + site.getKey(), count.applyAsInt(site.getValue())));
        put(
                figures,
                name + "." + ALL,
                sites.stream().mapToInt(site -> count.applyAsInt(site.getValue())).sum());
    }

    /// A site lists each subcomponent that is active at least once.
    private static int withoutFloor(SiteCensus site) {
        return site.subcomponents().size();
    }

    private static void put(
            SequencedMap<String, @Nullable Double> figures, String name, double value) {
        figures.put(name, Double.isFinite(value) ? value : null);
    }

    /// A value of this figure, or a mean of some, for people.
    static String text(String name, double value) {
        String form =
                switch (name.replaceFirst("\\..*", "")) {
                    case "kl", "faithfulness" -> "%.1e";
                    case "accuracy" -> "%.2f %%";
                    case "minutes" -> "%.1f";
                    default -> "%.2f";
                };
        return String.format(Locale.ROOT, form, name.startsWith("accuracy") ? 100 * value : value);
    }
}
