package cleave.explore;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.Chromium;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The page in a browser, on the shipped facts decomposition: what a person would do first.
///
/// It is left out, aloud, where there is no Chromium. With `-Dcleave.write=true` (for Maven:
/// `-DargLine=-Dcleave.write=true`) the pictures of `docs/explore.md` are written.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class BrowserTest {
    private static final Path RUN = Path.of("models/facts-gpt2-decomposed");
    private static final Path INDUCTION = Path.of("models/induction-decomposed");
    private static final String PROMPT = "Tiger Woods plays the sport of";

    /// Those that `cleave concept --rare 0.16` chooses for golf, which takes it to 0.02 %.
    private static final List<String> GOLF =
            List.of(
                    "h.2.mlp.c_fc:18",
                    "h.2.mlp.c_fc:36",
                    "h.2.mlp.c_proj:40",
                    "h.3.mlp.c_fc:32",
                    "h.3.mlp.c_fc:70",
                    "h.3.mlp.c_proj:70");

    /// The subcomponents of V1 at m.
    private static final String COPIES =
            "V1%3A18%407%21V1%3A14%407%21V1%3A8%407%21V1%3A5%407%21V1%3A10%407%21V1%3A7%407%21V1%3A30%407%21V1%3A6%407%21V1%3A29%407%21V1%3A13%407";

    @TempDir private static Path folder;

    private ExploreServer server;
    private Chromium browser;

    @BeforeAll
    void start() throws IOException {
        Optional<Path> program = Chromium.find();
        if (program.isEmpty()) {
            System.err.println(
                    "BrowserTest is left out: no Chromium was found (put one on the path, or name it in CLEAVE_CHROMIUM)");
        }
        Assumptions.assumeTrue(program.isPresent(), "no Chromium was found");
        Path harvest = folder.resolve("harvest");
        TinyRun.Result harvested =
                TinyRun.cleave(
                        "harvest", RUN.toString(), "--tokens", "3000", "--out", harvest.toString());
        assertThat(harvested.exitCode()).as(harvested.err()).isZero();
        TinyRun.Result grouped =
                TinyRun.cleave(
                        "groups",
                        RUN.toString(),
                        "--tokens",
                        "3000",
                        "--draws",
                        "1",
                        "--out",
                        harvest.resolve("groups.json").toString());
        assertThat(grouped.exitCode()).as(grouped.err()).isZero();
        server =
                new ExploreServer(
                        List.of(RUN, INDUCTION),
                        List.of(harvest),
                        new Gate(Optional.of("0123456789")),
                        0);
        browser =
                new Chromium(
                        program.get(),
                        Files.createDirectories(folder.resolve("chromium")),
                        1280,
                        900);
        // The model stays loaded from the first text on.
        browser.open(server.address() + "#/r0/prompt?text=Tiger+Woods");
        browser.await("document.querySelectorAll('.strip.big span').length === 3");
    }

    @AfterAll
    void stop() {
        if (browser != null) {
            browser.close();
        }
        if (server != null) {
            server.close();
        }
    }

    private static void written(Chromium browser, String name) throws IOException {
        if (Boolean.getBoolean("cleave.write")) {
            Files.write(Path.of("docs", name), browser.picture());
        }
    }

    @Test
    void aPersonSearchesAsksDrawsSuppressesAndComesBack() throws Exception {
        browser.open(server.address() + "#/r0/pieces");
        search();
        ask();
        draw();
        cluster();
        group();
        save();
        suppress();
        goOn();
        label();
        assertThat(browser.messages()).isEmpty();
    }

    private void search() {
        browser.await("document.querySelectorAll('.line').length > 5");
        String all = text("[role=status]");
        assertThat(all).isEqualTo("304 of 304");
        browser.type("input[type=search]", "golf");
        browser.await("document.querySelector('[role=status]').innerText === '22 of 304'");
        assertThat(text(".line")).contains("golf");
        assertThat(hash()).isEqualTo("#/r0/pieces?q=golf");
        browser.click(".line[href$='h.3.mlp.c_proj%3A70']");
        browser.await("document.querySelector('.example')");
        assertThat(text("h1")).isEqualTo("h.3.mlp.c_proj:70");
        assertThat(text("main")).contains("golf");
    }

    private void ask() {
        browser.click("nav a[href='#/r0/prompt']");
        browser.type("textarea", PROMPT);
        browser.enter();
        browser.await("document.querySelectorAll('.strip.big span').length === 7");
        assertThat(hash()).contains("text=Tiger+Woods+plays+the+sport+of");
    }

    private void draw() throws IOException {
        browser.click(".to-graph");
        browser.await("document.querySelector('.graph')?.dataset.nodes === '37'"); // 7 + 29 + 1
        assertThat(text("main")).contains("golf", "edges explain 98\u2009% of the logit");
        int strong = (int) number("document.querySelector('.graph').dataset.edges");
        browser.evaluate(
                "(() => { const s = document.querySelector('input[type=range]'); s.value = -4; s.dispatchEvent(new Event('input')); })()");
        browser.await("Number(document.querySelector('.graph').dataset.edges) > " + strong);
        browser.click(".about td button");
        browser.await("document.querySelector('.about').innerText.includes('It gives')");
        String chosen = hash();
        assertThat(chosen).contains("weak=0.0001").contains("node=");
        String about = text(".about");
        browser.reload();
        browser.await("document.querySelector('.about')?.innerText.includes('It gives')");
        assertThat(text(".about")).isEqualTo(about);
        assertThat(hash()).isEqualTo(chosen);
        browser.evaluate(
                "(() => { const s = document.querySelector('input[type=range]'); s.value = -2; s.dispatchEvent(new Event('input')); })()");
        browser.await("Number(document.querySelector('.graph').dataset.edges) === " + strong);
        written(browser, "explore-graph.png");
    }

    /// What `cleave groups` found becomes one node at each token, which leads to its pieces.
    private void cluster() {
        browser.click("input[aria-label='group by cluster']");
        browser.await("Number(document.querySelector('.graph').dataset.nodes) < 37");
        String node =
                browser.evaluate(
                                "[...document.querySelectorAll('.about td button')].map(b => b.innerText).find(t => t.startsWith('cluster'))")
                        .asString("");
        assertThat(node).matches("cluster \\d+@\\d+");
        browser.evaluate(
                "[...document.querySelectorAll('.about td button')].find(b => b.innerText === '%s').click()"
                        .formatted(node));
        browser.await("document.querySelector('.about').innerText.includes('It holds')");
        String hash = hash();
        assertThat(hash).contains("clusters=1");
        String about = text(".about");
        browser.reload();
        browser.await("document.querySelector('.about')?.innerText.includes('It holds')");
        assertThat(text(".about")).isEqualTo(about);
        String group = node.substring("cluster ".length(), node.indexOf('@'));
        assertThat(text(".about")).contains("Its pieces");
        browser.open(server.address() + "#/r0/pieces?group=" + group);
        browser.await("document.querySelectorAll('.line').length > 1");
        assertThat(text("[role=status]")).matches("\\d+ of 304").doesNotStartWith("304");
        browser.click(".line");
        browser.await("document.querySelector('.members')");
        assertThat(text("main")).contains("Group " + group);
        browser.open(
                server.address() + hash.replace("&clusters=1", "").replaceAll("&node=[^&]*", ""));
        browser.await("document.querySelector('.graph')?.dataset.nodes === '37'");
    }

    /// Two nodes are picked and made one, which stays after the page is opened anew.
    private void group() {
        for (int row : List.of(0, 1)) {
            browser.evaluate(
                    "document.querySelectorAll('.about td button')[%d].dispatchEvent(new MouseEvent('click', {shiftKey: true, bubbles: true}))"
                            .formatted(row));
        }
        browser.await("document.querySelector('.picking')");
        browser.type("input[aria-label='name of the group']", "the asking");
        browser.evaluate(
                "[...document.querySelectorAll('.picking button')].find(b => b.innerText === 'Group').click()");
        browser.await("document.querySelector('.graph').dataset.nodes === '36'");
        assertThat(text(".about")).contains("the asking", "It holds");
        browser.click(".about button"); // pin
        browser.evaluate(
                "(() => { const s = document.querySelector(\"select[aria-label='part of the graph']\"); s.value = 'all'; s.dispatchEvent(new Event('change')); })()");
        browser.await("Number(document.querySelector('.graph').dataset.nodes) < 36");
        String hash = hash();
        assertThat(hash).contains("groups=the+asking", "pins=group+the+asking", "around=all");
        String about = text(".about");
        browser.reload();
        browser.await("document.querySelector('.about')?.innerText.includes('It holds')");
        assertThat(text(".about")).isEqualTo(about);
        assertThat(hash()).isEqualTo(hash);
    }

    private void save() throws Exception {
        browser.evaluate(
                "[...document.querySelectorAll('button')].find(b => b.innerText === 'JSON').click()");
        Path file = saved("graph.json");
        JsonNode graph = new JsonMapper().readTree(Files.readString(file));
        assertThat(graph.path("nodes").size()).isEqualTo(37);
        assertThat(graph.path("metadata").path("prompt").asString("")).isEqualTo(PROMPT);
        JsonNode group = graph.path("qParams").path("supernodes").get(0);
        assertThat(group.size()).isEqualTo(3);
        assertThat(group.get(0).stringValue()).isEqualTo("the asking");
    }

    /// A file that the browser was given, once it is there.
    private static Path saved(String name) throws InterruptedException {
        Path file = folder.resolve("chromium").resolve(name);
        long end = System.nanoTime() + 60_000_000_000L;
        while (!Files.exists(file)) {
            assertThat(System.nanoTime()).as("%s must come", name).isLessThan(end);
            Thread.sleep(50);
        }
        return file;
    }

    @Test
    void tablesAndPicturesOfAPieceAndAPromptAreSaved() throws Exception {
        browser.open(server.address() + "#/r0/piece?id=h.3.mlp.c_proj%3A70");
        browser.await("document.querySelector('.picture')");
        assertThat(
                        number(
                                "[...document.querySelectorAll('button')].filter(b => b.innerText === 'CSV').length"))
                .isGreaterThanOrEqualTo(8);
        press("PNG");
        byte[] png = Files.readAllBytes(saved("h.3.mlp.c_proj_70-quantiles.png"));
        assertThat(png).startsWith(0x89, 'P', 'N', 'G');
        press("SVG");
        assertThat(Files.readString(saved("h.3.mlp.c_proj_70-quantiles.svg")))
                .startsWith("<svg")
                .contains("<rect", "inner activation");
        press("CSV"); // of the first table: its strongest examples
        assertThat(Files.readAllLines(saved("h.3.mlp.c_proj_70-strongest.csv")))
                .startsWith("example,row,position,token,importance,inner_activation")
                .hasSizeGreaterThan(20);
        browser.open(server.address() + "#/r0/prompt?text=Tiger+Woods");
        browser.await("document.querySelectorAll('.strip.big span').length === 3");
        press("PNG");
        assertThat(Files.readAllBytes(saved("prompt.png"))).startsWith(0x89, 'P', 'N', 'G');
        browser.open(server.address() + "#/r0/curves?q=faithfulness");
        browser.await("document.querySelector('.curves .picture')");
        press("SVG");
        browser.await("document.querySelectorAll('.curves .picture').length > 0");
        assertThat(browser.messages()).isEmpty();
    }

    private void press(String words) {
        browser.evaluate(
                "[...document.querySelectorAll('button')].find(b => b.innerText === '%s').click()"
                        .formatted(words));
    }

    private void suppress() throws IOException {
        browser.evaluate(
                "[...document.querySelectorAll('a')].find(a => a.innerText === 'Turn pieces off').click()");
        browser.await("document.querySelectorAll('.tick').length > 20");
        for (String piece : GOLF) {
            browser.click("input[aria-label=%s]".formatted(Chromium.quoted("suppress " + piece)));
        }
        browser.await("document.querySelectorAll('.chip').length === " + GOLF.size());
        browser.await("document.querySelectorAll('.regime').length === 5");
        browser.evaluate("document.querySelector('#view').scrollTop = 0");
        String fall = text(".regimes");
        assertThat(before()).isGreaterThan(0.99);
        assertThat(after()).isLessThan(0.001);
        written(browser, "explore-prompt.png");
        String address = hash();
        browser.reload();
        browser.await("document.querySelectorAll('.regime').length === 5");
        assertThat(text(".regimes")).isEqualTo(fall);
        assertThat(hash()).isEqualTo(address);
    }

    /// What the target writes, without the change and with it.
    private void goOn() {
        browser.click(".written button");
        browser.await("document.querySelectorAll('.written .example').length === 2");
        assertThat(written(0)).contains("of golf");
        assertThat(written(1)).doesNotContain("of golf");
    }

    private String written(int row) {
        return browser.evaluate(
                        "document.querySelectorAll('.written .example')[%d].innerText"
                                .formatted(row))
                .asString("");
    }

    /// Step 1: at s1 (position 6) V0 writes "I was s" into m, since K0 answers there; step 2: m
    /// (position 7) answers through K1, and V1 copies its token. Little goes by any other way.
    @Test
    void theGraphOfTheInductionRunIsTheTwoStepCircuit() throws IOException {
        browser.open(server.address() + "#/");
        browser.await("document.querySelector('.card')");
        browser.evaluate(
                "localStorage.setItem('labels ' + %s, JSON.stringify({'V0:24': 'V0: I was s', 'K0:14': 'K0: s answers', 'K1:8': 'K1: after an s', 'Q0:7': 'Q0: what was before'}))"
                        .formatted(Chromium.quoted(INDUCTION.toAbsolutePath().toString())));
        browser.open(
                server.address()
                        + "#/r1/graph?text=128+21+31+57+54+36+129+64+58+65+69+129&answer=64&groups=V1+copies+m%21"
                        + COPIES);
        browser.await("Number(document.querySelector('.graph')?.dataset.nodes) > 10");
        String most = text(".about");
        assertThat(most).contains("V0:24@6", "K0:14@6", "K1:8@7", "V1 copies m");
        assertThat(text("main")).contains("64");
        for (String step : List.of("V0:24@6", "K1:8@7")) {
            browser.evaluate(
                    "[...document.querySelectorAll('.about td button')].find(b => b.innerText === '%s').click()"
                            .formatted(step));
            browser.await("document.querySelector('.about').innerText.includes('It gets')");
            String about = text(".about");
            assertThat(about).contains(step.startsWith("V0") ? "K1:8@7" : "V0:24@6");
            browser.evaluate(
                    "[...document.querySelectorAll('.about button')].find(b => b.innerText === 'Leave it').click()");
            browser.await("document.querySelector('.about').innerText.includes('What most')");
        }
        if (Boolean.getBoolean("cleave.write")) {
            Files.write(Path.of("docs", "explore-induction.png"), browser.picture(".graph"));
        }
        assertThat(browser.messages()).isEmpty();
    }

    @Test
    void aRunComparedWithItselfIsAlikeInEverySite() {
        browser.open(server.address() + "#/r1/compare?with=r1&site=V0");
        browser.await("document.querySelectorAll('table').length === 3");
        assertThat(text("table tr:last-child")).startsWith("all").contains("1.000");
        assertThat(text("tbody")).contains("V0:24").contains("the same").doesNotContain("K1:8");
        assertThat(browser.messages()).isEmpty();
    }

    /// Seventy-two sites, forty tokens and as many edges as the server gives.
    @Test
    void aLargeGraphIsDrawnInUnderASecondAndStaysMovable() {
        browser.open(server.address() + "#/");
        browser.await("document.querySelector('.card')");
        browser.evaluate(
                """
                (() => {
                  let seed = 1;
                  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
                  const sites = Array.from({ length: 72 }, (_, i) => `h.${Math.floor(i / 6)}.site.${i % 6}`);
                  const data = { tokens: Array.from({ length: 40 }, (_, i) => ` t${i}`), sites, answer: { id: 1, text: ' end' }, probability: 0.5,
                    completeness: { output: 1, middle: 1, overall: 1 }, found: 50000 };
                  for (const key of ['kind', 'name', 'site', 'position', 'activation', 'importance', 'explained', 'influence', 'source', 'target', 'value', 'chance', 'through']) data[key] = [];
                  const node = (kind, name, site, position) => { data.kind.push(kind); data.name.push(name); data.site.push(site); data.position.push(position);
                    data.activation.push(1); data.importance.push(1); data.explained.push(1); data.influence.push(random() ** 4); };
                  sites.forEach((name, site) => data.tokens.forEach((_, position) => node('subcomponent', `${name}:${position}`, site, position)));
                  node('output', ' end', 72, 39);
                  while (data.source.length < 50000) {
                    const a = Math.floor(random() * 2880), b = Math.floor(random() * 2881);
                    if (b - a < 40) continue;
                    data.source.push(a); data.target.push(b); data.value.push(random() - 0.5); data.chance.push(0.1); data.through.push(0.001 + random() ** 6);
                  }
                  const before = window.fetch, text = JSON.stringify({ id: 1, state: 'DONE', result: data });
                  window.fetch = async (path, options) => options?.method === 'POST' ? new Response(text) : before(path, options);
                })()\
                """);
        double begin = browser.worked();
        browser.evaluate(
                """
                (async () => {
                  const frame = () => new Promise(done => requestAnimationFrame(done));
                  location.hash = '#/r0/graph?text=x&weak=0.0001';
                  while (document.querySelector('.graph')?.dataset.edges !== '50000') await frame();
                  document.querySelector('.graph canvas').getContext('2d').getImageData(0, 0, 1, 1); // until it is drawn
                })()\
                """);
        double drawn = browser.worked() - begin;
        browser.evaluate(
                """
                (async () => {
                  const canvas = document.querySelector('.graph canvas');
                  const frame = () => new Promise(done => requestAnimationFrame(done));
                  for (let i = 0; i < 30; i++) {
                    canvas.dispatchEvent(new WheelEvent('wheel', { deltaY: i < 15 ? 20 : -20, clientX: 400, clientY: 500, bubbles: true, cancelable: true }));
                    await frame();
                  }
                })()\
                """);
        double moved = (browser.worked() - begin - drawn) / 30;
        assertThat(number("document.querySelector('.graph').dataset.nodes")).isEqualTo(2881);
        told(
                "a graph of 2,881 nodes and 50,000 edges is drawn in %.0f ms, moved in %.0f ms",
                drawn, moved);
        assertThat(browser.messages()).isEmpty();
    }

    @Test
    void aTableOfFiftyThousandPiecesIsFiltered() {
        browser.open(server.address() + "#/");
        browser.await("document.querySelector('.card')");
        browser.evaluate(
                """
                (async () => {
                  const words = ['golf', 'tennis', 'plays', 'the', 'sport', 'of', 'Woods', 'James'];
                  const rows = Array.from({ length: 50000 }, (_, i) => i), column = of => rows.map(of);
                  const data = { sites: ['a', 'b'], id: column(i => `${i % 2 ? 'a' : 'b'}:${i}`), site: column(i => 1 - i % 2), index: rows, density: column(i => 1 / (1 + i)), active: rows,
                    mean: column(i => 1 / (2 + i)), norm: column(i => i % 97), in: column(i => `${words[i % 8]} · ${words[i % 7]}`), out: column(i => `${words[i % 5]} · ${words[i % 3]}`) };
                  const before = window.fetch;
                  window.fetch = async (path, options) => String(path).endsWith('/table') ? new Response(JSON.stringify(data)) : before(path, options);
                  const frame = () => new Promise(done => requestAnimationFrame(done));
                  location.hash = '#/r1/pieces';
                  while (document.querySelector('[role=status]')?.innerText !== '50,000 of 50,000') await frame();
                })()\
                """);
        double most = 0;
        for (String words : List.of("g", "go", "gol", "golf", "golf · woods", "w", "")) {
            double begin = browser.worked();
            browser.evaluate(
                    """
                    (async () => {
                      const search = document.querySelector('input[type=search]');
                      search.value = %s;
                      search.dispatchEvent(new Event('input'));
                      await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                    })()\
                    """
                            .formatted(Chromium.quoted(words)));
            most = Math.max(most, browser.worked() - begin);
        }
        told("a table of 50,000 rows is filtered and drawn in at most %.0f ms", most);
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private static void told(String words, Object... numbers) {
        if (Boolean.getBoolean("cleave.write")) {
            System.out.println(words.formatted(numbers));
        }
    }

    /// A label stays in the browser and is searched.
    private void label() {
        browser.open(server.address() + "#/r0/piece?id=h.0.mlp.c_fc:76");
        browser.type("input.label", "asks for a sport <b>");
        browser.evaluate(
                "document.querySelector('input.label').dispatchEvent(new Event('change'))");
        browser.open(server.address() + "#/r0/pieces?q=asks%20for%20a%20sport");
        browser.await("document.querySelector('[role=status]')?.innerText === '1 of 304'");
        assertThat(text(".line")).contains("asks for a sport <b>");
    }

    /// The probability of golf under the target's own weights, of the bar before.
    private double before() {
        return bar(".bar:not(.after)");
    }

    private double after() {
        return bar(".bar.after");
    }

    private double bar(String which) {
        return number(
                        "parseFloat([...document.querySelector('.regime').querySelectorAll('.shift')].find(s => s.innerText.includes('golf')).querySelector(%s).firstChild.style.width)"
                                .formatted(Chromium.quoted(which)))
                / 100;
    }

    private String text(String selector) {
        return browser.evaluate(
                        "document.querySelector(%s).innerText".formatted(Chromium.quoted(selector)))
                .asString("");
    }

    private double number(String expression) {
        return browser.evaluate("Number(%s)".formatted(expression)).asDouble(Double.NaN);
    }

    private String hash() {
        return browser.evaluate("location.hash").asString("");
    }
}
