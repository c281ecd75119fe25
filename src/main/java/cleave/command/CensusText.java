package cleave.command;

import cleave.analysis.AttentionDivergence;
import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.ToDoubleFunction;

/// A census as text.
public final class CensusText {
    private static final int FEW = 4; // attention patterns that each get a line of their own

    private CensusText() {}

    public static String of(Census census) {
        return String.join(
                System.lineSeparator(),
                "Active subcomponents (importance > %s), mean per position; unique: active in at least 0.1 %% of %d sequences"
                        .formatted(census.threshold(), census.sample().sequences()),
                sites(census),
                "Unique subcomponents by threshold/frequency floor, %d sequences"
                        .formatted(census.sample().sequences()),
                unique(census),
                "Reconstruction, KL from the target in nats, and task accuracy, mean over %d loss positions"
                        .formatted(census.sample().lossPositions()),
                losses(census));
    }

    private static String sites(Census census) {
        List<String> marks = List.copyOf(first(census).active().keySet());
        List<String> head = new ArrayList<>(List.of("site"));
        head.addAll(marks);
        head.addAll(List.of("unique", "of"));
        Tables table = new Tables(head);
        int unique = 0;
        for (Map.Entry<String, SiteCensus> site : census.sites().entrySet()) {
            List<String> row = new ArrayList<>(List.of(site.getKey()));
            marks.forEach(
                    mark -> row.add(Tables.mean(site.getValue().active().getOrDefault(mark, 0.0))));
            row.add(Integer.toString(site.getValue().unique()));
            row.add(Integer.toString(site.getValue().count()));
            table.row(row);
            unique += site.getValue().unique();
        }
        List<String> sum = new ArrayList<>(List.of("all"));
        marks.forEach(_ -> sum.add(""));
        sum.add(Integer.toString(unique));
        table.row(sum);
        return table.toString();
    }

    private static SiteCensus first(Census census) {
        return census.sites().firstEntry().getValue();
    }

    private static String unique(Census census) {
        List<String> head = new ArrayList<>(List.of("site"));
        SequencedMap<String, SequencedMap<String, Integer>> columns = first(census).uniqueAt();
        columns.forEach((threshold, floors) ->
                floors.keySet().forEach(floor -> head.add(threshold + "/" + floor)));
        Tables table = new Tables(head);
        census.sites()
                .forEach((name, site) -> {
                    List<String> row = new ArrayList<>(List.of(name));
                    site.uniqueAt()
                            .values()
                            .forEach(floors -> floors.values().forEach(n -> row.add(n.toString())));
                    table.row(row);
                });
        return table.toString();
    }

    private static String losses(Census census) {
        Census.CensusLosses losses = census.losses();
        Census.Accuracies accuracies = census.accuracies();
        Census.PositionFree free = census.positionFree();
        Tables table = new Tables(List.of("masks", "KL", "accuracy"));
        table.row(List.of("target itself", "", Tables.percent(accuracies.target())));
        row(table, "importances g", losses.importanceReconstruction(), accuracies.importance());
        row(table, "rounded (g > 0.5)", losses.roundedReconstruction(), accuracies.rounded());
        row(table, "stochastic", losses.stochasticReconstruction(), accuracies.stochastic());
        row(
                table,
                "stochastic, layerwise",
                losses.stochasticReconstructionLayerwise(),
                accuracies.stochasticLayerwise());
        row(
                table,
                "stochastic, partial",
                losses.stochasticReconstructionPartial(),
                accuracies.stochasticPartial());
        row(table, "all ones", losses.onesReconstruction(), accuracies.ones());
        row(table, "position-free, %d on".formatted(free.kept()), free.kl(), free.accuracy());
        row(
                table,
                "position-free without floor, %d on".formatted(free.withoutFloor().kept()),
                free.withoutFloor().kl(),
                free.withoutFloor().accuracy());
        StringBuilder text = new StringBuilder(table.toString());
        text.append("faithfulness ").append(Tables.loss(losses.faithfulness()));
        if (census.attention().size() > FEW) {
            text.append(
                    "; largest attention KL of %d patterns: g-masked %s, stochastic %s"
                            .formatted(
                                    census.attention().size(),
                                    largest(census, AttentionDivergence::importance),
                                    largest(census, AttentionDivergence::stochastic)));
            return text.append(System.lineSeparator()).toString();
        }
        for (AttentionDivergence layer : census.attention()) {
            text.append(
                    "; attention KL of pattern %d over %d queries: g-masked %s, stochastic %s"
                            .formatted(
                                    layer.layer(),
                                    layer.queries(),
                                    Tables.loss(layer.importance()),
                                    Tables.loss(layer.stochastic())));
        }
        return text.append(System.lineSeparator()).toString();
    }

    private static String largest(Census census, ToDoubleFunction<AttentionDivergence> divergence) {
        return Tables.loss(census.attention().stream().mapToDouble(divergence).max().orElseThrow());
    }

    private static void row(Tables table, String masks, double kl, double accuracy) {
        table.row(List.of(masks, Tables.loss(kl), Tables.percent(accuracy)));
    }
}
