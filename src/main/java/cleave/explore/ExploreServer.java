package cleave.explore;

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
import java.nio.file.Path;
import java.util.Arrays;
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

/// The page's server, on this machine's loopback address alone. It reads the runs and harvests it
/// was given and nothing else, and writes nothing.
public final class ExploreServer implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ExploreServer.class);
    private static final int LEAST_ZIPPED = 2048;

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
    private final Map<String, byte[]> page = new HashMap<>();
    private final Api api;
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
        api = new Api(paths, harvests);
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

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            Answer answer;
            try {
                answer = of(exchange);
            } catch (Problem problem) {
                answer = Answer.problem(problem.status(), String.valueOf(problem.getMessage()));
            } catch (UserError wrong) {
                answer = Answer.problem(422, String.valueOf(wrong.getMessage()));
            } catch (IOException | RuntimeException failure) {
                LOG.warn("a request failed", failure);
                answer = Answer.problem(500, "the request failed; the terminal says why");
            }
            send(exchange, answer);
        }
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
            return Answer.problem(refusal.get().status(), refusal.get().message());
        }
        byte[] own = page.get(path);
        if (own != null) {
            if (!exchange.getRequestMethod().equals("GET")) {
                throw new Problem(405, "method must be GET");
            }
            String file = String.valueOf(PAGE.get(path));
            return new Answer(
                    200, String.valueOf(TYPES.get(file.substring(file.lastIndexOf('.') + 1))), own);
        }
        String[] parts = path.substring(1).split("/", -1);
        if (!parts[0].equals("api") || parts.length < 2) {
            throw new Problem(404, "there is no such page");
        }
        return api.of(
                new Api.Request(
                        exchange.getRequestMethod(),
                        Arrays.copyOfRange(parts, 1, parts.length),
                        query,
                        exchange.getRequestBody()));
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

    /// Stops answering; a job that runs is given up.
    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
        api.close();
    }
}
