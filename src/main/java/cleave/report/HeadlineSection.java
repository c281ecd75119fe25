package cleave.report;

import static cleave.report.Markup.note;
import static cleave.report.Markup.paragraph;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What was found, in one screen.
final class HeadlineSection {
    private HeadlineSection() {}

    static String html(ReportData data) {
        List<String> parts = new ArrayList<>();
        parts.add(what(data));
        parts.add(tag("div", tiles(data), "class", "tiles"));
        data.additions().stream()
                .map(Addition::headline)
                .filter(html -> !html.isEmpty())
                .forEach(parts::add);
        parts.add(counts(data.census(), data.published()));
        data.published().ifPresent(published -> parts.add(note(published.remark())));
        parts.add(howToRead(data.census()));
        return tag("section", String.join("\n", parts), "id", "headline", "aria-label", "Headline");
    }

    private static String what(ReportData data) {
        ReportData.Origin origin = data.origin();
        Census census = data.census();
        String progress =
                origin.isFinished()
                        ? "after all %s steps".formatted(Numbers.count(origin.steps()))
                        : "at step %s of %s: training is not over"
                                .formatted(
                                        Numbers.count(origin.step()),
                                        Numbers.count(origin.steps()));
        return paragraph(
                "The target %s, decomposed into %s rank-one subcomponents in %d sites; run %s, %s."
                        .formatted(
                                origin.target(),
                                Numbers.count(total(census)),
                                census.sites().size(),
                                origin.run(),
                                progress));
    }

    private static long total(Census census) {
        return census.sites().values().stream().mapToLong(SiteCensus::count).sum();
    }

    private static int unique(Census census) {
        return census.sites().values().stream().mapToInt(SiteCensus::unique).sum();
    }

    private static String tiles(ReportData data) {
        Census census = data.census();
        long positions = census.sample().lossPositions();
        String outOf = "of %s answers".formatted(Numbers.count(positions));
        return tile(
                        "#census",
                        Numbers.count(unique(census)),
                        "unique subcomponents",
                        "of %s%s"
                                .formatted(
                                        Numbers.count(total(census)),
                                        data.published()
                                                .map(paper -> "; paper: " + paper.total())
                                                .orElse("")))
                + tile(
                        "#census",
                        Numbers.percent(census.accuracy()),
                        "accuracy, masks = g",
                        outOf + "; target: " + Numbers.percent(census.accuracies().target()))
                + tile(
                        "#census",
                        Numbers.percent(census.positionFree().accuracy()),
                        "position-free accuracy",
                        outOf
                                + "; %s subcomponents on"
                                        .formatted(Numbers.count(census.positionFree().kept())))
                + tile(
                        "#census",
                        Numbers.nats(census.positionFree().kl()),
                        "position-free KL",
                        "from the target, mean over %s answers"
                                .formatted(Numbers.count(positions)));
    }

    private static String tile(String link, String number, String name, String detail) {
        return tag(
                "a",
                tag("strong", text(number)) + tag("span", text(name)) + tag("small", text(detail)),
                "class",
                "tile",
                "href",
                link);
    }

    private static String counts(Census census, Optional<Published> published) {
        List<String> titles = new ArrayList<>(List.of(""));
        List<String> unique = new ArrayList<>();
        List<String> all = new ArrayList<>();
        census.sites()
                .forEach((site, counts) -> {
                    titles.add(site);
                    unique.add(Numbers.count(counts.unique()));
                    all.add(Numbers.count(counts.count()));
                });
        titles.add("all");
        unique.add(Numbers.count(unique(census)));
        all.add(Numbers.count(total(census)));
        Table table =
                new Table(
                                "Unique subcomponents by site: g > %s in at least %s of %s sequences"
                                        .formatted(
                                                Numbers.of(census.threshold()),
                                                Numbers.roundPercent(Census.FLOOR),
                                                Numbers.count(census.sample().sequences())))
                        .head(titles.toArray(String[]::new))
                        .row("strong", "unique", unique);
        published.ifPresent(paper -> {
            List<String> reported = new ArrayList<>();
            census.sites()
                    .keySet()
                    .forEach(site ->
                            reported.add(Integer.toString(paper.unique().getOrDefault(site, 0))));
            reported.add(Integer.toString(paper.total()));
            table.row("paper", reported);
        });
        return table.row("quiet", "subcomponents (C)", all).html();
    }

    private static String howToRead(Census census) {
        return tag(
                "p",
                tag("b", text("How to read this page. "))
                        + text("A subcomponent is ")
                        + tag("dfn", text("active"))
                        + text(
                                " at a position where its causal importance g, a number from 0 to 1, is above %s. It is "
                                        .formatted(Numbers.of(census.threshold())))
                        + tag("dfn", text("unique"))
                        + text(
                                ", and counted, when it is active somewhere in at least %s of the sequences. "
                                        .formatted(Numbers.roundPercent(Census.FLOOR)))
                        + tag("dfn", text("Position-free"))
                        + text(
                                " means: the unique subcomponents on at every position, all others off, no importance asked."
                                        + " What predicts g sees the whole sequence and could do the task by itself,"
                                        + " so figures with masks = g alone prove nothing; position-free ones do. For the values of a figure point at it, or focus it and use the arrow keys."),
                "class",
                "guide");
    }
}
