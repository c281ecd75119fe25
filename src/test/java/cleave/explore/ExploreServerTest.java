package cleave.explore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.SubcomponentId;
import cleave.analysis.Suppression;
import cleave.run.LoadedRun;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The server on a small run with its harvest.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ExploreServerTest {
    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration LONGEST_JOB = Duration.ofMinutes(2);
    private static final String TOKEN = "0123456789abcdef";
    private static final String PROMPT = "8 3 5 7 9 3 2 9";

    @TempDir private static Path folder;
    @TempDir private static Path apart; // of runs that single tests make
    private Path run;
    private Map<String, Long> before;
    private ExploreServer server;
    private final HttpClient client = HttpClient.newHttpClient();

    @BeforeAll
    void start() throws IOException, InterruptedException {
        TinyRun tiny = TinyRun.in(folder);
        run = tiny.run("run");
        assertThat(tiny.decomposeWithSomeOn(run).exitCode()).isZero();
        TinyRun.Result harvested =
                TinyRun.cleave("harvest", run.toString(), "--tokens", "2400", "--threshold", "0.3");
        assertThat(harvested.exitCode()).as(harvested.err()).isZero();
        TinyRun.Result grouped =
                TinyRun.cleave("groups", run.toString(), "--tokens", "240", "--threshold", "0.3");
        assertThat(grouped.exitCode()).as(grouped.err()).isZero();
        Files.writeString(folder.resolve("secret.txt"), "what nobody may read");
        before = files();
        server =
                new ExploreServer(
                        List.of(run, run.resolve("harvest")),
                        List.of(),
                        new Gate(Optional.of(TOKEN)),
                        0);
        // The model stays loaded from the first job on.
        assertThat(job("{\"kind\": \"prompt\", \"text\": \"1\"}").path("state").stringValue())
                .isEqualTo("DONE");
    }

    @AfterAll
    void stop() throws IOException {
        server.close();
        client.close();
        assertThat(files()).isEqualTo(before);
    }

    /// Every file with its size.
    private Map<String, Long> files() throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .collect(Collectors.toMap(Path::toString, file -> file.toFile().length()));
        }
    }

    private HttpResponse<String> send(String method, String path, String body) {
        return send(server, method, path, body);
    }

    private HttpResponse<String> send(ExploreServer to, String method, String path, String body) {
        try {
            return client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + to.port() + path))
                            .header("X-Cleave-Token", TOKEN)
                            .method(method, BodyPublishers.ofString(body))
                            .build(),
                    BodyHandlers.ofString());
        } catch (IOException | InterruptedException failure) {
            throw new IllegalStateException(failure);
        }
    }

    private JsonNode get(String path) {
        HttpResponse<String> response = send("GET", path, "");
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return JSON.readTree(response.body());
    }

    private JsonNode job(String body) throws InterruptedException {
        return job(server, body);
    }

    private JsonNode job(ExploreServer at, String body) throws InterruptedException {
        HttpResponse<String> begun = send(at, "POST", "/api/runs/r0/jobs", body);
        assertThat(begun.statusCode()).as(begun.body()).isEqualTo(200);
        String path = "/api/jobs/" + JSON.readTree(begun.body()).path("id").asLong();
        JsonNode job = JSON.readTree(send(at, "GET", path, "").body());
        long end = System.nanoTime() + LONGEST_JOB.toNanos();
        while (List.of("WAITING", "RUNNING").contains(job.path("state").asString(""))) {
            assertThat(System.nanoTime()).as("job must end, got %s", job).isLessThan(end);
            Thread.sleep(10);
            job = JSON.readTree(send(at, "GET", path, "").body());
        }
        return job;
    }

    @Test
    void theAddressCarriesTheToken() {
        assertThat(server.address())
                .isEqualTo("http://127.0.0.1:%d/?token=%s".formatted(server.port(), TOKEN));
    }

    @Test
    void thePageAndAllItsModulesAreServed() {
        HttpResponse<String> page = send("GET", "/", "");
        assertThat(page.body()).contains("app.js", "style.css");
        assertThat(page.headers().firstValue("Content-Security-Policy"))
                .hasValueSatisfying(policy -> assertThat(policy).contains("script-src 'self'"));
        for (String module :
                List.of(
                        "app", "api", "dom", "table", "runs", "pieces", "piece", "prompt", "graph",
                        "sight", "groups", "compare", "curves", "labels", "save")) {
            HttpResponse<String> script = send("GET", "/" + module + ".js", "");
            assertThat(script.statusCode()).isEqualTo(200);
            assertThat(script.body()).doesNotContain("innerHTML", "insertAdjacentHTML", "eval(");
        }
    }

    @Test
    void aRunAndAHarvestAloneAreListed() {
        JsonNode runs = get("/api/runs");
        assertThat(runs.size()).isEqualTo(2);
        assertThat(runs.get(0).path("can_run").asBoolean(false)).isTrue();
        assertThat(runs.get(0).path("fresh").asBoolean(false)).isTrue();
        assertThat(runs.get(0).path("harvest").path("pieces").asInt(0)).isEqualTo(8);
        assertThat(runs.get(1).path("can_run").asBoolean(true)).isFalse();
    }

    @Test
    void theTableAndTheCardsAreThoseOfTheHarvest() throws IOException {
        JsonNode table = get("/api/runs/r0/table");
        List<JsonNode> lines = TinyRun.lines(run.resolve("harvest").resolve("pieces.jsonl"));
        for (int i = 0; i < lines.size(); i++) {
            String id = lines.get(i).path("id").stringValue();
            assertThat(table.path("id").get(i).stringValue()).isEqualTo(id);
            assertThat(table.path("density").get(i)).isEqualTo(lines.get(i).path("density"));
            JsonNode card = get("/api/runs/r1/piece?id=" + id);
            assertThat(card.path("piece")).isEqualTo(lines.get(i));
            assertThat(card.path("examples").path("id").stringValue()).isEqualTo(id);
        }
        assertThat(send("GET", "/api/runs/r0/piece?id=none", "").statusCode()).isEqualTo(404);
    }

    @Test
    void theGroupsAreThoseOfTheFileAndAreReadWhenTheyAreAskedFor() throws IOException {
        JsonNode file = JSON.readTree(run.resolve("harvest").resolve("groups.json").toFile());
        for (String key : List.of("r0", "r1")) {
            JsonNode found = get("/api/runs/%s/groups".formatted(key));
            assertThat(found.path("fresh").asBoolean(false)).isTrue();
            assertThat(found.path("groups").path("groups")).isEqualTo(file.path("groups"));
            assertThat(found.path("groups").path("alone")).isEqualTo(file.path("alone"));
        }
        assertThat(get("/api/runs").get(0).path("has_groups").asBoolean(false)).isTrue();
        Path alone = Files.createDirectories(apart.resolve("alone"));
        for (String name :
                List.of("harvest.json", "pieces.jsonl", "examples.jsonl", "sums.safetensors")) {
            Files.copy(run.resolve("harvest").resolve(name), alone.resolve(name));
        }
        try (ExploreServer none =
                new ExploreServer(List.of(alone), List.of(), new Gate(Optional.of(TOKEN)), 0)) {
            String path = "/api/runs/r0/groups";
            assertThat(send(none, "GET", path, "").statusCode()).isEqualTo(404);
            ((ObjectNode) file.path("settings")).put("decomposition", "another");
            Files.writeString(alone.resolve("groups.json"), file.toString());
            JsonNode other = JSON.readTree(send(none, "GET", path, "").body());
            assertThat(other.path("fresh").asBoolean(true)).isFalse();
            Files.writeString(alone.resolve("groups.json"), "{}");
            HttpResponse<String> wrong = send(none, "GET", path, "");
            assertThat(wrong.statusCode()).isEqualTo(422);
            assertThat(wrong.body()).contains("groups must be of format cleave-groups");
        }
    }

    @Test
    void aPromptHasItsTokensPiecesAndExpectations() throws InterruptedException {
        JsonNode job = job("{\"kind\": \"prompt\", \"text\": \"%s\"}".formatted(PROMPT));
        JsonNode result = job.path("result");
        assertThat(result.path("tokens").size()).isEqualTo(8);
        assertThat(result.path("on").size()).isEqualTo(8);
        assertThat(result.path("next").get(7).size()).isEqualTo(5);
        int on = result.path("on").get(3).size();
        assertThat(on).isPositive();
        assertThat(result.path("importance").get(3).size()).isEqualTo(on);
    }

    /// Against the command `suppress`, which is another implementation.
    @Test
    void suppressingOnTheTargetDoesWhatTheCommandSays() throws InterruptedException {
        JsonNode job =
                job(
                        "{\"kind\": \"intervention\", \"text\": \"%s\", \"off\": [\"Q0:1\", \"V1:2\"]}"
                                .formatted(PROMPT));
        JsonNode target = job.path("result").path("regimes").get(0);
        assertThat(target.path("name").stringValue()).isEqualTo("target");
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Suppression expected =
                    Suppression.of(
                            loaded.decomposition(),
                            List.of(new SubcomponentId("Q0", 1), new SubcomponentId("V1", 2)),
                            List.of(),
                            new long[] {8, 3, 5, 7, 9, 3, 2, 9});
            assertThat(target.path("after").get(7).asDouble(-1))
                    .isCloseTo(expected.kl(), within(2e-5));
            for (JsonNode shift : target.path("top")) {
                long token = Long.parseLong(shift.path("token").stringValue());
                expected.top().stream()
                        .filter(each -> each.token() == token)
                        .forEach(each -> {
                            assertThat(shift.path("before").asDouble(-1))
                                    .isCloseTo(each.before(), within(2e-5));
                            assertThat(shift.path("after").asDouble(-1))
                                    .isCloseTo(each.after(), within(2e-5));
                        });
            }
        }
    }

    @Test
    void suppressingNothingChangesNothingUnderAnyMasks() throws InterruptedException {
        JsonNode job =
                job(
                        "{\"kind\": \"intervention\", \"text\": \"%s\", \"off\": []}"
                                .formatted(PROMPT));
        JsonNode regimes = job.path("result").path("regimes");
        assertThat(regimes.size()).isEqualTo(5);
        for (JsonNode regime : regimes) {
            assertThat(regime.path("after")).isEqualTo(regime.path("before"));
        }
        assertThat(regimes.get(0).path("before").get(7).asDouble(-1)).isLessThan(1e-4);
    }

    @Test
    void whatIsScaledByOneStaysAndKeepingNoneSuppressesAll() throws InterruptedException {
        String all =
                "\"Q0:0\", \"Q0:1\", \"Q0:2\", \"Q0:3\", \"V1:0\", \"V1:1\", \"V1:2\", \"V1:3\"";
        JsonNode same = regimes("\"off\": [%s], \"scale\": 1".formatted(all));
        for (JsonNode regime : same) {
            assertThat(regime.path("after")).isEqualTo(regime.path("before"));
        }
        assertThat(regimes("\"off\": [], \"alone\": true"))
                .isEqualTo(regimes("\"off\": [%s]".formatted(all)));
        assertThat(regimes("\"off\": [%s], \"alone\": true".formatted(all))).isEqualTo(same);
    }

    private JsonNode regimes(String change) throws InterruptedException {
        return job("{\"kind\": \"intervention\", \"text\": \"%s\", %s}".formatted(PROMPT, change))
                .path("result")
                .path("regimes");
    }

    @Test
    void theGraphOfAPromptIsThatOfTheCommand() throws InterruptedException {
        JsonNode graph =
                job("{\"kind\": \"graph\", \"text\": \"%s\", \"answer\": \"3\"}".formatted(PROMPT))
                        .path("result");
        JsonNode told =
                JSON.readTree(
                        TinyRun.cleave(
                                        "attribute",
                                        run.toString(),
                                        "--prompt",
                                        PROMPT,
                                        "--answer",
                                        "3",
                                        "--random",
                                        "4",
                                        "--json")
                                .out());
        assertThat(graph.path("name").size()).isEqualTo(told.path("nodes").size());
        for (int i = 0; i < told.path("nodes").size(); i++) {
            JsonNode node = told.path("nodes").get(i);
            assertThat(graph.path("name").get(i)).isEqualTo(node.path("name"));
            double expected = node.path("explained").asDouble();
            assertThat(graph.path("explained").get(i).asDouble())
                    .isCloseTo(expected, within(1e-3 * Math.abs(expected) + 1e-12));
        }
        assertThat(graph.path("value").size()).isEqualTo(told.path("edges").size());
    }

    @Test
    void theFileOfAGraphIsTheOneThatIsShownWithItsGroups() throws InterruptedException {
        JsonNode shown =
                job("{\"kind\": \"graph\", \"text\": \"%s\", \"answer\": \"3\"}".formatted(PROMPT));
        JsonNode graph = shown.path("result");
        String asked =
                "{\"kind\": \"tracer\", \"graph\": %d, \"labels\": {\"Q0:1\": \"looks back\"}, \"chosen\": 1, \"pinned\": [0, 2], \"groups\": [{\"name\": \"ends\", \"nodes\": [0, 3]}]}";
        JsonNode file = job(asked.formatted(shown.path("id").asLong())).path("result");
        assertThat(file.path("metadata").path("prompt").stringValue()).isEqualTo(PROMPT);
        assertThat(file.path("nodes").size()).isEqualTo(graph.path("name").size());
        assertThat(file.path("nodes").get(0).path("node_id").stringValue()).isEqualTo("E_8_0");
        assertThat(file.path("links").size()).isEqualTo(graph.path("value").size());
        for (int i = 0; i < graph.path("value").size(); i++) {
            double weight = file.path("links").get(i).path("weight").asDouble();
            assertThat(graph.path("value").get(i).asDouble())
                    .isCloseTo(weight, within(1e-3 * Math.abs(weight)));
        }
        JsonNode view = file.path("qParams");
        assertThat(view.path("clickedId").stringValue()).isEqualTo("E_3_1");
        assertThat(view.path("pinnedIds")).hasToString("[\"E_8_0\",\"E_5_2\"]");
        assertThat(view.path("supernodes")).hasToString("[[\"ends\",\"E_8_0\",\"E_7_3\"]]");
        assertThat(send("POST", "/api/runs/r0/jobs", asked.formatted(99_999)).statusCode())
                .isEqualTo(404);
        assertThat(
                        send(
                                        "POST",
                                        "/api/runs/r0/jobs",
                                        "{\"kind\": \"tracer\", \"graph\": %d, \"pinned\": [9999]}"
                                                .formatted(shown.path("id").asLong()))
                                .statusCode())
                .isEqualTo(422);
    }

    @Test
    void whatIsComparedIsWhatTheCommandSays() throws IOException, InterruptedException {
        Path other = apart.resolve("other");
        assertThat(TinyRun.in(apart).decomposeWithSomeOn(other, "--seed", "8").exitCode()).isZero();
        TinyRun.Result told = TinyRun.cleave("compare", run.toString(), other.toString(), "--json");
        assertThat(told.exitCode()).as(told.err()).isZero();
        ObjectNode expected = (ObjectNode) JSON.readTree(told.out()).path("comparisons").get(0);
        try (ExploreServer two =
                new ExploreServer(
                        List.of(run, other), List.of(), new Gate(Optional.of(TOKEN)), 0)) {
            JsonNode job = job(two, "{\"kind\": \"compare\", \"with\": \"r1\"}");
            ObjectNode found = (ObjectNode) job.path("result");
            assertThat(found.path("positions").asLong()).isEqualTo(20_004);
            assertThat(found.path("pieces").size()).isGreaterThan(3);
            assertThat(found.path("all").path("vectors").path("mean").asDouble())
                    .isBetween(0.01, 0.99);
            for (ObjectNode each : List.of(found, expected)) {
                each.remove(List.of("first", "other"));
            }
            assertThat(found).isEqualTo(expected);
        }
        String request = "{\"kind\": \"compare\", \"with\": \"%s\"}";
        assertThat(send("POST", "/api/runs/r0/jobs", request.formatted("r1")).statusCode())
                .isEqualTo(409);
        assertThat(send("POST", "/api/runs/r0/jobs", request.formatted("r9")).statusCode())
                .isEqualTo(422);
    }

    @Test
    void runsOfTwoTargetsAreNotCompared() throws IOException, InterruptedException {
        TinyRun tiny = TinyRun.in(Files.createDirectories(apart.resolve("weights")));
        tiny.writeModel(1);
        assertThat(tiny.decompose(tiny.run("run"), "--set", "steps=5").exitCode()).isZero();
        try (ExploreServer two =
                new ExploreServer(
                        List.of(run, tiny.run("run")),
                        List.of(),
                        new Gate(Optional.of(TOKEN)),
                        0)) {
            assertThat(
                            job(two, "{\"kind\": \"compare\", \"with\": \"r1\"}")
                                    .path("problem")
                                    .stringValue())
                    .startsWith("runs must be of one target, got 2 with other weights");
        }
    }

    @Test
    void theRecordsOfTrainingAreReadOnFromWhereTheyWereLeft() throws IOException {
        JsonNode all = get("/api/runs/r0/metrics");
        List<JsonNode> lines = TinyRun.lines(run.resolve("metrics.jsonl"));
        assertThat(all.path("lines").size()).isEqualTo(lines.size());
        assertThat(all.path("lines").get(3)).isEqualTo(lines.get(3));
        JsonNode rest = get("/api/runs/r0/metrics?from=" + all.path("next").asLong());
        assertThat(rest.path("lines").size()).isZero();
        assertThat(rest.path("next")).isEqualTo(all.path("next"));
        assertThat(send("GET", "/api/runs/r0/metrics?from=x", "").statusCode()).isEqualTo(422);
        assertThat(send("GET", "/api/runs/r1/metrics", "").statusCode()).isEqualTo(404);
    }

    @Test
    void whatIsWrittenWithNothingChangedIsWhatTheModelWrites() throws InterruptedException {
        JsonNode same =
                job("{\"kind\": \"generation\", \"text\": \"8 3 5\", \"off\": [], \"tokens\": 100}")
                        .path("result");
        assertThat(same.path("after")).isEqualTo(same.path("before"));
        assertThat(same.path("before").size()).isEqualTo(9); // the run takes 12
        TinyRun.Result told =
                TinyRun.cleave(
                        "predict",
                        folder.resolve("model").toString(),
                        "--ids",
                        "8,3,5",
                        "--generate",
                        "9",
                        "--json");
        assertThat(told.exitCode()).as(told.err()).isZero();
        assertThat(told.out()).contains(same.path("before").get(0).stringValue());
        JsonNode changed =
                job("{\"kind\": \"generation\", \"text\": \"8 3 5\", \"off\": [], \"alone\": true, \"tokens\": 2}")
                        .path("result");
        assertThat(changed.path("after").size()).isEqualTo(2);
    }

    @Test
    void aReportIsServedWithoutScripts() throws IOException {
        assertThat(send("GET", "/api/runs/r0/report", "").statusCode()).isEqualTo(404);
        Path report = run.resolve("report.html");
        Files.writeString(report, "<p>what it shows</p>");
        try {
            HttpResponse<String> page = send("GET", "/api/runs/r0/report", "");
            assertThat(page.body()).isEqualTo("<p>what it shows</p>");
            assertThat(page.headers().firstValue("Content-Security-Policy"))
                    .hasValueSatisfying(policy ->
                            assertThat(policy).contains("sandbox").doesNotContain("script-src"));
        } finally {
            Files.delete(report);
        }
    }

    @Test
    void whatCannotBeReadIsSaid() throws InterruptedException {
        assertThat(job("{\"kind\": \"prompt\", \"text\": \"Tiger\"}").path("problem").stringValue())
                .contains("prompt must be token numbers below 10");
        assertThat(
                        job("{\"kind\": \"intervention\", \"text\": \"1 2\", \"off\": [\"Q0:99\"]}")
                                .path("problem")
                                .stringValue())
                .isEqualTo("subcomponent must be one of the run's, got Q0:99");
        assertThat(send("POST", "/api/runs/r0/jobs", "{").statusCode()).isEqualTo(400);
        assertThat(send("POST", "/api/runs/r0/jobs", "{}").statusCode()).isEqualTo(422);
        assertThat(send("POST", "/api/runs/r1/jobs", "{}").statusCode()).isEqualTo(409);
        assertThat(send("GET", "/api/jobs/999", "").statusCode()).isEqualTo(404);
    }

    /// Requests that are wrong in every way there is, as bytes; each gets an answer without a
    /// trace, or none, and the server answers afterwards.
    @Test
    void twoThousandMalformedRequestsDoNoHarm() throws IOException {
        Random random = new Random(4);
        int answered = 0;
        for (int i = 0; i < 2000; i++) {
            String answer = answer(malformed(random));
            answered += answer.isEmpty() ? 0 : 1;
            assertThat(answer)
                    .doesNotContain("what nobody may read")
                    .doesNotContain("Exception:")
                    .doesNotContain("\tat ")
                    .doesNotContain("cleave.")
                    .doesNotContain("java.")
                    .doesNotContain("root:")
                    .doesNotContain(folder.toString());
        }
        assertThat(answered).isGreaterThan(1000);
        assertThat(get("/api/runs").size()).isEqualTo(2);
    }

    private String answer(byte[] request) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(
                    new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()), 2000);
            socket.setSoTimeout(2000);
            socket.getOutputStream().write(request);
            socket.getOutputStream().flush();
            socket.shutdownOutput();
            try (InputStream in = socket.getInputStream()) {
                return new String(in.readNBytes(1 << 16), StandardCharsets.ISO_8859_1);
            }
        } catch (SocketException | SocketTimeoutException closed) {
            return ""; // the server hung up
        }
    }

    private byte[] malformed(Random random) {
        String method =
                pick(
                        random,
                        "GET",
                        "GET",
                        "POST",
                        "DELETE",
                        "PUT",
                        "get",
                        "",
                        "G\u0000T",
                        "OPTIONS",
                        "TRACE");
        String path =
                pick(
                        random,
                        "/",
                        "/../secret.txt",
                        "/%2e%2e/%2e%2e/secret.txt",
                        "/..%2fsecret.txt",
                        "/api/runs/../../secret.txt",
                        "/api/runs/r0/piece?id=../../secret.txt",
                        "/api/runs/r0/piece?id=%00",
                        "/api/runs/r0/piece?id=%zz",
                        "/api/runs/r99/table",
                        "/api/runs/r0/metrics?from=-1",
                        "/api/runs/r0/groups/../../secret.txt",
                        "/api/runs//groups",
                        "/api//",
                        "/api",
                        "/api/runs/r0/report?x=../../secret.txt",
                        "/api/runs/r0/jobs",
                        "/api/jobs/-1",
                        "/api/jobs/99999999999999999999",
                        "/etc/passwd",
                        "//etc/passwd",
                        "http://example.com/",
                        "*",
                        "",
                        "/" + "a".repeat(random.nextInt(9000)),
                        "/?" + "a=b&".repeat(random.nextInt(2000)),
                        "/app.js/../../../secret.txt",
                        "/\u00ff\u0001");
        String version =
                pick(random, "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/9.9", "", "FTP/1.0");
        StringBuilder text = new StringBuilder(method + " " + path + " " + version + "\r\n");
        text.append(
                pick(
                        random,
                        "Host: localhost\r\n",
                        "Host: localhost\r\n",
                        "Host: evil.example\r\n",
                        "Host: localhost\r\nHost: evil.example\r\n",
                        "",
                        "Host\r\n"));
        text.append(
                pick(
                        random,
                        "X-Cleave-Token: " + TOKEN + "\r\n",
                        "X-Cleave-Token: " + TOKEN + "\r\n",
                        "X-Cleave-Token: x\r\n",
                        ""));
        text.append(pick(random, "", "", "Origin: http://evil.example\r\n", "Origin: \r\n"));
        String body =
                pick(
                        random,
                        "",
                        "{",
                        "[]",
                        "null",
                        "{\"kind\": 3}",
                        "{\"kind\": \"prompt\"}",
                        "{\"kind\": \"graph\", \"text\": \"1\", \"answer\": {}}",
                        "{\"kind\": \"tracer\", \"graph\": {}, \"labels\": [1]}",
                        "{\"kind\": \"compare\", \"with\": [\"r0\"]}",
                        "{\"kind\": \"generation\", \"text\": \"1\", \"tokens\": -1e99}",
                        "{\"kind\": \"intervention\", \"text\": \"1\", \"off\": {}}",
                        "\u0000\u0001\u0002",
                        "[".repeat(5000),
                        "{\"kind\":\"prompt\",\"text\":\"\u00ff\"}");
        text.append(
                pick(
                        random,
                        "Content-Length: " + body.length() + "\r\n",
                        "Content-Length: " + body.length() + "\r\n",
                        "Content-Length: -5\r\n",
                        "Content-Length: x\r\n",
                        "Content-Length: 99999999999\r\n",
                        "Transfer-Encoding: chunked\r\n",
                        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                        ""));
        if (random.nextInt(20) == 0) {
            text.append("X: ").append("y".repeat(random.nextInt(20_000))).append("\r\n");
        }
        if (random.nextInt(20) == 0) {
            text.append(" folded\r\n\u0000: \r\n:\r\n");
        }
        text.append("\r\n").append(body);
        byte[] bytes = text.toString().getBytes(StandardCharsets.ISO_8859_1);
        for (int i = random.nextInt(4); i > 0 && bytes.length > 0; i--) {
            if (random.nextBoolean()) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
        }
        return random.nextInt(10) == 0
                ? Arrays.copyOf(bytes, random.nextInt(bytes.length + 1))
                : bytes;
    }

    private static String pick(Random random, String... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
