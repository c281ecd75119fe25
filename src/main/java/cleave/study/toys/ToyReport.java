package cleave.study.toys;

import static cleave.report.Markup.note;
import static cleave.report.Markup.paragraph;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.report.ChartValues;
import cleave.report.CurvesSection;
import cleave.report.HeatMap;
import cleave.report.HeatMap.Block;
import cleave.report.HeatMap.Shade;
import cleave.report.Markup;
import cleave.report.Numbers;
import cleave.report.ProvenanceSection;
import cleave.report.Report;
import cleave.report.ReportData;
import cleave.report.RunReader;
import cleave.report.Scatter;
import cleave.report.Table;
import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.study.toys.ToyFigures.SiteFigures;
import cleave.study.toys.ToySolution.Form;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.AtomicFile;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One page about the decomposition of a toy whose solution is known.
public final class ToyReport {
    private static final int MOST_COLUMNS = 256;
    private static final int MOST_WIDTH = 200;
    private static final double LABELS = 58;

    private final LoadedRun run;
    private final ToyFigures toy;
    private final ChartValues figures = new ChartValues();

    private ToyReport(LoadedRun run, ToyFigures toy) {
        this.run = run;
        this.toy = toy;
    }

    /// Writes `report.html` into the run directory and returns its path.
    public static Path write(LoadedRun run, ToyFigures figures) throws IOException {
        Path file = run.directory().reportFile();
        AtomicFile.writeBesideOthers(file, html(run, figures));
        return file;
    }

    /// The page.
    public static String html(LoadedRun run, ToyFigures figures) {
        return new ToyReport(run, figures).page();
    }

    private String page() {
        ReportData.Origin origin = RunReader.origin(run);
        List<String> commands = new ArrayList<>(RunReader.commands(run));
        commands.add("bin/cleave report " + RunReader.quoted(run.directory().path().toString()));
        List<Report.Part> parts =
                List.of(
                        new Report.Part("Figures", headline(origin)),
                        new Report.Part("Directions", directions()),
                        new Report.Part("Importance", importance()),
                        new Report.Part("U and V", vectors()),
                        new Report.Part(
                                "Training",
                                CurvesSection.html(
                                        origin, MetricsLog.read(run.directory()), figures)),
                        new Report.Part(
                                "Provenance",
                                ProvenanceSection.html(
                                        origin,
                                        RunReader.provenance(run),
                                        RunReader.config(run),
                                        commands)));
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("origin", origin);
        data.put("numbers", toy.numbers());
        data.put("figures", figures.byId());
        return Report.page(origin, parts, data);
    }

    private String headline(ReportData.Origin origin) {
        Table sites =
                new Table("Each site beside what is known of it")
                        .head(
                                "site",
                                "live",
                                "known",
                                "of",
                                "wrong importances, tolerance 0.1",
                                "0.2",
                                "L0");
        toy.sites()
                .forEach((name, site) ->
                        sites.row(
                                name,
                                List.of(
                                        Numbers.count(site.live()),
                                        known(site.solution()),
                                        Numbers.count(site.sizes().length),
                                        Numbers.count(site.error()),
                                        Numbers.count(site.wideError()),
                                        Numbers.fixed(site.l0(), 3))));
        Table numbers = new Table("Figures").head("", "value");
        toy.numbers()
                .forEach((name, value) -> {
                    if (name.indexOf('.') < 0) {
                        numbers.row(name.replace('_', ' '), List.of(Numbers.of(value)));
                    }
                });
        List<String> parts = new ArrayList<>();
        parts.add(
                paragraph(
                        "Run %s, step %s of %s: %s features, %s of which the target itself answers within 0.3."
                                .formatted(
                                        origin.run(),
                                        Numbers.count(origin.step()),
                                        Numbers.count(origin.steps()),
                                        Numbers.count(features()),
                                        Numbers.count(toy.answered()))));
        parts.add(sites.html());
        parts.add(numbers.html());
        parts.add(
                note(
                        "Live: importance above 0.1 for some feature alone at 0.75, and size above the cut. mmcs: mean over features of the largest cosine between a subcomponent's column and the target's; ml2r: mean ratio of their lengths; both over all subcomponents, and over those above the size cut. L0: subcomponents above 0.1, mean over fresh examples."));
        return Markup.section("figures", "What was found", parts);
    }

    private static String known(ToySolution.SiteSolution solution) {
        return switch (solution.form()) {
            case IDENTITY -> "%d, one for each feature".formatted(solution.columns());
            case DENSE -> "%d together".formatted(solution.columns());
        };
    }

    private int features() {
        return toy.sites().firstEntry().getValue().importances().length;
    }

    private String directions() {
        return Markup.section(
                "directions",
                "Directions",
                List.of(
                        toy.contributions()
                                .map(ToyReport::contributions)
                                .orElseGet(this::featureDirections)));
    }

    private static String contributions(NeuronContributions found) {
        String title =
                "What each neuron adds to a feature's output: target and the feature's subcomponent";
        return note(
                        "%s pairs of feature and neuron; correlation %s. On the diagonal both agree."
                                .formatted(
                                        Numbers.count(found.target().size()),
                                        Numbers.fixed(found.correlation(), 4)))
                + new Scatter(
                                title,
                                "target",
                                "subcomponent",
                                List.of(
                                        new Scatter.Marks(
                                                "dots hue0",
                                                found.target(),
                                                found.decomposed(),
                                                false)))
                        .html();
    }

    /// The parts of W's columns: drawn as arrows where the bottleneck has two dimensions, else as
    /// cosines.
    private String featureDirections() {
        DecomposedSite first = run.decomposition().sites().getFirst();
        SiteFigures site = toy.sites().firstEntry().getValue();
        List<Integer> shown = shown(site).stream().limit(features()).toList();
        double[][] V = rows(first, Part.V);
        double[][] U = rows(first, Part.U);
        double[][] W = rows(first, Part.W);
        if (W.length != 2) {
            return cosines(shown, V, U, W);
        }
        List<Double> x = new ArrayList<>();
        List<Double> y = new ArrayList<>();
        for (int c : shown) {
            int j = largest(V, c);
            x.add(U[c][0] * V[j][c]);
            y.add(U[c][1] * V[j][c]);
        }
        return note(
                        "Wide lines: the target's column of each feature. Thin lines with dots: for each live subcomponent the part of the feature it reads most.")
                + new Scatter(
                                "Feature directions of the target and of live subcomponents",
                                "hidden 0",
                                "hidden 1",
                                List.of(
                                        new Scatter.Marks(
                                                "wide hue1", list(W[0]), list(W[1]), true),
                                        new Scatter.Marks("curve hue0", x, y, true),
                                        new Scatter.Marks("dots hue0", x, y, false)))
                        .html();
    }

    private String cosines(List<Integer> shown, double[][] V, double[][] U, double[][] W) {
        List<List<Double>> values = new ArrayList<>();
        for (int j = 0; j < V.length; j++) {
            List<Double> row = new ArrayList<>();
            for (int c : shown) {
                double dot = 0;
                double own = 0;
                double size = 0;
                for (int o = 0; o < W.length; o++) {
                    dot += U[c][o] * Math.signum(V[largest(V, c)][c]) * W[o][j];
                    own += U[c][o] * U[c][o];
                    size += W[o][j] * W[o][j];
                }
                row.add(dot / Math.sqrt(own * size));
            }
            values.add(row);
        }
        return note(
                        "Cosine of the target's column of each feature with what each live subcomponent writes. Off the diagonal features overlap by themselves: there are more of them than dimensions.")
                + map(
                        "Cosines",
                        "cosine",
                        Shade.DIVERGING,
                        1,
                        names("feature ", V.length),
                        names("c", shown),
                        values);
    }

    private String importance() {
        List<String> parts = new ArrayList<>();
        parts.add(
                note(
                        "Importance of each subcomponent when one feature alone is active at 0.75: a row for each feature, columns permuted to make the diagonal largest, or by their sums where the solution is dense."));
        toy.sites()
                .forEach((name, site) -> {
                    List<Integer> order = columns(site);
                    parts.add(
                            tag(
                                            "h3",
                                            text(
                                                    "%s: %d live of %d"
                                                            .formatted(
                                                                    name,
                                                                    site.live(),
                                                                    site.sizes().length)))
                                    + map(
                                            "Importances of " + name,
                                            "importance",
                                            Shade.LINEAR,
                                            1,
                                            names("feature ", site.importances().length),
                                            names("c", order),
                                            picked(site.importances(), order)));
                });
        return Markup.section("importance", "Importance on single features", parts);
    }

    private static List<Integer> columns(SiteFigures site) {
        return ImportanceError.order(site.importances(), site.solution().form() == Form.IDENTITY)
                .stream()
                .limit(MOST_COLUMNS)
                .toList();
    }

    /// Live subcomponents in the order of the importance map.
    private static List<Integer> shown(SiteFigures site) {
        return columns(site).stream()
                .filter(c ->
                        site.sizes()[c] > site.solution().cut()
                                && Arrays.stream(site.importances())
                                        .anyMatch(row -> row[c] > ToyFigures.THRESHOLD))
                .toList();
    }

    private String vectors() {
        List<String> parts = new ArrayList<>();
        parts.add(
                note(
                        "V is what a subcomponent reads, U what it writes; live ones, in the order of the importance map."));
        for (DecomposedSite site : run.decomposition().sites()) {
            SiteFigures found = Optional.ofNullable(toy.sites().get(site.name())).orElseThrow();
            List<Integer> shown = shown(found);
            if (shown.isEmpty()) {
                parts.add(note("No subcomponent of %s is live.".formatted(site.name())));
                continue;
            }
            double[][] V = rows(site, Part.V);
            double[][] U = rows(site, Part.U);
            parts.add(tag("h3", text(site.name())));
            parts.add(
                    entries(
                            "V of " + site.name(),
                            "input ",
                            shown,
                            Math.min(MOST_WIDTH, V.length),
                            (c, i) -> V[i][c]));
            parts.add(
                    entries(
                            "U of " + site.name(),
                            "output ",
                            shown,
                            Math.min(MOST_WIDTH, U[0].length),
                            (c, i) -> U[c][i]));
        }
        return Markup.section("vectors", "U and V", parts);
    }

    private interface Entry {
        double at(int c, int i);
    }

    private String entries(
            String title, String prefix, List<Integer> shown, int width, Entry entry) {
        List<List<Double>> values =
                shown.stream()
                        .map(c -> IntStream.range(0, width).mapToObj(i -> entry.at(c, i)).toList())
                        .toList();
        double most = values.stream().flatMap(List::stream).mapToDouble(Math::abs).max().orElse(0);
        return map(
                title,
                "entry",
                Shade.DIVERGING,
                most,
                names("c", shown),
                names(prefix, width),
                values);
    }

    private String map(
            String title,
            String valueName,
            Shade shade,
            double most,
            List<String> rows,
            List<String> columns,
            List<List<Double>> values) {
        double width = Math.clamp(640.0 / columns.size(), 3, 22);
        double height = Math.clamp(640.0 / rows.size(), 3, 22);
        HeatMap map = new HeatMap(title, valueName, shade, most);
        map.label("label", 0, 12, title);
        map.add(new Block(0, 20, width, height, rows, columns, values));
        return map.html(
                        figures,
                        0,
                        Math.max(LABELS * 5, width * columns.size() + 2),
                        22 + height * rows.size())
                + map.legend();
    }

    private static List<List<Double>> picked(double[][] matrix, List<Integer> columns) {
        return Arrays.stream(matrix)
                .map(row -> columns.stream().map(c -> row[c]).toList())
                .toList();
    }

    private static int largest(double[][] V, int c) {
        return IntStream.range(0, V.length)
                .boxed()
                .max(Comparator.comparingDouble(j -> Math.abs(V[j][c])))
                .orElse(0);
    }

    private enum Part {
        V,
        U,
        W
    }

    private double[][] rows(DecomposedSite site, Part part) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Subcomponents all = run.decomposition().subcomponents(site);
                    Tensor matrix =
                            switch (part) {
                                case V -> all.V();
                                case U -> all.U();
                                case W -> all.W();
                            };
                    int columns = Math.toIntExact(matrix.size(1));
                    double[] flat = Tensors.toDoubles(matrix);
                    double[][] rows = new double[flat.length / columns][];
                    Arrays.setAll(
                            rows, i -> Arrays.copyOfRange(flat, i * columns, (i + 1) * columns));
                    return rows;
                }));
    }

    private static List<Double> list(double... values) {
        return Arrays.stream(values).boxed().toList();
    }

    private static List<String> names(String prefix, int count) {
        return IntStream.range(0, count).mapToObj(i -> prefix + i).toList();
    }

    private static List<String> names(String prefix, List<Integer> indices) {
        return indices.stream().map(i -> prefix + i).toList();
    }
}
