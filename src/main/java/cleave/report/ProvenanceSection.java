package cleave.report;

import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import java.util.List;
import java.util.SequencedMap;

/// Where the figures come from.
public final class ProvenanceSection {
    private ProvenanceSection() {}

    public static String html(
            ReportData.Origin origin,
            SequencedMap<String, String> provenance,
            String config,
            List<String> commands) {
        Table table = new Table("provenance.json").head("field", "value");
        provenance.forEach((field, value) -> table.row("words", field, List.of(value)));
        return Markup.section(
                "provenance",
                "Provenance",
                List.of(
                        Markup.paragraph(
                                "Run %s, checkpoint of step %s of %s."
                                        .formatted(
                                                origin.run(),
                                                Numbers.count(origin.step()),
                                                Numbers.count(origin.steps()))),
                        tag("h3", text("To make this page again")),
                        tag("pre", tag("code", text(String.join("\n", commands))), "tabindex", "0"),
                        table.html(),
                        Markup.closed(
                                "config.yaml",
                                tag("pre", tag("code", text(config)), "tabindex", "0"))));
    }
}
