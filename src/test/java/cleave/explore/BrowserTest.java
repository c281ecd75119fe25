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
        server =
                new ExploreServer(
                        List.of(RUN), List.of(harvest), new Gate(Optional.of("0123456789")), 0);
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
        save();
        suppress();
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
        assertThat(number("document.querySelector('.graph').dataset.milliseconds"))
                .isLessThan(1000);
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

    private void save() throws Exception {
        Path file = folder.resolve("chromium").resolve("graph.json");
        browser.evaluate(
                "[...document.querySelectorAll('button')].find(b => b.innerText === 'JSON').click()");
        long end = System.nanoTime() + 60_000_000_000L;
        while (!Files.exists(file)) {
            assertThat(System.nanoTime()).as("graph.json must come").isLessThan(end);
            Thread.sleep(50);
        }
        JsonNode graph = new JsonMapper().readTree(Files.readString(file));
        assertThat(graph.path("nodes").size()).isEqualTo(37);
        assertThat(graph.path("metadata").path("prompt").asString("")).isEqualTo(PROMPT);
    }

    private void suppress() throws IOException {
        browser.evaluate(
                "[...document.querySelectorAll('a')].find(a => a.innerText === 'Turn pieces off').click()");
        browser.await("document.querySelectorAll('.tick').length > 20");
        for (String piece : GOLF) {
            browser.click("input[aria-label=%s]".formatted(Chromium.quoted("suppress " + piece)));
        }
        browser.await("document.querySelectorAll('.chip').length === " + GOLF.size());
        browser.await("document.querySelectorAll('.regime').length === 4");
        browser.evaluate("document.querySelector('#view').scrollTop = 0");
        String fall = text(".regimes");
        assertThat(before()).isGreaterThan(0.99);
        assertThat(after()).isLessThan(0.001);
        written(browser, "explore-prompt.png");
        String address = hash();
        browser.reload();
        browser.await("document.querySelectorAll('.regime').length === 4");
        assertThat(text(".regimes")).isEqualTo(fall);
        assertThat(hash()).isEqualTo(address);
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
