package cleave.study.induction;

import cleave.command.Tables;
import java.util.ArrayList;
import java.util.List;

/// A circuit check as text.
final class CircuitText {
    private CircuitText() {}

    static String of(Circuit circuit) {
        List<String> head = new ArrayList<>(List.of("condition"));
        for (int k = 0; k < circuit.target().toS1().size(); k++) {
            head.add(k == 0 ? "s1->s1" : k == 1 ? "m->s1" : "s1+%d".formatted(k));
        }
        head.addAll(List.of("s2->m", "accuracy", "KL"));
        Tables table = new Tables(head);
        row(table, "target", circuit.target());
        row(table, "all subcomponents on", circuit.allOn());
        row(table, "only the active on", circuit.onlyActive());
        circuit.matrices().forEach(group -> rows(table, group));
        circuit.steps().forEach(group -> rows(table, group));
        StringBuilder text =
                new StringBuilder(
                        "Attention to s1 in layer 0 and from s2 to m in layer 1, %d sequences; the active subcomponents of each site suppressed, beside as many inactive ones of like norm (%d draws)%n"
                                .formatted(circuit.sample().sequences(), Circuit.DRAWS));
        text.append(table).append(System.lineSeparator());
        for (CircuitVerdict.Finding finding : circuit.verdict().matrices()) {
            text.append(finding.words()).append(System.lineSeparator());
        }
        for (CircuitVerdict.Finding finding : circuit.verdict().steps()) {
            text.append(finding.words()).append(System.lineSeparator());
        }
        return text.append(System.lineSeparator())
                .append(circuit.verdict().words())
                .append(System.lineSeparator())
                .toString();
    }

    private static void rows(Tables table, SuppressedGroup group) {
        row(
                table,
                "%s: %d suppressed".formatted(group.name(), group.suppressed().size()),
                group.figures());
        for (SuppressedGroup.Control control : group.controls()) {
            row(
                    table,
                    "  control %d: %d inactive, norm ratio %s"
                            .formatted(
                                    control.draw() + 1,
                                    control.suppressed().size(),
                                    Tables.mean(control.normRatio())),
                    control.figures());
        }
        if (group.others() != null) {
            row(
                    table,
                    "  all %d others suppressed".formatted(group.others().suppressed()),
                    group.others().figures());
        }
    }

    private static void row(Tables table, String condition, CircuitFigures figures) {
        List<String> cells = new ArrayList<>(List.of(condition));
        figures.toS1().forEach(value -> cells.add(Tables.mean(value)));
        cells.add(Tables.mean(figures.s2ToM()));
        cells.add(Tables.percent(figures.accuracy()));
        cells.add(Tables.loss(figures.kl()));
        table.row(cells);
    }
}
