package cleave.report;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.analysis.AttentionDivergence;
import cleave.analysis.Census;
import cleave.analysis.Sample;
import cleave.analysis.SiteCensus;
import cleave.analysis.SubcomponentId;
import cleave.model.InductionTask;
import cleave.report.ReportData.Example;
import cleave.report.ReportData.Harvested;
import cleave.report.ReportData.MarkImportances;
import cleave.report.ReportData.Norm;
import cleave.report.ReportData.Origin;
import cleave.report.ReportData.Row;
import cleave.report.ReportData.SiteMarks;
import cleave.report.ReportData.SiteVectors;
import cleave.report.ReportData.UniqueVectors;
import cleave.run.MetricsLog;
import cleave.study.facts.FactsFile.Asked;
import cleave.study.facts.FactsFile.FactRow;
import cleave.study.facts.FactsStudy;
import cleave.study.induction.Circuit;
import cleave.study.induction.CircuitFigures;
import cleave.study.induction.CircuitVerdict;
import cleave.study.induction.InductionPage;
import cleave.study.induction.InductionPage.AttentionCondition;
import cleave.study.induction.InductionPage.AttentionMaps;
import cleave.study.induction.Paper;
import cleave.study.induction.SuppressedGroup;
import cleave.verdict.Convergence;
import cleave.verdict.Evidence;
import cleave.verdict.Thresholds;
import cleave.verdict.Verdict;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTest {
    private static final InductionTask TASK = new InductionTask("induction", 128, 64, true);
    private static final List<String> SITES = List.of("Q0", "K0", "V0", "Q1", "K1", "V1");
    private static final List<String> MARKS = List.of("s1", "m", "s2", "random");
    private static final String HOSTILE = "</script><b x='\"&\u0000 {{script}} $1 \\";

    /// A run in which every subcomponent of every site is unique.
    private static ReportData example(int count, int length, String name) {
        Random random = new Random(1);
        Sample sample = new Sample(2048, 2048L * length, 2048, marks(2048L));
        SequencedMap<String, SiteCensus> sites = new LinkedHashMap<>();
        SequencedMap<String, List<Row>> importances = new LinkedHashMap<>();
        SequencedMap<String, SiteMarks> atMarks = new LinkedHashMap<>();
        for (String site : SITES) {
            sites.put(site, site(count, random));
            importances.put(site, rows(count, length, random));
            atMarks.put(site, new SiteMarks(numbers(MARKS.size(), random), rows(count, 4, random)));
        }
        Example sequence =
                new Example(
                        0,
                        IntStream.range(0, length).mapToObj(t -> t == 5 ? name : "7").toList(),
                        new LinkedHashMap<>(Map.of("s1", 5, "m", 6, "s2", length - 1)),
                        importances);
        return new ReportData(
                new Origin(name, name, 300, 4000, 40),
                IntStream.range(0, 2000).mapToObj(ReportTest::line).toList(),
                census(sample, sites, count),
                verdict(census(sample, sites, count)),
                List.of(
                        new InductionPage(
                                TASK,
                                Optional.of(circuit(sample, name)),
                                Optional.of(attention(sequence, length, random)),
                                Paper.published(census(sample, sites, count)))),
                List.of(sequence, sequence, sequence, sequence),
                Optional.of(new MarkImportances(256, MARKS, atMarks)),
                SITES.stream().map(site -> vectors(site, count, random)).toList(),
                Optional.of(harvested(name)),
                new LinkedHashMap<>(Map.of("subject.seed", "0", "subject.target_file", name)),
                "target: " + name + "\n",
                List.of("bin/cleave report " + name));
    }

    private static Harvested harvested(String name) {
        return new Harvested(
                1000,
                List.of(
                        new Harvested.Piece("Q0", "Q0:3", 0.25, name, name, name),
                        new Harvested.Piece(
                                "Q0", "Q0:1", 0.5, "golf", "in", "the sport of [golf]")));
    }

    private static SequencedMap<String, Long> marks(long counted) {
        SequencedMap<String, Long> marks = new LinkedHashMap<>();
        MARKS.forEach(mark -> marks.put(mark, counted));
        return marks;
    }

    private static SiteCensus site(int count, Random random) {
        SequencedMap<String, Double> active = new LinkedHashMap<>();
        MARKS.forEach(mark -> active.put(mark, random.nextDouble()));
        SequencedMap<String, SequencedMap<String, Integer>> uniqueAt = new LinkedHashMap<>();
        for (String threshold : List.of("0.1", "0.5", "0.9")) {
            SequencedMap<String, Integer> byFloor = new LinkedHashMap<>();
            List.of("0", "0.001", "0.01")
                    .forEach(floor -> byFloor.put(floor, random.nextInt(count)));
            uniqueAt.put(threshold, byFloor);
        }
        return new SiteCensus(
                count,
                active,
                count,
                uniqueAt,
                new SiteCensus.Values(100, 20),
                IntStream.range(0, count)
                        .mapToObj(c ->
                                new SiteCensus.Active(
                                        c, 1000, 1000 / 2048.0, 0.1, random.nextDouble(), 1))
                        .toList());
    }

    private static Census census(Sample sample, SequencedMap<String, SiteCensus> sites, int count) {
        return new Census(
                0.5,
                sample,
                sites,
                new Census.CensusLosses(1.25e-7, 0.0123, 0.234, 0.0345, 0.00456, 0.0567, 6.78e-5),
                List.of(
                        new AttentionDivergence(0, 0.0111, 0.0222, 131072),
                        new AttentionDivergence(1, 0.0333, 0.0444, 2048)),
                0.9912,
                new Census.Accuracies(1, 0.9912, 0.9523, 0.9734, 0.9801, 0.9756, 0.9989),
                new Census.PositionFree(
                        0.001, 6 * count, 0.0321, 0.9345, new Census.Kept(6 * count, 0.03, 0.94)));
    }

    private static Verdict verdict(Census census) {
        Convergence convergence = new Convergence(0.02, 0.01, 9);
        return Verdict.of(
                new Evidence(
                        300,
                        4000,
                        convergence,
                        true,
                        census,
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        java.util.Set.of()),
                Thresholds.DEFAULT);
    }

    private static Circuit circuit(Sample sample, String name) {
        CircuitFigures figures =
                new CircuitFigures(List.of(0.1, 0.15, Double.NaN, 0.3, 0.2, 0.1), 0.98, 0.5, 3.21);
        SuppressedGroup group =
                new SuppressedGroup(
                        "step 1",
                        List.of("Q0", "K0"),
                        List.of(new SubcomponentId("Q0", 3)),
                        figures,
                        List.of(
                                new SuppressedGroup.Control(
                                        0, List.of(), Double.POSITIVE_INFINITY, figures)),
                        new SuppressedGroup.Others(199, figures));
        CircuitVerdict.Finding finding =
                new CircuitVerdict.Finding(
                        "step 1", true, false, true, true, false, true, "step 1 falls " + name);
        return new Circuit(
                0.5,
                0.001,
                sample,
                List.of(2048L, 2048L, 2000L, 1900L, 1800L, 1700L),
                figures,
                figures,
                figures,
                List.of(),
                List.of(group),
                new CircuitVerdict(
                        List.of(), List.of(finding), true, true, true, "the circuit holds"));
    }

    private static AttentionMaps attention(Example sequence, int length, Random random) {
        List<List<List<Double>>> layers =
                IntStream.range(0, 2)
                        .mapToObj(_ ->
                                IntStream.range(0, length)
                                        .mapToObj(_ -> numbers(length, random))
                                        .toList())
                        .toList();
        return new AttentionMaps(
                sequence,
                List.of(
                        new AttentionCondition("target", 0, layers),
                        new AttentionCondition("without step 1", 3, layers),
                        new AttentionCondition("without step 2", 2, layers)));
    }

    private static SiteVectors vectors(String site, int count, Random random) {
        return new SiteVectors(
                site,
                count,
                16,
                16,
                IntStream.range(0, count).mapToObj(c -> new Norm(c, count - c, true)).toList(),
                IntStream.range(0, count)
                        .mapToObj(c ->
                                new UniqueVectors(
                                        c, 0.4, 1, numbers(16, random), numbers(16, random)))
                        .toList());
    }

    private static List<Row> rows(int count, int width, Random random) {
        return IntStream.range(0, count).mapToObj(c -> new Row(c, numbers(width, random))).toList();
    }

    private static List<Double> numbers(int count, Random random) {
        return random.doubles(count).boxed().toList();
    }

    private static MetricsLog.Line line(int step) {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("total", 1.0 / (step + 1));
        values.put("faithfulness", step % 7 == 0 ? 0.0 : 1e-6);
        values.put("active_per_sequence", 12.5);
        values.put("learning_rate", 0.004);
        return new MetricsLog.Line(step, values);
    }

    /// The same run with nothing in it.
    private static ReportData empty() {
        ReportData full = example(2, 8, "toy");
        SequencedMap<String, SiteCensus> sites = new LinkedHashMap<>();
        sites.put(
                "mlp_in",
                new SiteCensus(
                        2,
                        new LinkedHashMap<>(),
                        0,
                        full.census().sites().firstEntry().getValue().uniqueAt(),
                        new SiteCensus.Values(0, 0),
                        List.of()));
        Census.CensusLosses unknown =
                new Census.CensusLosses(
                        Double.NaN,
                        Double.NaN,
                        Double.NaN,
                        Double.NaN,
                        Double.NaN,
                        Double.NaN,
                        Double.POSITIVE_INFINITY);
        Census census =
                new Census(
                        0.5,
                        new Sample(1, 8, 1, new LinkedHashMap<>()),
                        sites,
                        unknown,
                        List.of(),
                        0,
                        full.census().accuracies(),
                        full.census().positionFree());
        return new ReportData(
                full.origin(),
                List.of(),
                census,
                verdict(census),
                List.of(
                        new InductionPage(
                                TASK, Optional.empty(), Optional.empty(), Optional.empty())),
                List.of(),
                Optional.empty(),
                List.of(new SiteVectors("mlp_in", 2, 3, 4, List.of(), List.of())),
                full.harvest(),
                new LinkedHashMap<>(),
                "",
                List.of());
    }

    /// The page as a tree; fails where it is not well-formed. What scripts and styles hold is no
    /// markup.
    private static Document parsed(String html) throws Exception {
        String markup =
                html.replaceFirst("<!DOCTYPE html>", "")
                        .replaceAll("(?s)<(script|style)([^>]*)>.*?</\\1>", "<$1$2></$1>");
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(markup)));
    }

    private static JsonNode embedded(String html) {
        Matcher data =
                Pattern.compile("(?s)<script type=\"application/json\" id=\"data\">(.*?)</script>")
                        .matcher(html);
        assertThat(data.find()).isTrue();
        return new JsonMapper().readTree(data.group(1));
    }

    @Test
    void isWellFormedAndHasEverySection() throws Exception {
        for (ReportData data : List.of(example(4, 12, "toy"), empty())) {
            Document page = parsed(Report.html(data));
            NodeList sections = page.getElementsByTagName("section");
            assertThat(
                            IntStream.range(0, sections.getLength())
                                    .mapToObj(i -> ((Element) sections.item(i)).getAttribute("id")))
                    .containsExactly(
                            "headline",
                            "verdict",
                            "curves",
                            "importance",
                            "vectors",
                            "harvest",
                            "census",
                            "circuit",
                            "provenance");
        }
    }

    /// The example with three facts of two sports.
    private static ReportData withFacts(long step, String name) {
        ReportData full = example(4, 12, name);
        List<Double> changed = List.of(0.75, 1.0, 0.125, 0.0, 0.5, 0.0625);
        List<Double> controls = List.of(0.01, Double.NaN, 2.5);
        SequencedMap<String, List<Double>> summary = new LinkedHashMap<>();
        summary.put("fall, times", List.of(4.0, 3.5, 123.4));
        Asked facts =
                new Asked(
                        step,
                        10,
                        "EVERYWHERE",
                        false,
                        0.5,
                        0.16,
                        512,
                        List.of(
                                new FactRow("Ann", "golf", changed, controls),
                                new FactRow(name, "golf", changed, controls),
                                new FactRow("Cid", "tennis", changed, controls)),
                        summary);
        return new ReportData(
                full.origin(),
                full.metrics(),
                full.census(),
                full.verdict(),
                Stream.concat(full.additions().stream(), Stream.of(new FactsStudy.Page(facts)))
                        .toList(),
                full.examples(),
                full.marks(),
                full.sites(),
                full.harvest(),
                full.provenance(),
                full.config(),
                full.commands());
    }

    @Test
    void factsAreAHeatMapBySport() throws Exception {
        String html = Report.html(withFacts(300, HOSTILE));
        Document page = parsed(html);
        assertThat(page.getDocumentElement().getTextContent())
                .contains(
                        "golf",
                        "tennis",
                        "at most 10, at every position",
                        "(importance above 0.5) and on at most 16 % of 512 other prompts",
                        "Over 3 facts")
                .contains("fall, times43.5123")
                .doesNotContain("run cleave facts again");
        assertThat(html).contains("<a href=\"#facts\">Facts</a>", "<section id=\"facts\"");
        JsonNode heat =
                embedded(html)
                        .path("figures")
                        .valueStream()
                        .filter(figure -> figure.path("value").asString().equals("changed"))
                        .findFirst()
                        .orElseThrow();
        // Two blocks a sport: what was asked, and what was suppressed in place of the chosen.
        assertThat(heat.path("blocks")).hasSize(4);
        JsonNode golf = heat.path("blocks").get(0);
        assertThat(golf.path("rows").valueStream().map(JsonNode::asString))
                .containsExactly("Ann", HOSTILE);
        assertThat(golf.path("columns").valueStream().map(JsonNode::asString))
                .containsExactly(
                        "own answer",
                        "paraphrases",
                        "same sport",
                        "other sports",
                        "reverse",
                        "other text");
        assertThat(golf.at("/values/0").valueStream().map(JsonNode::asDouble))
                .containsExactly(0.75, 1.0, 0.125, 0.0, 0.5, 0.063);
        JsonNode others = heat.path("blocks").get(3);
        assertThat(others.at("/rows/0").asString()).isEqualTo("Cid");
        assertThat(others.at("/values/0/1").isNull()).isTrue();
        assertThat(others.at("/values/0/2").asDouble()).isEqualTo(2.5);
    }

    @Test
    void factsOfAnotherStepAreSaidToBeAndNotShown() throws Exception {
        String html = Report.html(withFacts(200, "toy"));
        assertThat(parsed(html).getDocumentElement().getTextContent())
                .contains("facts.json is of step 200 and this page of step 300");
        assertThat(html).doesNotContain("Over 3 facts");
    }

    /// The most frequent of a site come first, with what they stand for as text.
    @Test
    void saysWhatTheHarvestTells() {
        String html = Report.html(example(2, 12, "run"));
        String section = html.substring(html.indexOf("<section id=\"harvest\""));
        assertThat(section)
                .contains("a harvest of 1,000 tokens", "the sport of [golf]", "50.00 %")
                .containsSubsequence("Q0:1", "Q0:3");
    }

    @Test
    void needsNoNetwork() throws Exception {
        String html = Report.html(example(4, 12, "toy"));
        NodeList all = parsed(html).getElementsByTagName("*");
        for (int i = 0; i < all.getLength(); i++) {
            for (String attribute : List.of("src", "href")) {
                String address = ((Element) all.item(i)).getAttribute(attribute);
                assertThat(address).matches("|#[a-z]+|data:image/png;base64,[A-Za-z0-9+/=]+");
            }
        }
        assertThat(html).doesNotContain("@import", "url(", "http://", "https://");
        assertThat(html).contains("default-src 'none'");
    }

    @Test
    void everyLinkLeadsToASection() throws Exception {
        Document page = parsed(Report.html(withFacts(300, "toy")));
        NodeList links = page.getElementsByTagName("a");
        NodeList sections = page.getElementsByTagName("section");
        List<String> targets =
                IntStream.range(0, sections.getLength())
                        .mapToObj(i -> "#" + ((Element) sections.item(i)).getAttribute("id"))
                        .toList();
        for (int i = 0; i < links.getLength(); i++) {
            assertThat(targets).contains(((Element) links.item(i)).getAttribute("href"));
        }
        assertThat(
                        IntStream.range(0, links.getLength())
                                .mapToObj(i -> ((Element) links.item(i)).getAttribute("href")))
                .startsWith(
                        "#verdict",
                        "#curves",
                        "#importance",
                        "#vectors",
                        "#harvest",
                        "#census",
                        "#circuit",
                        "#facts",
                        "#provenance");
    }

    @Test
    void escapesWhateverARunIsCalled() throws Exception {
        String html = Report.html(example(4, 12, HOSTILE));
        String shown = HOSTILE.replace('\u0000', '\uFFFD');
        assertThat(parsed(html).getElementsByTagName("title").item(0).getTextContent())
                .isEqualTo("Decomposition of " + shown);
        assertThat(html).doesNotContain("</script><b");
        assertThat(Pattern.compile("<script").matcher(html).results()).hasSize(2);
        assertThat(embedded(html).at("/origin/run").asString()).isEqualTo(HOSTILE);
    }

    @Test
    void saysWhatTheVerdictSays() throws Exception {
        String text =
                parsed(Report.html(example(4, 12, "toy"))).getDocumentElement().getTextContent();
        // Step 300 of 4000 is not finished; 1.25e-7, rounded up, is between 1e-7 and 1e-6.
        assertThat(text)
                .contains(
                        "finished7.50 %>= 100.00 %fail", "faithful1.3e-07<= 1.0e-07<= 1.0e-06warn")
                .contains("finished: step 300 of 4000. To do: end the run");
    }

    @Test
    void saysTheNumbersOfTheCensus() throws Exception {
        ReportData data = example(4, 12, "toy");
        String html = Report.html(data);
        String text = parsed(html).getDocumentElement().getTextContent();
        assertThat(text)
                .contains("99.12 %", "93.45 %", "0.0321 nats", "1.25e-7", "0.00456 nats")
                .contains("95.23 %", "97.34 %", "99.89 %", "0.0444 nats", "131,072", "2,048")
                .contains("step 300 of 4,000", "0.980", "3.21 nats", "the circuit holds");
        assertThat(html).contains("<th scope=\"row\">paper</th><td>1</td><td>1</td><td>1</td>");
        JsonNode json = embedded(html);
        data.census()
                .sites()
                .forEach((site, counts) -> {
                    JsonNode found = json.at("/census/sites/" + site);
                    assertThat(found.path("unique").asInt()).isEqualTo(counts.unique());
                    assertThat(found.path("active").path("m").asDouble())
                            .isEqualTo(counts.active().get("m"));
                });
        assertThat(json.at("/census/position_free/accuracy").asDouble()).isEqualTo(0.9345);
        assertThat(json.at("/circuit/steps/0/controls/0/norm_ratio").isNull()).isTrue();
    }

    @Test
    void countsTheRowsOfThePaper() {
        Census census = example(4, 12, "toy").census();
        SequencedMap<String, SiteCensus> sites = new LinkedHashMap<>(census.sites());
        Map<String, String> tokens =
                Map.of("Q0", "m", "K0", "s1", "V0", "s1", "Q1", "s2", "K1", "m", "V1", "m");
        tokens.forEach((name, mark) -> replace(sites, name, Map.of(mark, 0.98), 1));
        assertThat(Paper.rows(census(census.sample(), sites, 4)))
                .contains(
                        "All six rows of the paper's table are shown, each at the paper's token.");

        replace(sites, "Q0", Map.of("s1", 1.0, "m", 0.1), 1);
        replace(sites, "Q1", Map.of("s2", 1.0), 0);
        assertThat(Paper.rows(census(census.sample(), sites, 4)).orElseThrow())
                .startsWith(
                        "4 of the six rows of the paper's table are shown; used, but not at the paper's token: Q0 (m); empty: Q1. ");
        sites.remove("Q0");
        assertThat(Paper.rows(census(census.sample(), sites, 4))).isEmpty();
        assertThat(Report.html(example(4, 12, "toy"))).contains("of the six rows of the paper");
    }

    private static void replace(
            Map<String, SiteCensus> sites, String name, Map<String, Double> active, int unique) {
        SiteCensus site = Objects.requireNonNull(sites.get(name));
        SequencedMap<String, Double> means = new LinkedHashMap<>(active);
        sites.put(
                name,
                new SiteCensus(
                        site.count(), means, unique, site.uniqueAt(), site.values(), List.of()));
    }

    @Test
    void everyFigureHasItsValues() throws Exception {
        String html = Report.html(example(4, 12, "toy"));
        JsonNode figures = embedded(html).path("figures");
        NodeList all = parsed(html).getElementsByTagName("div");
        int found = 0;
        for (int i = 0; i < all.getLength(); i++) {
            String id = ((Element) all.item(i)).getAttribute("data-figure");
            if (!id.isEmpty()) {
                assertThat(figures.path(id).path("kind").asString("")).isIn("chart", "heat");
                found++;
            }
        }
        assertThat(found).isEqualTo(figures.size()).isGreaterThan(20);
    }

    @Test
    void staysSmallWhenEverythingIsUnique() {
        for (int count : List.of(32, 100)) {
            int size =
                    Report.html(example(count, 64, "toy")).getBytes(StandardCharsets.UTF_8).length;
            assertThat(size).isLessThan(3_000_000);
        }
    }
}
