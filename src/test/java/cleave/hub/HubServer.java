package cleave.hub;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// A hub on this machine with one model, `org/name`, that speaks as Hugging Face's does: it lists a
/// revision, describes a file by headers, hands small files out itself and sends those who want a
/// large one to a store, which is another server.
final class HubServer implements AutoCloseable {
    static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    final SortedMap<String, byte[]> files = new TreeMap<>();

    /// What was asked for, as `GET /path`, the store's with `store` before it.
    final List<String> asked = new CopyOnWriteArrayList<>();

    /// The tokens that came with those requests, or `none`.
    final List<String> tokens = new CopyOnWriteArrayList<>();

    /// Files of at least so many bytes are large.
    int large = 1000;

    /// The store cuts so many connections after half of what it was to send.
    final AtomicInteger cuts = new AtomicInteger();

    /// The store stops in the middle of so many answers and keeps the connection.
    final AtomicInteger stalls = new AtomicInteger();

    /// The store sends this in place of the file.
    byte @Nullable [] other;

    /// Whether the store sends the rest of a file when asked to.
    boolean ranges = true;

    /// The hub answers everything with this status and code, unless 0.
    int status;

    String code = "";

    private final CountDownLatch ended = new CountDownLatch(1);
    private final HttpServer hub = server();
    private final HttpServer store = server();

    HubServer() {
        hub.createContext("/", exchange -> answer(exchange, false));
        store.createContext("/", exchange -> answer(exchange, true));
        hub.start();
        store.start();
    }

    private static HttpServer server() {
        try {
            HttpServer server =
                    HttpServer.create(
                            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setExecutor(Thread::startVirtualThread);
            return server;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    String endpoint() {
        return "http://127.0.0.1:" + hub.getAddress().getPort();
    }

    private void answer(HttpExchange exchange, boolean fromStore) throws IOException {
        String path = exchange.getRequestURI().getPath();
        asked.add((fromStore ? "store " : "") + exchange.getRequestMethod() + " " + path);
        String token = exchange.getRequestHeaders().getFirst("Authorization");
        tokens.add(token == null ? "none" : token);
        try (exchange) {
            if (fromStore) {
                send(exchange, path.substring(1), true);
            } else if (status != 0) {
                exchange.getResponseHeaders().add("X-Error-Code", code);
                exchange.getResponseHeaders().add("Retry-After", "7");
                exchange.sendResponseHeaders(status, -1);
            } else if (path.contains("/old/")) {
                exchange.getResponseHeaders().add("Location", path.replace("/old/", "/org/"));
                exchange.sendResponseHeaders(307, -1);
            } else if (path.startsWith("/api/models/org/name/revision/")) {
                list(exchange, path.substring(path.lastIndexOf('/') + 1));
            } else if (path.startsWith("/org/name/resolve/" + COMMIT + "/")) {
                file(exchange, path.substring(("/org/name/resolve/" + COMMIT + "/").length()));
            } else {
                exchange.getResponseHeaders().add("X-Error-Code", "RepoNotFound");
                exchange.sendResponseHeaders(401, -1);
            }
        }
    }

    private void list(HttpExchange exchange, String revision) throws IOException {
        if (!List.of("main", "v1", COMMIT).contains(revision)) {
            exchange.getResponseHeaders().add("X-Error-Code", "RevisionNotFound");
            exchange.sendResponseHeaders(404, -1);
            return;
        }
        List<String> siblings = new ArrayList<>();
        files.keySet().forEach(file -> siblings.add("{\"rfilename\":\"" + file + "\"}"));
        byte[] json =
                "{\"id\":\"org/name\",\"sha\":\"%s\",\"siblings\":[%s]}"
                        .formatted(COMMIT, String.join(",", siblings))
                        .getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(200, json.length);
        exchange.getResponseBody().write(json);
    }

    private void file(HttpExchange exchange, String name) throws IOException {
        byte[] bytes = files.get(name);
        if (bytes == null) {
            exchange.getResponseHeaders().add("X-Error-Code", "EntryNotFound");
            exchange.sendResponseHeaders(404, -1);
            return;
        }
        exchange.getResponseHeaders().add("X-Repo-Commit", COMMIT);
        if (bytes.length >= large) {
            exchange.getResponseHeaders().add("X-Linked-Etag", "\"" + sha256(bytes) + "\"");
            exchange.getResponseHeaders().add("X-Linked-Size", Integer.toString(bytes.length));
            exchange.getResponseHeaders()
                    .add(
                            "Location",
                            "http://127.0.0.1:%d/%s".formatted(store.getAddress().getPort(), name));
            exchange.sendResponseHeaders(302, -1);
            return;
        }
        exchange.getResponseHeaders().add("ETag", "\"" + git(bytes) + "\"");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().add("Content-Length", Integer.toString(bytes.length));
            exchange.sendResponseHeaders(200, -1);
        } else {
            send(exchange, name, false);
        }
    }

    private void send(HttpExchange exchange, String name, boolean fromStore) throws IOException {
        byte[] whole =
                Objects.requireNonNull((other == null || !fromStore) ? files.get(name) : other);
        String range = exchange.getRequestHeaders().getFirst("Range");
        int from =
                (range == null || !ranges)
                        ? 0
                        : Integer.parseInt(range.replace("bytes=", "").replace("-", ""));
        if (from > 0) {
            exchange.getResponseHeaders()
                    .add(
                            "Content-Range",
                            "bytes %d-%d/%d".formatted(from, whole.length - 1, whole.length));
        }
        int length = whole.length - from;
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, length);
        OutputStream body = exchange.getResponseBody();
        if (fromStore && cuts.get() > 0) {
            cuts.decrementAndGet();
            body.write(whole, from, length / 2);
            body.flush();
            return; // closed before its end
        }
        if (fromStore && stalls.get() > 0) {
            stalls.decrementAndGet();
            body.write(whole, from, length / 2);
            body.flush();
            hold();
        }
        body.write(whole, from, length);
    }

    private void hold() {
        try {
            ended.await();
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    static String sha256(byte[] bytes) {
        return digest("SHA-256", bytes);
    }

    static String git(byte[] bytes) {
        byte[] head = ("blob " + bytes.length + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] both = new byte[head.length + bytes.length];
        System.arraycopy(head, 0, both, 0, head.length);
        System.arraycopy(bytes, 0, both, head.length, bytes.length);
        return digest("SHA-1", both);
    }

    private static String digest(String kind, byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(kind).digest(bytes));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    @Override
    public void close() {
        ended.countDown();
        hub.stop(0);
        store.stop(0);
    }
}
