package cleave.report;

import cleave.report.ReportData.Harvested;
import cleave.report.ReportData.Harvested.Piece;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What the subcomponents stand for, as the run's harvest tells it: tokens and places as text.
final class HarvestSection {
    private static final int MOST_ROWS = 24; // of a site
    private static final int OPEN_SITES = 2;

    private HarvestSection() {}

    /// The section; empty for a run without a harvest.
    static String html(ReportData data) {
        return data.harvest().map(harvest -> section(harvest, data.origin().run())).orElse("");
    }

    private static String section(Harvested harvest, String run) {
        List<String> parts = new ArrayList<>();
        parts.add(
                Markup.note(
                        "From a harvest of %s tokens: the tokens at which each subcomponent is active most often, those that the target expects next there, and the place where it is most important, marked with brackets. The most frequent of each site; cleave explore %s shows them all."
                                .formatted(Numbers.count(harvest.positions()), run)));
        Map<String, List<Piece>> sites = new LinkedHashMap<>();
        harvest.pieces()
                .forEach(piece ->
                        sites.computeIfAbsent(piece.site(), _ -> new ArrayList<>()).add(piece));
        sites.forEach((site, pieces) -> {
            Table table =
                    new Table(site)
                            .head(
                                    "subcomponent",
                                    "active at",
                                    "tokens",
                                    "expected next",
                                    "most important");
            pieces.stream()
                    .sorted((one, other) -> Double.compare(other.density(), one.density()))
                    .limit(MOST_ROWS)
                    .forEach(piece ->
                            table.row(
                                    piece.id(),
                                    List.of(
                                            Numbers.percent(piece.density()),
                                            piece.in(),
                                            piece.next(),
                                            piece.example())));
            String name = "%s: %s active".formatted(site, Numbers.count(pieces.size()));
            parts.add(
                    sites.size() <= OPEN_SITES
                            ? Markup.open(name, table.html())
                            : Markup.closed(name, table.html()));
        });
        return Markup.section("harvest", "What they stand for", parts);
    }
}
