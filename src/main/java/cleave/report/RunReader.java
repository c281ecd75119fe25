package cleave.report;

import cleave.analysis.Census;
import cleave.analysis.ImportanceMap;
import cleave.analysis.Importances;
import cleave.analysis.SiteCensus;
import cleave.analysis.SubcomponentId;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.harvest.HarvestFolder;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Task;
import cleave.report.ReportData.Example;
import cleave.report.ReportData.Harvested;
import cleave.report.ReportData.MarkImportances;
import cleave.report.ReportData.Norm;
import cleave.report.ReportData.Origin;
import cleave.report.ReportData.Row;
import cleave.report.ReportData.SiteMarks;
import cleave.report.ReportData.SiteVectors;
import cleave.report.ReportData.UniqueVectors;
import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.run.Provenance;
import cleave.run.RunFile;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.text.Tokenizer;
import cleave.verdict.Evidence;
import cleave.verdict.Thresholds;
import cleave.verdict.Verdict;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads from a run what the page shows beside the census and what studies add.
public final class RunReader {
    private static final int EXAMPLES = 4;
    private static final int MARKED_SEQUENCES = 256;
    private static final int SLICE_ROWS = 16;

    private final LoadedRun run;
    private final Decomposition decomposition;
    private final Task task;
    private final Census census;
    private final List<Addition> additions;
    private final Optional<Tokenizer> tokenizer;

    RunReader(LoadedRun run, Census census, List<Addition> additions) {
        this.run = run;
        this.additions = List.copyOf(additions);
        this.census = census;
        decomposition = run.decomposition();
        task = run.task();
        tokenizer = run.model().tokenizer();
    }

    ReportData read() {
        return new ReportData(
                origin(run),
                MetricsLog.read(run.directory()),
                census,
                Verdict.of(
                        Evidence.of(run, census, Optional.empty(), Optional.empty()),
                        Thresholds.DEFAULT),
                additions,
                examples(),
                task.marks().isEmpty() ? Optional.empty() : Optional.of(marks()),
                decomposition.sites().stream().map(this::vectors).toList(),
                HarvestFolder.in(run.directory().path()).map(RunReader::harvested),
                provenance(run),
                config(run),
                commands());
    }

    public static Origin origin(LoadedRun run) {
        return new Origin(
                name(run.directory().path()),
                run.targetName(),
                run.checkpoint().step(),
                run.file().steps(),
                run.file().streams().stream().mapToLong(RunFile.StreamFile::batch).sum());
    }

    private static String name(Path path) {
        Path name = path.toAbsolutePath().normalize().getFileName();
        return name == null ? "/" : name.toString();
    }

    /// The unique subcomponents, site by site, the most frequent first.
    private List<SubcomponentId> unique() {
        return census.sites().keySet().stream()
                .flatMap(site ->
                        unique(site).stream()
                                .map(active -> new SubcomponentId(site, active.index())))
                .toList();
    }

    private List<SiteCensus.Active> unique(String site) {
        SiteCensus found = census.sites().get(site);
        if (found == null) {
            return List.of();
        }
        return found.subcomponents().stream()
                .filter(active -> active.frequency() >= Census.FLOOR)
                .sorted(
                        Comparator.comparingDouble(SiteCensus.Active::frequency)
                                .reversed()
                                .thenComparingInt(SiteCensus.Active::index))
                .toList();
    }

    private List<Example> examples() {
        return ImportanceMap.of(decomposition, task, unique(), List.of(), EXAMPLES)
                .examples()
                .stream()
                .map(found -> Example.of(found, this::token))
                .toList();
    }

    /// A token as a study names it, or as text, or as its number.
    private String token(long token) {
        return additions.stream()
                .flatMap(each -> each.token(token).stream())
                .findFirst()
                .or(() ->
                        tokenizer
                                .filter(known -> token < known.size())
                                .map(known -> known.decode(new int[] {(int) token})))
                .orElseGet(() -> Long.toString(token));
    }

    private static Harvested harvested(Path folder) {
        List<Harvested.Piece> pieces = new ArrayList<>();
        try (BufferedReader lines = Files.newBufferedReader(folder.resolve(HarvestFolder.PIECES));
                BufferedReader examples =
                        Files.newBufferedReader(folder.resolve(HarvestFolder.EXAMPLES))) {
            String line = lines.readLine();
            String places = examples.readLine();
            while (line != null && places != null) {
                JsonNode piece = JsonMapper.shared().readTree(line);
                if (piece.path("active").asLong(0) > 0) {
                    pieces.add(
                            new Harvested.Piece(
                                    piece.path("site").asString(""),
                                    piece.path("id").asString(""),
                                    piece.path("density").asDouble(0),
                                    first(piece.path("tokens_in")),
                                    first(piece.path("tokens_out")),
                                    place(
                                            JsonMapper.shared()
                                                    .readTree(places)
                                                    .path("strongest")
                                                    .path(0))));
                }
                line = lines.readLine();
                places = examples.readLine();
            }
        } catch (IOException | JacksonException failure) {
            throw new UserError(
                    "harvest must be readable, got %s (%s)".formatted(failure, folder), failure);
        }
        return new Harvested(HarvestFolder.open(folder).positions(), pieces);
    }

    private static String first(JsonNode tokens) {
        return tokens.path("by_count")
                .valueStream()
                .limit(4)
                .map(token -> token.path("text").asString("").strip())
                .collect(Collectors.joining(", "));
    }

    private static String place(JsonNode example) {
        StringBuilder text = new StringBuilder();
        int at = example.path("at").asInt(-1);
        for (int i = 0; i < example.path("tokens").size(); i++) {
            String token = example.path("tokens").get(i).asString("");
            boolean number = token.matches("[0-9]+");
            String space = number && !text.isEmpty() ? " " : "";
            text.append(space).append(i == at ? "[" + token + "]" : token);
        }
        return text.toString();
    }

    private MarkImportances marks() {
        Map<String, double[][]> sums = new LinkedHashMap<>(); // [mark][C]
        decomposition
                .sites()
                .forEach(site ->
                        sums.put(site.name(), new double[task.marks().size()][site.count()]));
        int sequences = Math.min(MARKED_SEQUENCES, census.sample().sequences());
        for (int first = 0; first < sequences; first += SLICE_ROWS) {
            int from = first;
            int rows = Math.min(SLICE_ROWS, sequences - first);
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        Task.Examples examples =
                                task.examples(0, Draws.Purpose.EVALUATION, from, rows);
                        addAtMarks(examples, sums);
                        return true;
                    }));
        }
        SequencedMap<String, SiteMarks> sites = new LinkedHashMap<>();
        sums.forEach((site, sum) ->
                sites.put(
                        site,
                        new SiteMarks(
                                Arrays.stream(sum)
                                        .map(all -> Arrays.stream(all).sum() / sequences)
                                        .toList(),
                                unique(site).stream()
                                        .map(active ->
                                                new Row(
                                                        active.index(),
                                                        Arrays.stream(sum)
                                                                .map(all ->
                                                                        all[active.index()]
                                                                                / sequences)
                                                                .toList()))
                                        .toList())));
        return new MarkImportances(sequences, task.marks(), sites);
    }

    private void addAtMarks(Task.Examples examples, Map<String, double[][]> sums) {
        Clean clean = decomposition.target().clean(examples.batch());
        Tensor valid = examples.batch().valid();
        List<Tensor> importances = Importances.of(decomposition, clean, examples.batch());
        for (int i = 0; i < importances.size(); i++) {
            Tensor lower = importances.get(i); // [B, T, C]
            String name = decomposition.sites().get(i).name();
            Scopes.run(() -> {
                Tensor g =
                        valid == null
                                ? lower
                                : lower.masked_fill(valid.logical_not().unsqueeze(2), 0);
                double[][] sum = sums.getOrDefault(name, new double[0][]);
                for (int mark = 0; mark < sum.length; mark++) {
                    Tensor at =
                            Tensors.named(task.marks().get(mark), examples.marks()).unsqueeze(1);
                    double[] here = Tensors.toDoubles(Positions.select(g, at).sum(0, 1));
                    for (int c = 0; c < here.length; c++) {
                        sum[mark][c] += here[c];
                    }
                }
            });
        }
    }

    private SiteVectors vectors(DecomposedSite site) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Subcomponents all = decomposition.subcomponents(site);
                    double[] norms = Tensors.toDoubles(all.norms());
                    List<SiteCensus.Active> unique = unique(site.name());
                    List<Integer> indices = unique.stream().map(SiteCensus.Active::index).toList();
                    return new SiteVectors(
                            site.name(),
                            site.count(),
                            (int) site.site().dIn(),
                            (int) site.site().dOut(),
                            IntStream.range(0, norms.length)
                                    .mapToObj(c -> new Norm(c, norms[c], indices.contains(c)))
                                    .sorted(Comparator.comparingDouble(Norm::norm).reversed())
                                    .toList(),
                            unique.stream()
                                    .map(active -> vectors(all, active, norms[active.index()]))
                                    .toList());
                }));
    }

    private static UniqueVectors vectors(Subcomponents all, SiteCensus.Active active, double norm) {
        double[] reads = Tensors.toDoubles(all.V().select(1, active.index()));
        double[] writes = Tensors.toDoubles(all.U().select(0, active.index()));
        double sign = Math.signum(largest(reads));
        return new UniqueVectors(
                active.index(),
                active.frequency(),
                norm,
                ofLength(Math.sqrt(norm), sign, reads),
                ofLength(Math.sqrt(norm), sign, writes));
    }

    private static double largest(double... values) {
        return Arrays.stream(values).boxed().max(Comparator.comparingDouble(Math::abs)).orElse(0.0);
    }

    private static List<Double> ofLength(double length, double sign, double... values) {
        double own = Math.sqrt(Arrays.stream(values).map(value -> value * value).sum());
        return Arrays.stream(values)
                .map(value -> own == 0 ? 0 : sign * value * length / own)
                .boxed()
                .toList();
    }

    public static String config(LoadedRun run) {
        return text(run.directory().configFile());
    }

    /// Every field, also those that a later version may add.
    public static SequencedMap<String, String> provenance(LoadedRun run) {
        Provenance.read(run.directory()); // says what is wrong with the file, if anything
        SequencedMap<String, String> fields = new LinkedHashMap<>();
        flatten("", new JsonMapper().readTree(text(run.directory().provenanceFile())), fields);
        return fields;
    }

    private static void flatten(String path, JsonNode node, Map<String, String> fields) {
        if (node.isObject()) {
            node.properties()
                    .forEach(entry ->
                            flatten(
                                    path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                                    entry.getValue(),
                                    fields));
        } else if (node.isArray() && node.valueStream().anyMatch(JsonNode::isObject)) {
            for (int i = 0; i < node.size(); i++) {
                flatten("%s[%d]".formatted(path, i), node.get(i), fields);
            }
        } else if (node.isArray()) {
            fields.put(
                    path,
                    node.valueStream().map(JsonNode::asString).collect(Collectors.joining(" ")));
        } else {
            fields.put(path, node.asString());
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private List<String> commands() {
        List<String> commands = new ArrayList<>(commands(run));
        String path = quoted(run.directory().path().toString());
        commands.add(
                "bin/cleave census %s --threshold %s --sequences %d"
                        .formatted(
                                path, Numbers.of(census.threshold()), census.sample().sequences()));
        additions.forEach(each -> commands.addAll(each.commands(path)));
        commands.add("bin/cleave report " + path);
        return List.copyOf(commands);
    }

    /// The commands that made a run.
    public static List<String> commands(LoadedRun run) {
        List<String> commands = new ArrayList<>();
        Provenance provenance = Provenance.read(run.directory());
        String commit = "";
        for (Provenance.Session session : provenance.sessions()) {
            String own = session.program().gitCommit();
            if (own != null && !own.equals(commit)) {
                commit = own;
                commands.add(
                        "git checkout "
                                + own
                                + (Boolean.TRUE.equals(session.program().gitDirty())
                                        ? "  # plus changes that were not committed"
                                        : ""));
            }
            commands.add(
                    "bin/cleave "
                            + session.commandLine().stream()
                                    .map(RunReader::quoted)
                                    .collect(Collectors.joining(" "))
                            + ranks(session.machine().ranks()));
        }
        return List.copyOf(commands);
    }

    private static String ranks(@Nullable Integer ranks) {
        return ranks == null ? "" : "  # as each of %d ranks".formatted(ranks);
    }

    public static String quoted(String argument) {
        return argument.matches("[A-Za-z0-9_@%+=:,./-]+")
                ? argument
                : "'" + argument.replace("'", "'\\''") + "'";
    }
}
