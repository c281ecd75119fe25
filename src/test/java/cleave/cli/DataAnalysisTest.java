package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Importances;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.harvest.DataAttribution;
import cleave.harvest.Groups;
import cleave.model.Clean;
import cleave.model.Task;
import cleave.run.LoadedRun;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave attribute --data`, `groups` and `compare` on small runs and on the shipped facts model.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DataAnalysisTest {
    private static final String FACTS = "models/facts-gpt2-decomposed";
    private static final int ROWS = 25; // of 12 tokens

    @TempDir private static Path folder;
    private TinyRun tiny;
    private Path first;
    private Path second;

    @BeforeAll
    void decompose() throws IOException {
        tiny = TinyRun.in(folder);
        first = tiny.run("first");
        second = tiny.run("second");
        assertThat(decompose(first, "7").exitCode()).isZero();
        assertThat(decompose(second, "8").exitCode()).isZero();
    }

    /// So little trained that importances are those of the fresh gates.
    private Result decompose(Path run, String seed) {
        return tiny.decompose(
                run,
                "--seed",
                seed,
                "--set",
                "steps=10",
                "--set",
                "optimizer.learning_rate=1.0e-5");
    }

    private static Result run(String command, Path run, String... more) {
        List<String> arguments = new ArrayList<>(List.of(command, run.toString()));
        arguments.addAll(List.of(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    private static JsonNode json(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return new JsonMapper().readTree(result.out());
    }

    private static void assertNarrow(String out) {
        assertThat(out.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(100));
    }

    // Groups.

    @Test
    void groupsHoldEverySubcomponentThatIsOnAndAreWritten() throws IOException {
        Path file = folder.resolve("some.json");
        JsonNode found =
                json(
                        run(
                                "groups",
                                first,
                                "--tokens",
                                "300",
                                "--threshold",
                                "0.3",
                                "--draws",
                                "3",
                                "--out",
                                file.toString(),
                                "--json"));
        assertThat(found.path("positions").asInt()).isEqualTo(300);
        int members = 0;
        for (JsonNode group : found.path("groups")) {
            members += group.path("members").size();
            assertThat(group.path("members").size()).isGreaterThan(1);
            assertThat(group.path("on").asLong())
                    .isGreaterThanOrEqualTo(group.path("together").asLong());
        }
        int on = 0;
        for (double[] g : importances(first)) {
            on += Arrays.stream(g).anyMatch(each -> each > 0.3) ? 1 : 0;
        }
        assertThat(found.path("on").asInt())
                .isEqualTo(members + found.path("alone").size())
                .isEqualTo(on);
        Groups read = Groups.read(file);
        assertThat(read.on()).isEqualTo(on);
        assertThat(read.draws()).hasSize(3);
        assertThat(read.settings().threshold()).isEqualTo(0.3);
        Files.writeString(
                file, Files.readString(file).replace("\"version\" : 1", "\"version\" : 9"));
        assertThat(catchThrowable(() -> Groups.read(file)))
                .hasMessageContaining("groups must be of version 1..1, got 9");
    }

    /// Importances of each subcomponent over the same rows, by a plain pass.
    private static List<double[]> importances(Path run) {
        List<double[]> all = new ArrayList<>();
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Scopes.run(() -> {
                Task.Examples examples =
                        loaded.task().examples(0, Draws.Purpose.EVALUATION, 0, ROWS);
                Clean clean = loaded.model().target().clean(examples.batch());
                for (Tensor site :
                        Importances.of(loaded.decomposition(), clean, examples.batch())) {
                    for (int c = 0; c < site.size(2); c++) {
                        all.add(Tensors.toDoubles(site.select(2, c).contiguous()));
                    }
                }
            });
        }
        return all;
    }

    @Test
    void groupsOfTheFactsModelComeAgain() throws IOException {
        Path file = folder.resolve("facts.json");
        Result result =
                run(
                        "groups",
                        Path.of(FACTS),
                        "--tokens",
                        "1000",
                        "--draws",
                        "4",
                        "--out",
                        file.toString());
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertNarrow(result.out());
        assertThat(result.out()).contains("bits a position", "again", "written: " + file);
        Groups found = Groups.read(file);
        assertThat(found.bits()).isLessThan(0.5 * found.apart());
        assertThat(found.seeds()).isGreaterThan(0.2);
        assertThat(found.groups())
                .allSatisfy(group -> {
                    assertThat(group.members()).hasSizeGreaterThan(1);
                    assertThat(group.found()).isNotNull();
                });
    }

    // Attribution.

    @Test
    void attributionOverTextSaysWhatIsExplainedAndIsWritten() {
        Path file = folder.resolve("attribution.json");
        String[] options = {
            "--data", "--tokens", "40", "--random", "2", "--out", file.toString(), "--json"
        };
        JsonNode found = json(run("attribute", Path.of(FACTS), options)).path("summary");
        assertThat(found.path("positions").asInt()).isGreaterThanOrEqualTo(40);
        for (JsonNode edge : found.path("edges")) {
            assertThat(edge.path("absolute").path("value").asDouble())
                    .isGreaterThanOrEqualTo(
                            Math.abs(edge.path("mean").path("value").asDouble()) - 1e-12);
            assertThat(edge.path("absolute").path("chance").asDouble()).isPositive();
        }
        assertThat(found.path("completeness").path("output").asDouble()).isBetween(0.9, 1.05);
        assertThat(found.path("completeness").path("middle").asDouble()).isBetween(0.9, 1.05);
        DataAttribution read = DataAttribution.read(file);
        assertThat(read.summary().edges()).hasSize(found.path("edges").size());
        assertThat(read.settings().masks()).isEqualTo("importance");
        Result text = run("attribute", Path.of(FACTS), "--data", "--tokens", "20", "--random", "1");
        assertNarrow(text.out());
        assertThat(text.out()).contains("of its end", "Explained by edges: of the answers' logits");
    }

    @Test
    void threeRanksAttributeAsOneProcessDoes() {
        Path one = folder.resolve("one.json");
        Path ranks = folder.resolve("ranks.json");
        String[] options = {"--data", "--tokens", "60", "--random", "2", "--edges", "300"};
        for (Path file : List.of(one, ranks)) {
            List<String> all = new ArrayList<>(List.of(options));
            all.addAll(List.of("--out", file.toString()));
            all.addAll(file.equals(ranks) ? List.of("--ranks", "3") : List.of());
            Result result = run("attribute", Path.of(FACTS), all.toArray(String[]::new));
            assertThat(result.exitCode()).as(result.err()).isZero();
        }
        DataAttribution expected = DataAttribution.read(one);
        DataAttribution found = DataAttribution.read(ranks);
        assertThat(found.settings()).isEqualTo(expected.settings());
        assertThat(expected.summary().sequences()).isGreaterThan(3);
        assertThat(found)
                .usingRecursiveComparison()
                .withComparatorForType(DataAnalysisTest::alike, Double.class)
                .isEqualTo(expected);
    }

    /// Sums in another order differ by their rounding.
    private static int alike(double one, double other) {
        double most = 1e-9 * (1 + Math.abs(one));
        return Math.abs(one - other) <= most ? 0 : Double.compare(one, other);
    }

    // Compare.

    /// Against all ways to pair four with four, in plain arrays.
    @Test
    void runsAreMatchedByVectorsAndByImportances() {
        JsonNode printed =
                json(
                        run(
                                "compare",
                                first,
                                second.toString(),
                                "--tokens",
                                Integer.toString(12 * ROWS),
                                "--threshold",
                                "0",
                                "--json"));
        JsonNode found = printed.path("comparisons").get(0);
        List<double[]> one = importances(first);
        List<double[]> two = importances(second);
        int compared = 0;
        for (int site = 0; site < 2; site++) {
            double[][] vectors = cosines(site);
            double[][] importances = new double[4][4];
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < 4; j++) {
                    importances[i][j] = cosine(one.get(4 * site + i), two.get(4 * site + j));
                }
            }
            int[] rows = active(one, site);
            int[] columns = active(two, site);
            JsonNode likeness = found.path("sites").get(site).path("likeness");
            int pairs = Math.min(rows.length, columns.length);
            assertThat(likeness.path("first").asInt()).isEqualTo(rows.length);
            assertThat(likeness.path("pairs").asInt()).isEqualTo(pairs);
            if (pairs == 0) {
                continue;
            }
            compared += pairs;
            assertThat(likeness.path("vectors").path("mean").asDouble())
                    .isCloseTo(best(vectors, rows, columns) / pairs, within(1e-5));
            assertThat(likeness.path("importances").path("mean").asDouble())
                    .isCloseTo(best(importances, rows, columns) / pairs, within(1e-5));
            double all = 0;
            for (int i : rows) {
                for (int j : columns) {
                    all += vectors[i][j];
                }
            }
            assertThat(likeness.path("vectors").path("shuffled").asDouble())
                    .isCloseTo(all / rows.length / columns.length, within(1e-5));
        }
        assertThat(compared).isGreaterThan(3);
    }

    private static int[] active(List<double[]> all, int site) {
        return IntStream.range(0, 4)
                .filter(c -> Arrays.stream(all.get(4 * site + c)).anyMatch(g -> g > 0))
                .toArray();
    }

    private static double best(double[][] worth, int[] rows, int[] columns) {
        if (rows.length > columns.length) {
            double[][] turned = new double[4][4];
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < 4; j++) {
                    turned[j][i] = worth[i][j];
                }
            }
            return best(turned, columns, rows);
        }
        if (rows.length == 0) {
            return 0;
        }
        double best = Double.NEGATIVE_INFINITY;
        for (int column : columns) {
            int[] others = Arrays.stream(columns).filter(each -> each != column).toArray();
            best =
                    Math.max(
                            best,
                            worth[rows[0]][column]
                                    + best(
                                            worth,
                                            Arrays.copyOfRange(rows, 1, rows.length),
                                            others));
        }
        return best;
    }

    private static double cosine(double[] a, double[] b) {
        double product = 0;
        double first = 0;
        double second = 0;
        for (int i = 0; i < a.length; i++) {
            product += a[i] * b[i];
            first += a[i] * a[i];
            second += b[i] * b[i];
        }
        return product == 0 ? 0 : product / Math.sqrt(first * second);
    }

    private double[][] cosines(int site) {
        double[][] cosines = new double[4][4];
        try (LoadedRun one = LoadedRun.open(first);
                LoadedRun two = LoadedRun.open(second)) {
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < 4; j++) {
                    cosines[i][j] =
                            Math.abs(
                                    cosine(vector(one, site, i, true), vector(two, site, j, true))
                                            * cosine(
                                                    vector(one, site, i, false),
                                                    vector(two, site, j, false)));
                }
            }
        }
        return cosines;
    }

    private static double[] vector(LoadedRun run, int site, int c, boolean reads) {
        return Scopes.run(() -> {
            Decomposition all = run.decomposition();
            DecomposedSite decomposed = all.sites().get(site);
            return Tensors.toDoubles(
                    reads
                            ? all.subcomponents(decomposed).V().select(1, c).contiguous()
                            : all.subcomponents(decomposed).U().select(0, c).contiguous());
        });
    }

    @Test
    void aRunIsLikeItselfAndItsCheckpoints() throws IOException {
        JsonNode all =
                json(run(
                                "compare",
                                first,
                                first.toString(),
                                "--tokens",
                                "240",
                                "--threshold",
                                "0",
                                "--json"))
                        .path("comparisons")
                        .get(0)
                        .path("all");
        assertThat(all.path("vectors").path("mean").asDouble()).isCloseTo(1, within(1e-5));
        assertThat(all.path("importances").path("mean").asDouble()).isCloseTo(1, within(1e-5));
        assertThat(all.path("vectors").path("shuffled").asDouble()).isLessThan(0.7);
        Path earlier = first.resolve("checkpoints/5");
        Path front = folder.resolve("front.svg");
        Result text =
                run(
                        "compare",
                        first,
                        earlier.toString(),
                        "--tokens",
                        "240",
                        "--threshold",
                        "0",
                        "--sequences",
                        "20",
                        "--front",
                        front.toString());
        assertThat(text.exitCode()).as(text.err()).isZero();
        assertThat(text.out())
                .contains("matched by vectors", "matched by importances", earlier.toString());
        assertThat(Files.readString(front)).startsWith("<svg").contains("class=\"front\"");
        Result csv =
                run(
                        "compare",
                        first,
                        earlier.toString(),
                        "--tokens",
                        "24",
                        "--threshold=0",
                        "--csv");
        assertThat(csv.out())
                .startsWith(
                        "matched by vectors,pieces,vectors,shuffled,by"
                                + " chance,importances,shuffled\n"
                                + "Q0,");
    }

    // What is refused, all at once, before any work.

    private static void assertRefused(Result result, String... problems) {
        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains(problems);
    }

    /// A bit for each token and subcomponent, twice: 512 MiB for each that is on.
    @Test
    void moreTokensThanMemoryHasBitsForAreRefusedBeforeTheyAreGoneThrough() {
        assertRefused(
                run("groups", first, "--tokens", "2147483647"),
                "memory must be >= ",
                " MiB for 2147483647 tokens with ",
                "hint: --tokens makes it fewer");
    }

    @Test
    void wrongInputIsRefusedAllAtOnce() throws IOException {
        assertRefused(
                run(
                        "groups",
                        first,
                        "--threshold=1",
                        "--alpha=-1",
                        "--draws=0",
                        "--tokens=0",
                        "--top=-1",
                        "--length=4",
                        "--out=" + folder),
                "--threshold must be >= 0 and < 1, got 1.0",
                "--alpha must be >= 0, got -1.0",
                "--draws must be in 1..1000, got 0",
                "--tokens must be in 1..2147483647, got 0",
                "--top must be >= 0, got -1",
                "--length must come with --text, got 4 alone",
                "--out must be a file, got a folder");
        assertRefused(
                run("attribute", first, "--data", "--prompt", "1", "--tokens", "0"),
                "either --prompt, or --text or --data must be given, got both",
                "--tokens must be in 1..");
        assertRefused(run("attribute", first), "must be given, got neither");
        assertRefused(
                run("attribute", first, "--prompt", "1", "--ranks", "2"),
                "ranks must come with --text or --data, got 2");
        assertRefused(
                run("attribute", first, "--data", "--answer", "1", "--graph", "x.json"),
                "--answer must come with --prompt, got 1",
                "--graph must come with --prompt, got x.json");
        assertRefused(
                run("compare", first, "--threshold=2", "--sequences=0", "--text=nowhere"),
                "compare must have two runs or more, got 1",
                "hint: a sweep stands for its finished runs",
                "--threshold must be >= 0 and < 1, got 2.0",
                "--sequences must come with --front, got it alone",
                "--sequences must be >= 1, got 0",
                "text must be files");
        assertRefused(
                run("attribute", first, "--data", "--random", "2147483647"),
                "--random must be <= 1000, got 2147483647");
        assertRefused(run("compare", first, FACTS), "runs must be of one target, got 2", "hint: ");
        assertRefused(
                run("compare", first, first.resolve("checkpoints/7").toString()),
                "checkpoint must be one of [10, 5], got 7");
        assertRefused(
                run("groups", first, "--text", first.resolve("config.yaml").toString()),
                "--text must come with a target that has a tokenizer");
    }
}
