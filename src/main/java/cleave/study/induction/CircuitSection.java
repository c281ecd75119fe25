package cleave.study.induction;

import static cleave.report.Markup.note;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.report.ChartValues;
import cleave.report.HeatMap;
import cleave.report.HeatMap.Block;
import cleave.report.HeatMap.Shade;
import cleave.report.Markup;
import cleave.report.Numbers;
import cleave.report.PositionNames;
import cleave.report.ReportData.Example;
import cleave.report.Table;
import cleave.study.induction.CircuitVerdict.Finding;
import cleave.study.induction.InductionPage.AttentionCondition;
import cleave.study.induction.InductionPage.AttentionMaps;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/// What happens without some subcomponents.
final class CircuitSection {
    private static final int MOST_POSITIONS = 96;
    private static final double SIDE = 288;

    private CircuitSection() {}

    static String html(
            Optional<Circuit> checked, Optional<AttentionMaps> maps, ChartValues figures) {
        List<String> parts =
                checked.map(
                                circuit -> {
                                    List<String> all = new ArrayList<>(parts(circuit));
                                    maps.ifPresent(each -> all.add(attention(each, figures)));
                                    return all;
                                })
                        .orElse(
                                List.of(
                                        note(
                                                "The causal check needs the induction task, with the marks s1, m and s2, and decomposed attention matrices. It does not apply to this run.")));
        return Markup.section("circuit", "Circuit", parts);
    }

    private static List<String> parts(Circuit circuit) {
        List<String> parts = new ArrayList<>();
        parts.add(
                tag(
                        "p",
                        text(sentence(circuit.verdict().words())),
                        "class",
                        circuit.verdict().holds() ? "verdict good" : "verdict bad"));
        parts.add(
                note(
                        "Two steps are looked for: in layer 0 the token m attends to s1, the s before it; in layer 1 the last token s2 attends to m and copies it. Measured on %s evaluation sequences, %s answers. Suppressed: mask 0 at every position for the unique subcomponents (g > %s in at least %s of sequences), 1 for all others, the weight delta kept. Controls suppress as many inactive subcomponents of like norm, in %d draws, and show their range; the norm ratio is the summed norm of the unique over that of the control, at most. All others: everything at these sites but the unique suppressed."
                                .formatted(
                                        Numbers.count(circuit.sample().sequences()),
                                        Numbers.count(circuit.sample().lossPositions()),
                                        Numbers.of(circuit.threshold()),
                                        Numbers.roundPercent(circuit.floor()),
                                        Circuit.DRAWS)));
        parts.add(figures(circuit));
        parts.add(
                tag("h3", text("In words"))
                        + Markup.list(
                                Stream.concat(
                                                circuit.verdict().steps().stream(),
                                                circuit.verdict().matrices().stream())
                                        .map(Finding::words)
                                        .map(CircuitSection::sentence)
                                        .toList()));
        parts.add(Markup.closed("Attention of layer 0 to s1, by distance", distances(circuit)));
        return parts;
    }

    private static String sentence(String words) {
        return words.isEmpty()
                ? ""
                : words.substring(0, 1).toUpperCase(Locale.ROOT) + words.substring(1) + ".";
    }

    private static List<SuppressedGroup> groups(Circuit circuit) {
        return Stream.concat(circuit.steps().stream(), circuit.matrices().stream()).toList();
    }

    private static String figures(Circuit circuit) {
        Table table =
                new Table("Attention, accuracy and KL under suppression")
                        .head(
                                "condition",
                                "subcomponents off",
                                "layer 0, m → s1",
                                "layer 1, s2 → m",
                                "accuracy",
                                "KL from the target")
                        .row("strong", "target", cells("", circuit.target()))
                        .row("all on, no weight delta", cells("0", circuit.allOn()))
                        .row("only the unique on", cells("all others", circuit.onlyActive()));
        for (SuppressedGroup group : groups(circuit)) {
            table.row(
                    "first",
                    "without " + group.name() + sites(group),
                    cells(Integer.toString(group.suppressed().size()), group.figures()));
            if (!group.controls().isEmpty()) {
                table.row("quiet", "control", control(group));
            }
            if (group.others() != null) {
                table.row(
                        "quiet",
                        "all others instead",
                        cells(
                                Integer.toString(group.others().suppressed()),
                                group.others().figures()));
            }
        }
        return table.html();
    }

    private static String sites(SuppressedGroup group) {
        return group.sites().equals(List.of(group.name()))
                ? ""
                : " (" + String.join(", ", group.sites()) + ")";
    }

    private static List<String> cells(String off, CircuitFigures figures) {
        return List.of(
                off,
                Numbers.fixed(figures.mToS1(), 3),
                Numbers.fixed(figures.s2ToM(), 3),
                Numbers.percent(figures.accuracy()),
                Numbers.nats(figures.kl()));
    }

    private static List<String> control(SuppressedGroup group) {
        int fewest =
                group.controls().stream()
                        .mapToInt(control -> control.suppressed().size())
                        .min()
                        .orElse(0);
        double ratio =
                group.controls().stream()
                        .mapToDouble(SuppressedGroup.Control::normRatio)
                        .max()
                        .orElse(Double.NaN);
        return List.of(
                "%d, norm ratio %s".formatted(fewest, Numbers.of(ratio)),
                range(group, CircuitFigures::mToS1, value -> Numbers.fixed(value, 3)),
                range(group, CircuitFigures::s2ToM, value -> Numbers.fixed(value, 3)),
                range(group, CircuitFigures::accuracy, Numbers::percent),
                range(group, CircuitFigures::kl, Numbers::of) + " nats");
    }

    private static String range(
            SuppressedGroup group,
            ToDoubleFunction<CircuitFigures> figure,
            DoubleFunction<String> shown) {
        double[] values =
                group.controls().stream()
                        .mapToDouble(control -> figure.applyAsDouble(control.figures()))
                        .sorted()
                        .toArray();
        String low = shown.apply(values[0]);
        String high = shown.apply(values[values.length - 1]);
        return low.equals(high) ? low : low + " to " + high;
    }

    private static String distances(Circuit circuit) {
        List<String> titles = new ArrayList<>(List.of("condition"));
        for (int k = 0; k < circuit.sampleToS1().size(); k++) {
            titles.add("s1 + %d (n = %s)".formatted(k, Numbers.count(circuit.sampleToS1().get(k))));
        }
        Table table =
                new Table("Mean attention of layer 0 from s1 + k to s1")
                        .head(titles.toArray(String[]::new))
                        .row("target", distances(circuit.target()))
                        .row("only the unique on", distances(circuit.onlyActive()));
        groups(circuit)
                .forEach(group -> table.row("without " + group.name(), distances(group.figures())));
        return table.html();
    }

    private static List<String> distances(CircuitFigures figures) {
        return figures.toS1().stream().map(value -> Numbers.fixed(value, 3)).toList();
    }

    private static String attention(AttentionMaps maps, ChartValues figures) {
        Example example = maps.example();
        int length = Math.min(MOST_POSITIONS, example.tokens().size());
        List<String> names = PositionNames.names(example, length);
        Map<Integer, String> marked = PositionNames.marked(example, length);
        int layers = maps.conditions().getFirst().layers().size();
        StringBuilder grid = new StringBuilder();
        HeatMap legend = new HeatMap("", "attention", Shade.ROOT, 1);
        for (int layer = 0; layer < layers; layer++) {
            for (AttentionCondition condition : maps.conditions()) {
                String name = "Layer %d, %s".formatted(layer, condition.name());
                String detail =
                        condition.suppressed() == 0
                                ? ""
                                : " (%d off)".formatted(condition.suppressed());
                grid.append(
                        tag(
                                "figure",
                                tag("figcaption", tag("b", text(name)) + text(detail))
                                        + pattern(
                                                name,
                                                condition.layers().get(layer),
                                                names,
                                                marked,
                                                figures)));
            }
        }
        return tag("h3", text("Attention before and after"))
                + note(
                        "Sequence %d of the evaluation stream, %s. Rows are queries, columns are keys; all subcomponents that are not suppressed are on, the weight delta is kept."
                                .formatted(
                                        example.index(),
                                        length < example.tokens().size()
                                                ? "the first %d of %d positions"
                                                        .formatted(length, example.tokens().size())
                                                : "%d positions".formatted(length)))
                + legend.legend()
                + tag("div", grid.toString(), "class", "row-of-charts maps");
    }

    private static String pattern(
            String title,
            List<List<Double>> pattern,
            List<String> names,
            Map<Integer, String> marked,
            ChartValues figures) {
        double edge = 24;
        double cell = SIDE / names.size();
        HeatMap map = new HeatMap(title, "attention", Shade.ROOT, 1);
        map.add(
                new Block(
                        edge,
                        edge,
                        cell,
                        cell,
                        names.stream().map(name -> "from " + name).toList(),
                        names.stream().map(name -> "to " + name).toList(),
                        pattern.stream()
                                .limit(names.size())
                                .map(row -> row.subList(0, names.size()))
                                .toList()));
        double free = 0;
        for (Map.Entry<Integer, String> mark : marked.entrySet()) {
            double at = edge + (mark.getKey() + 0.5) * cell;
            double shown = Math.max(at, free);
            map.label("label marked", shown - 5, edge - 5, mark.getValue());
            map.label("label marked", 2, shown + 4, mark.getValue());
            map.line(at, edge - 4, at, edge);
            map.line(edge - 4, at, edge, at);
            free = shown + 15;
        }
        return map.html(figures, 0, edge + SIDE + 14, edge + SIDE + 4);
    }
}
