package cleave.report;

import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import java.util.List;

/// Where the figures come from.
final class ProvenanceSection {
    private ProvenanceSection() {}

    static String html(ReportData data) {
        Table table = new Table("provenance.json").head("field", "value");
        data.provenance().forEach((field, value) -> table.row("words", field, List.of(value)));
        return Markup.section(
                "provenance",
                "Provenance",
                List.of(
                        Markup.paragraph(
                                "Run %s, checkpoint of step %s of %s."
                                        .formatted(
                                                data.origin().run(),
                                                Numbers.count(data.origin().step()),
                                                Numbers.count(data.origin().steps()))),
                        tag("h3", text("To make this page again")),
                        tag(
                                "pre",
                                tag("code", text(String.join("\n", data.commands()))),
                                "tabindex",
                                "0"),
                        table.html(),
                        Markup.closed(
                                "config.yaml",
                                tag("pre", tag("code", text(data.config())), "tabindex", "0"))));
    }
}
