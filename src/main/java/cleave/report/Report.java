package cleave.report;

import static java.util.stream.Collectors.joining;

import cleave.analysis.Census;
import cleave.run.LoadedRun;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;

/// One page about a run, for a browser without a network: one file, whose tables and pictures need
/// no script.
public final class Report {
    private static final Pattern PLACE = Pattern.compile("\\{\\{([a-z]+)}}");
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .addModule(
                            new SimpleModule()
                                    .addSerializer(Double.class, new FiniteOrNull())
                                    .addSerializer(Double.TYPE, new FiniteOrNull()))
                    .build();

    private Report() {}

    /// JSON has no NaN or infinity.
    private static final class FiniteOrNull extends ValueSerializer<Double> {
        @Override
        public void serialize(Double value, JsonGenerator json, SerializationContext context) {
            if (Double.isFinite(value)) {
                json.writeNumber(value);
            } else {
                json.writeNull();
            }
        }
    }

    /// Reads what the page shows. Measures importances and attention on a few sequences.
    ///
    /// @param census of the run
    /// @param additions of the case studies that fit the run
    public static ReportData of(LoadedRun run, Census census, List<Addition> additions) {
        return new RunReader(run, census, additions).read();
    }

    /// The commands that made a run, and the checkouts that they ran on.
    public static List<String> commands(LoadedRun run) {
        return RunReader.commands(run);
    }

    /// Writes `report.html` into the run directory, with nothing of a case study, and returns its
    /// path.
    public static Path write(LoadedRun run, Census census) throws IOException {
        return write(run, census, List.of());
    }

    /// Writes `report.html` into the run directory and returns its path.
    public static Path write(LoadedRun run, Census census, List<Addition> additions)
            throws IOException {
        Path file = run.directory().reportFile();
        AtomicFile.writeBesideOthers(file, html(of(run, census, additions)));
        return file;
    }

    /// The page.
    public static String html(ReportData data) {
        ChartValues figures = new ChartValues();
        List<Part> parts = new ArrayList<>();
        parts.add(new Part("", HeadlineSection.html(data)));
        parts.add(new Part("Verdict", VerdictSection.html(data)));
        parts.add(new Part("Training", CurvesSection.html(data.origin(), data.metrics(), figures)));
        parts.add(new Part("Importance", ImportanceSection.html(data, figures)));
        parts.add(new Part("Subcomponents", VectorSection.html(data, figures)));
        parts.add(new Part("Tokens", HarvestSection.html(data)));
        parts.add(new Part("Census", CensusSection.html(data)));
        data.additions().forEach(each -> parts.addAll(each.parts(data, figures)));
        parts.add(
                new Part(
                        "Provenance",
                        ProvenanceSection.html(
                                data.origin(), data.provenance(), data.config(), data.commands())));
        Map<String, @Nullable Object> all = new LinkedHashMap<>();
        all.put("origin", data.origin());
        all.put("census", data.census());
        data.additions().forEach(each -> all.putAll(each.data()));
        all.put("figures", figures.byId());
        return page(data.origin(), parts, all);
    }

    /// A part of a page.
    ///
    /// @param name of the link to it; empty for none
    /// @param html a section; empty when there is nothing to show
    public record Part(String name, String html) {
        private static final Pattern ID = Pattern.compile("<section id=\"([^\"]*)\"");

        private String link() {
            Matcher id = ID.matcher(html);
            return name.isEmpty() || !id.find()
                    ? ""
                    : Markup.tag("a", name, "href", "#" + id.group(1)) + "\n";
        }
    }

    /// A page made of its parts, with the data of its script.
    public static String page(
            ReportData.Origin origin, List<Part> parts, Map<String, @Nullable Object> data) {
        Map<String, String> all = new LinkedHashMap<>();
        all.put("title", Markup.text("Decomposition of " + origin.target()));
        all.put("links", parts.stream().map(Part::link).collect(joining()));
        all.put("parts", parts.stream().map(Part::html).collect(joining("\n")));
        all.put("style", resource("style.css"));
        all.put("script", resource("page.js"));
        all.put("data", data(data));
        return PLACE.matcher(resource("page.html"))
                .replaceAll(place -> Matcher.quoteReplacement(part(place, all)));
    }

    private static String part(MatchResult place, Map<String, String> parts) {
        String part = parts.get(place.group(1));
        if (part == null) {
            throw new IllegalStateException("the page has no part " + place.group(1));
        }
        return part;
    }

    /// A value as JSON: keys in snake_case, null for what is not finite.
    public static String json(Object value) {
        return JSON.writeValueAsString(value);
    }

    /// Within a script element no text may end the element, or open a comment.
    private static String data(Map<String, @Nullable Object> all) {
        return json(all).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026");
    }

    private static String resource(String name) {
        try (InputStream in = Report.class.getResourceAsStream("/cleave/report/" + name)) {
            if (in == null) {
                throw new IllegalStateException("the build lacks cleave/report/" + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
