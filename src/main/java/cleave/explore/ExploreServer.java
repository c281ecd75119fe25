package cleave.explore;

import cleave.analysis.PromptAttribution;
import cleave.config.UserError;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// The page's server, on this machine's loopback address alone. It reads the runs and harvests it
/// was given and nothing else, and writes nothing.
public final class ExploreServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ExploreServer.class);
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .build();
    private static final int LEAST_ZIPPED = 2048;
    private static final int LONGEST_PROMPT = 100_000; // characters
    private static final int MOST_OFF = 10_000;
    private static final int MOST_SCALE = 100;
    private static final int MOST_WRITTEN = 200; // tokens
    private static final int LONGEST_NAME = 1000; // characters, of a group

    /// The page's own files, by path.
    private static final Map<String, String> PAGE =
            Map.ofEntries(
                    Map.entry("/", "index.html"),
                    Map.entry("/style.css", "style.css"),
                    Map.entry("/app.js", "app.js"),
                    Map.entry("/api.js", "api.js"),
                    Map.entry("/dom.js", "dom.js"),
                    Map.entry("/table.js", "table.js"),
                    Map.entry("/runs.js", "runs.js"),
                    Map.entry("/pieces.js", "pieces.js"),
                    Map.entry("/groups.js", "groups.js"),
                    Map.entry("/piece.js", "piece.js"),
                    Map.entry("/prompt.js", "prompt.js"),
                    Map.entry("/graph.js", "graph.js"),
                    Map.entry("/sight.js", "sight.js"),
                    Map.entry("/compare.js", "compare.js"),
                    Map.entry("/curves.js", "curves.js"),
                    Map.entry("/labels.js", "labels.js"),
                    Map.entry("/save.js", "save.js"),
                    Map.entry("/favicon.ico", "icon.svg"));

    private static final Map<String, String> TYPES =
            Map.of(
                    "html", "text/html; charset=utf-8",
                    "css", "text/css; charset=utf-8",
                    "js", "text/javascript; charset=utf-8",
                    "svg", "image/svg+xml");

    private final Gate gate;
    private final Map<String, RunView> runs = new HashMap<>();
    private final List<RunView> ordered = new ArrayList<>();
    private final Map<String, byte[]> page = new HashMap<>();
    private final Models models = new Models();
    private final Jobs jobs =
            new Jobs(work -> {
                Thread thread = new Thread(work, "cleave-explore-model");
                thread.setDaemon(true);
                return thread;
            });
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    /// Opens runs and begins to answer.
    ///
    /// @param paths of runs, or of harvests alone
    /// @param harvests folders of harvests of the runs that lie elsewhere
    /// @param port 0 for any free one
    /// @throws UserError when a run cannot be opened or the port is taken
    public ExploreServer(List<Path> paths, List<Path> harvests, Gate gate, int port)
            throws IOException {
        this.gate = gate;
        for (Path path : paths) {
            RunView view = RunView.open("r" + ordered.size(), path, harvests);
            ordered.add(view);
            runs.put(view.key(), view);
        }
        for (Map.Entry<String, String> each : PAGE.entrySet()) {
            try (InputStream in =
                    ExploreServer.class.getResourceAsStream("/cleave/explore/" + each.getValue())) {
                if (in == null) {
                    throw new IllegalStateException("page must have " + each.getValue());
                }
                page.put(each.getKey(), in.readAllBytes());
            }
        }
        limitTimes();
        try {
            server =
                    HttpServer.create(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        } catch (BindException taken) {
            throw new UserError(
                    "--port must be free, got %d (%s)\nhint: --port 0 takes any free one"
                            .formatted(port, taken.getMessage()),
                    taken);
        }
        server.setExecutor(threads);
        server.createContext("/", this::answer);
        server.start();
    }

    /// A request or an answer that takes longer than these seconds is given up, so that one that
    /// never ends holds nothing.
    private static void limitTimes() {
        for (String name :
                List.of("sun.net.httpserver.maxReqTime", "sun.net.httpserver.maxRspTime")) {
            if (System.getProperty(name) == null) {
                System.setProperty(name, "60");
            }
        }
    }

    /// The port it answers at.
    public int port() {
        return server.getAddress().getPort();
    }

    /// The address to open in a browser.
    public String address() {
        return "http://127.0.0.1:%d/%s"
                .formatted(port(), gate.token().map(token -> "?token=" + token).orElse(""));
    }

    /// What the page may do: run its own scripts and ask its own server.
    private static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
                    + " blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
                    + " frame-ancestors 'none'";

    /// What a report may do: look as it does, and nothing else.
    private static final String REPORT_POLICY =
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
                    + " form-action 'none'; frame-ancestors 'none'; sandbox";

    /// An answer.
    private record Answer(int status, String type, byte[] body, String policy) {
        Answer(int status, String type, byte[] body) {
            this(status, type, body, POLICY);
        }
    }

    /// Ends a request with a status other than 200.
    private static final class Problem extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final int status;

        Problem(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    private record Said(String problem) {}

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer;
            try {
                answer = of(exchange);
            } catch (Problem problem) {
                answer = problem(problem.status, String.valueOf(problem.getMessage()));
            } catch (UserError wrong) {
                answer = problem(422, String.valueOf(wrong.getMessage()));
            } catch (IOException | RuntimeException failure) {
                LOG.warn("a request failed", failure);
                answer = problem(500, "the request failed; the terminal says why");
            }
            send(exchange, answer);
        }
    }

    private static Answer problem(int status, String message) {
        return new Answer(status, "application/json", JSON.writeValueAsBytes(new Said(message)));
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        Headers headers = exchange.getResponseHeaders();
        headers.set("Content-Type", answer.type());
        headers.set("Cache-Control", "no-store");
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("Referrer-Policy", "no-referrer");
        headers.set("Cross-Origin-Resource-Policy", "same-origin");
        headers.set("Content-Security-Policy", answer.policy());
        byte[] body = answer.body();
        String accepted = exchange.getRequestHeaders().getFirst("Accept-Encoding");
        if (body.length >= LEAST_ZIPPED && accepted != null && accepted.contains("gzip")) {
            headers.set("Content-Encoding", "gzip");
            body = zipped(body);
        }
        if (answer.status() == 413) {
            headers.set("Connection", "close");
        }
        exchange.sendResponseHeaders(answer.status(), body.length == 0 ? -1 : body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    private static byte[] zipped(byte[] plain) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(plain);
        }
        return bytes.toByteArray();
    }

    private Answer of(HttpExchange exchange) throws IOException {
        Headers headers = exchange.getRequestHeaders();
        String path = Optional.ofNullable(exchange.getRequestURI().getRawPath()).orElse("");
        Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
        Optional<Gate.Refusal> refusal =
                gate.refusal(
                        new Gate.Request(
                                exchange.getRequestMethod(),
                                path,
                                only(headers, "Host"),
                                origin(headers),
                                Optional.ofNullable(headers.getFirst("X-Cleave-Token"))
                                        .orElse(query.get("token")),
                                length(headers)));
        if (refusal.isPresent()) {
            return problem(refusal.get().status(), refusal.get().message());
        }
        byte[] own = page.get(path);
        if (own != null) {
            requireMethod(exchange, "GET");
            String file = String.valueOf(PAGE.get(path));
            return new Answer(
                    200, String.valueOf(TYPES.get(file.substring(file.lastIndexOf('.') + 1))), own);
        }
        String[] parts = path.substring(1).split("/", -1);
        if (!parts[0].equals("api") || parts.length < 2) {
            throw new Problem(404, "there is no such page");
        }
        return switch (parts[1]) {
            case "runs" -> runs(exchange, parts, query);
            case "jobs" -> jobs(exchange, parts);
            default -> throw new Problem(404, "there is no such page");
        };
    }

    private static @Nullable String only(Headers headers, String name) {
        List<String> all = headers.get(name);
        return all != null && all.size() == 1 ? all.getFirst() : null;
    }

    /// The origin; one that is given twice is no one's.
    private static @Nullable String origin(Headers headers) {
        List<String> all = headers.get("Origin");
        return all == null ? null : all.size() == 1 ? all.getFirst() : "";
    }

    private static long length(Headers headers) {
        String length = headers.getFirst("Content-Length");
        if (length == null) {
            return -1;
        }
        return length.matches("[0-9]{1,18}") ? Long.parseLong(length) : Long.MAX_VALUE;
    }

    private static void requireMethod(HttpExchange exchange, String method) {
        if (!exchange.getRequestMethod().equals(method)) {
            throw new Problem(405, "method must be " + method);
        }
    }

    private static Map<String, String> query(@Nullable String raw) {
        Map<String, String> query = new HashMap<>();
        if (raw == null || raw.isEmpty()) {
            return query;
        }
        for (String pair : raw.split("&", -1)) {
            int equals = pair.indexOf('=');
            String name = equals < 0 ? pair : pair.substring(0, equals);
            String value = equals < 0 ? "" : pair.substring(equals + 1);
            try {
                query.put(
                        URLDecoder.decode(name, StandardCharsets.UTF_8),
                        URLDecoder.decode(value, StandardCharsets.UTF_8));
            } catch (IllegalArgumentException malformed) {
                throw new Problem(400, "query must be well-formed");
            }
        }
        return query;
    }

    private static Answer json(Object value) {
        return new Answer(200, "application/json", JSON.writeValueAsBytes(value));
    }

    private Answer runs(HttpExchange exchange, String[] parts, Map<String, String> query)
            throws IOException {
        if (parts.length == 2) {
            requireMethod(exchange, "GET");
            return json(ordered.stream().map(RunView::summary).toList());
        }
        RunView run = runs.get(parts[2]);
        if (run == null || parts.length != 4) {
            throw new Problem(404, "there is no such run");
        }
        if (parts[3].equals("jobs")) {
            requireMethod(exchange, "POST");
            return add(run, body(exchange));
        }
        requireMethod(exchange, "GET");
        if (parts[3].equals("metrics")) {
            return metrics(run, query.getOrDefault("from", "0"));
        }
        if (parts[3].equals("report")) {
            return report(run);
        }
        if (parts[3].equals("groups")) {
            return json(
                    run.groups().orElseThrow(() -> new Problem(404, "the run has no groups")));
        }
        HarvestView harvest = run.harvest();
        if (harvest == null) {
            throw new Problem(404, "the run has no harvest");
        }
        return switch (parts[3]) {
            case "table" -> json(harvest.table());
            case "piece" ->
                    new Answer(
                            200,
                            "application/json",
                            harvest.card(query.getOrDefault("id", ""))
                                    .orElseThrow(() ->
                                            new Problem(404, "there is no such subcomponent")));
            default -> throw new Problem(404, "there is no such page");
        };
    }

    private static Answer report(RunView run) throws IOException {
        Path file = run.report();
        if (file == null || !Files.isRegularFile(file)) {
            throw new Problem(404, "the run has no report");
        }
        return new Answer(200, "text/html; charset=utf-8", Files.readAllBytes(file), REPORT_POLICY);
    }

    private static Answer metrics(RunView run, String from) throws IOException {
        Path file = run.metrics();
        if (file == null) {
            throw new Problem(404, "a harvest alone has no records of training");
        }
        if (!from.matches("[0-9]{1,18}")) {
            throw new Problem(422, "from must be a number of bytes");
        }
        return json(MetricsView.of(file, Long.parseLong(from)));
    }

    private static JsonNode body(HttpExchange exchange) throws IOException {
        byte[] bytes = exchange.getRequestBody().readNBytes(Gate.LONGEST_BODY + 1);
        if (bytes.length > Gate.LONGEST_BODY) {
            throw new Problem(413, "body must be at most %d bytes".formatted(Gate.LONGEST_BODY));
        }
        try {
            JsonNode node = JSON.readTree(bytes);
            if (node != null && node.isObject()) {
                return node;
            }
        } catch (JacksonException malformed) {
            LOG.debug("a body was no JSON", malformed);
        }
        throw new Problem(400, "body must be a JSON object");
    }

    private Answer add(RunView run, JsonNode body) {
        String kind = body.path("kind").asString("");
        Jobs.Work work =
                switch (kind) {
                    case "tracer" -> tracer(body);
                    case "compare" -> comparison(run, body.path("with").asString(""));
                    default -> onText(run, kind, body);
                };
        return json(
                jobs.add(work)
                        .orElseThrow(() ->
                                new Problem(
                                        503,
                                        "at most %d jobs may wait".formatted(Jobs.MOST_WAITING))));
    }

    private static void requireModel(RunView run) {
        if (!run.canRun()) {
            throw new Problem(409, "the run has no checkpoint to load");
        }
    }

    private Jobs.Work comparison(RunView run, String with) {
        requireModel(run);
        RunView other = runs.get(with);
        if (other == null) {
            throw new Problem(422, "with must be another run of this page");
        }
        requireModel(other);
        return watch -> Match.of(models, run.path(), other.path(), watch);
    }

    /// A graph that was drawn, as a file; it needs no model.
    private Jobs.Work tracer(JsonNode body) {
        Jobs.View job = jobs.view(body.path("graph").asLong(-1)).orElse(null);
        if (job == null || !(job.result() instanceof Graph.Found graph)) {
            throw new Problem(404, "there is no such graph any more; draw it again");
        }
        int nodes = graph.attribution().graph().nodes().size();
        Map<String, String> labels = labels(body.path("labels"));
        int chosen = body.path("chosen").asInt(-1);
        List<PromptAttribution.Group> groups = new ArrayList<>();
        for (JsonNode each : elements(body.path("groups"))) {
            String name = each.path("name").asString("");
            if (name.length() > LONGEST_NAME) {
                throw new Problem(
                        422, "name must have at most %d characters".formatted(LONGEST_NAME));
            }
            groups.add(new PromptAttribution.Group(name, places(each.path("nodes"), nodes)));
        }
        PromptAttribution.Marks marks =
                new PromptAttribution.Marks(
                        chosen < nodes ? Math.max(-1, chosen) : -1,
                        places(body.path("pinned"), nodes),
                        groups);
        return _ -> graph.tracer(labels, marks);
    }

    private static List<Integer> places(JsonNode list, int nodes) {
        List<Integer> places = numbers(list);
        if (places.stream().anyMatch(place -> place < 0 || place >= nodes)) {
            throw new Problem(422, "nodes must be in 0..%d".formatted(nodes - 1));
        }
        return places;
    }

    private Jobs.Work onText(RunView run, String kind, JsonNode body) {
        requireModel(run);
        String text = body.path("text").asString("");
        if (text.isEmpty() || text.length() > LONGEST_PROMPT) {
            throw new Problem(422, "text must have 1 to %d characters".formatted(LONGEST_PROMPT));
        }
        Path path = run.path();
        return switch (kind) {
            case "prompt" -> watch -> Prompt.of(models.run(path, watch), text, watch);
            case "intervention" -> {
                Intervention.Change change = change(body);
                int position = body.path("position").asInt(-1);
                yield watch ->
                        Intervention.of(models.run(path, watch), text, change, position, watch);
            }
            case "generation" -> {
                Intervention.Change change = change(body);
                int count = Math.clamp(body.path("tokens").asInt(0), 0, MOST_WRITTEN);
                yield watch ->
                        Intervention.written(models.run(path, watch), text, change, count, watch);
            }
            case "graph" -> {
                String answer = answer(body);
                yield watch -> Graph.of(models.run(path, watch), text, answer, watch);
            }
            default ->
                    throw new Problem(
                            422,
                            "kind must be prompt, intervention, generation, graph, tracer or compare");
        };
    }

    private static Intervention.Change change(JsonNode body) {
        double scale = body.path("scale").asDouble(0);
        if (!(Math.abs(scale) <= MOST_SCALE)) {
            throw new Problem(422, "scale must be in -%d..%d".formatted(MOST_SCALE, MOST_SCALE));
        }
        boolean alone = body.path("alone").asBoolean(false);
        return new Intervention.Change(
                texts(body.path("off")),
                alone ? 1 : scale,
                alone ? 0 : 1,
                numbers(body.path("positions")));
    }

    private static @Nullable String answer(JsonNode body) {
        String answer = body.path("answer").asString("");
        if (answer.length() > LONGEST_PROMPT) {
            throw new Problem(
                    422, "answer must have at most %d characters".formatted(LONGEST_PROMPT));
        }
        return answer.isEmpty() ? null : answer;
    }

    private static Map<String, String> labels(JsonNode node) {
        if (node.size() > MOST_OFF || !(node.isObject() || node.isMissingNode())) {
            throw new Problem(422, "labels must be at most %d texts by name".formatted(MOST_OFF));
        }
        Map<String, String> labels = new HashMap<>();
        node.properties().forEach(each -> labels.put(each.getKey(), each.getValue().asString("")));
        return labels;
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        for (JsonNode each : elements(list)) {
            if (!each.isString()) {
                throw new Problem(422, "off must be a list of names");
            }
            texts.add(each.stringValue());
        }
        return texts;
    }

    private static List<Integer> numbers(JsonNode list) {
        List<Integer> numbers = new ArrayList<>();
        for (JsonNode each : elements(list)) {
            if (!each.isInt()) {
                throw new Problem(422, "positions must be a list of numbers");
            }
            numbers.add(each.intValue());
        }
        return numbers;
    }

    private static JsonNode elements(JsonNode list) {
        if (list.size() > MOST_OFF || !(list.isArray() || list.isMissingNode())) {
            throw new Problem(422, "lists must have at most %d elements".formatted(MOST_OFF));
        }
        return list;
    }

    private Answer jobs(HttpExchange exchange, String[] parts) {
        if (parts.length != 3 || !parts[2].matches("[0-9]{1,18}")) {
            throw new Problem(404, "there is no such job");
        }
        long id = Long.parseLong(parts[2]);
        Optional<Jobs.View> view =
                switch (exchange.getRequestMethod()) {
                    case "GET" -> jobs.view(id);
                    case "DELETE" -> jobs.cancel(id);
                    default -> throw new Problem(405, "method must be GET or DELETE");
                };
        return json(view.orElseThrow(() -> new Problem(404, "there is no such job")));
    }

    /// Stops answering; a job that runs is given up.
    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
        jobs.close(models::close);
    }
}
