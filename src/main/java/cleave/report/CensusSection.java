package cleave.report;

import cleave.analysis.AttentionDivergence;
import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// The tables of the census.
final class CensusSection {
    private final Census census;
    private final Optional<Published> published;

    private CensusSection(Census census, Optional<Published> published) {
        this.census = census;
        this.published = published;
    }

    static String html(ReportData data) {
        return Markup.section(
                "census", "Census", new CensusSection(data.census(), data.published()).parts());
    }

    private List<String> parts() {
        List<String> parts = new ArrayList<>();
        parts.add(
                Markup.note(
                        "Measured on the first %s sequences of the fixed evaluation stream: %s positions, %s answers (loss positions)."
                                .formatted(
                                        Numbers.count(census.sample().sequences()),
                                        Numbers.count(census.sample().positions()),
                                        lossPositions())));
        parts.add(
                census.sample().marks().isEmpty()
                        ? Markup.note(
                                "This task marks no positions, so nothing is counted at marks.")
                        : active());
        parts.add(unique());
        parts.add(losses());
        parts.add(accuracies());
        if (!census.attention().isEmpty()) {
            parts.add(attention());
        }
        parts.add(positionFree());
        return parts;
    }

    private String lossPositions() {
        return Numbers.count(census.sample().lossPositions());
    }

    private String active() {
        List<String> marks = List.copyOf(census.sample().marks().keySet());
        Optional<Published> paper = published.filter(each -> marks.equals(each.marks()));
        List<String> titles = new ArrayList<>(List.of("site"));
        census.sample()
                .marks()
                .forEach((mark, counted) ->
                        titles.add("%s (n = %s)".formatted(mark, Numbers.count(counted))));
        if (paper.isPresent()) {
            marks.forEach(mark -> titles.add("paper, " + mark));
        }
        Table table =
                new Table(
                                "Mean number of active subcomponents (g > %s) at the marks"
                                        .formatted(Numbers.of(census.threshold())))
                        .head(titles.toArray(String[]::new));
        census.sites()
                .forEach((site, counts) -> {
                    List<String> cells = new ArrayList<>();
                    marks.forEach(mark ->
                            cells.add(
                                    Numbers.fixed(
                                            counts.active().getOrDefault(mark, Double.NaN), 3)));
                    paper.ifPresent(each ->
                            each.active()
                                    .getOrDefault(site, List.of())
                                    .forEach(value -> cells.add(Numbers.fixed(value, 3))));
                    table.row(site, cells);
                });
        return table.html();
    }

    private String unique() {
        SiteCensus any = census.sites().firstEntry().getValue();
        List<String> thresholds = List.copyOf(any.uniqueAt().keySet());
        List<Double> floors = Census.FLOORS;
        List<String> titles = new ArrayList<>(List.of("share of sequences"));
        thresholds.forEach(threshold ->
                floors.forEach(floor ->
                        titles.add(floor == 0 ? "once" : "≥ " + Numbers.roundPercent(floor))));
        titles.add("C");
        Table table =
                new Table(
                                "Subcomponents active somewhere, by threshold and by the least share of %s sequences"
                                        .formatted(Numbers.count(census.sample().sequences())))
                        .groups(
                                "threshold",
                                thresholds.stream().map(threshold -> "g > " + threshold).toList(),
                                floors.size())
                        .head(titles.toArray(String[]::new));
        census.sites()
                .forEach((site, counts) -> {
                    List<String> cells = new ArrayList<>();
                    for (SequencedMap<String, Integer> byFloor : counts.uniqueAt().values()) {
                        byFloor.values().forEach(number -> cells.add(Numbers.count(number)));
                    }
                    cells.add(Numbers.count(counts.count()));
                    table.row(site, cells);
                });
        return table.html();
    }

    private String losses() {
        Census.CensusLosses losses = census.losses();
        String answers = lossPositions() + " answers";
        return new Table("Losses, by masks")
                .head("loss", "value", "measured on")
                .row(
                        "faithfulness: mean squared W − (VU)ᵀ",
                        List.of(Numbers.of(losses.faithfulness()), "all decomposed weights"))
                .row(
                        "KL from the target, masks = g",
                        reconstruction(losses.importanceReconstruction(), answers))
                .row(
                        "KL from the target, rounded masks: g > 0.5",
                        reconstruction(losses.roundedReconstruction(), answers))
                .row(
                        "KL from the target, stochastic masks",
                        reconstruction(losses.stochasticReconstruction(), answers))
                .row(
                        "KL from the target, stochastic masks, one site at a time",
                        reconstruction(losses.stochasticReconstructionLayerwise(), answers))
                .row(
                        "KL from the target, stochastic masks, a random subset of sites",
                        reconstruction(losses.stochasticReconstructionPartial(), answers))
                .row(
                        "KL from the target, masks of ones",
                        reconstruction(losses.onesReconstruction(), answers))
                .html();
    }

    private static List<String> reconstruction(double value, String measuredOn) {
        return List.of(Numbers.nats(value), measuredOn);
    }

    private String accuracies() {
        Census.Accuracies accuracies = census.accuracies();
        return new Table("Accuracy on %s answers, by masks".formatted(lossPositions()))
                .head(
                        "target",
                        "masks = g",
                        "rounded: g > 0.5",
                        "stochastic",
                        "layerwise",
                        "partial",
                        "all ones",
                        "position-free")
                .row(
                        Numbers.percent(accuracies.target()),
                        List.of(
                                Numbers.percent(accuracies.importance()),
                                Numbers.percent(accuracies.rounded()),
                                Numbers.percent(accuracies.stochastic()),
                                Numbers.percent(accuracies.stochasticLayerwise()),
                                Numbers.percent(accuracies.stochasticPartial()),
                                Numbers.percent(accuracies.ones()),
                                Numbers.percent(census.positionFree().accuracy())))
                .html();
    }

    private String attention() {
        Table table =
                new Table("KL of attention patterns from the target's, mean over queries")
                        .head("layer", "masks = g", "stochastic", "queries");
        for (AttentionDivergence layer : census.attention()) {
            table.row(
                    Integer.toString(layer.layer()),
                    List.of(
                            Numbers.nats(layer.importance()),
                            Numbers.nats(layer.stochastic()),
                            Numbers.count(layer.queries())));
        }
        return table.html();
    }

    private String positionFree() {
        Census.PositionFree check = census.positionFree();
        Table table =
                new Table(
                                "Position-free check on %s answers: these subcomponents on at every position, all others and the weight delta off"
                                        .formatted(lossPositions()))
                        .head("kept", "subcomponents", "accuracy", "KL from the target");
        table.row(
                "active in at least %s of sequences".formatted(Numbers.roundPercent(check.floor())),
                kept(new Census.Kept(check.kept(), check.kl(), check.accuracy())));
        table.row("active at least once", kept(check.withoutFloor()));
        return table.html();
    }

    private static List<String> kept(Census.Kept kept) {
        return List.of(
                Numbers.count(kept.kept()),
                Numbers.percent(kept.accuracy()),
                Numbers.nats(kept.kl()));
    }
}
