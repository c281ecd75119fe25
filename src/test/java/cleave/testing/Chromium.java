package cleave.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One page in a browser without a window, driven by its own protocol.
///
/// Every wait has an end: `PATIENCE`, after which it fails.
public final class Chromium implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final List<String> NAMES =
            List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
    private static final String LISTENS = "DevTools listening on ";
    private static final JsonMapper JSON = new JsonMapper();

    private final Process process;
    private final HttpClient client = HttpClient.newHttpClient();
    private final WebSocket socket;
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    private final List<String> messages = Collections.synchronizedList(new ArrayList<>());
    private @Nullable String session;
    private int asked;

    /// Starts it.
    ///
    /// @param program from `find`
    /// @param folder an empty one, for its profile and what it downloads
    public Chromium(Path program, Path folder, int width, int height) throws IOException {
        process =
                new ProcessBuilder(
                                program.toString(),
                                "--headless=new",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--disable-dev-shm-usage",
                                "--disable-background-networking",
                                "--disable-component-update",
                                "--no-first-run",
                                "--hide-scrollbars",
                                "--window-size=%d,%d".formatted(width, height),
                                "--user-data-dir=" + folder.resolve("profile"),
                                "--remote-debugging-port=0",
                                "about:blank")
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        socket =
                client.newWebSocketBuilder()
                        .buildAsync(URI.create(address()), new Listener())
                        .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                        .join();
        call(
                "Browser.setDownloadBehavior",
                Map.of("behavior", "allow", "downloadPath", folder.toAbsolutePath().toString()));
        String target =
                call("Target.createTarget", Map.of("url", "about:blank"))
                        .path("targetId")
                        .stringValue();
        session =
                call("Target.attachToTarget", Map.of("targetId", target, "flatten", true))
                        .path("sessionId")
                        .stringValue();
        for (String domain : List.of("Page", "Runtime", "Log")) {
            call(domain + ".enable", Map.of());
        }
        call("Performance.enable", Map.of("timeDomain", "threadTicks"));
        call(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", false));
    }

    /// The browser of this machine: that of the environment's `CLEAVE_CHROMIUM`, or one on the
    /// path.
    public static Optional<Path> find() {
        String given = System.getenv("CLEAVE_CHROMIUM");
        if (given != null) {
            return Optional.of(Path.of(given));
        }
        String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
        return Stream.of(path.split(java.io.File.pathSeparator))
                .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /// The address that it prints, after which it is left to talk.
    private String address() throws IOException {
        BufferedReader err =
                new BufferedReader(
                        new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8));
        for (String line = err.readLine(); line != null; line = err.readLine()) {
            if (line.startsWith(LISTENS)) {
                Thread.ofVirtual()
                        .start(() -> {
                            try {
                                err.transferTo(java.io.Writer.nullWriter());
                            } catch (IOException closed) {
                                // the browser has ended
                            }
                        });
                return line.substring(LISTENS.length());
            }
        }
        throw new IOException("the browser ended before it could be asked");
    }

    private final class Listener implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public @Nullable CompletionStage<?> onText(
                WebSocket from, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                received.add(text.toString());
                text.setLength(0);
            }
            from.request(1);
            return null;
        }
    }

    /// Asks for something and waits for the answer.
    private JsonNode call(String method, Map<String, ?> parameters) {
        int id = ++asked;
        Map<String, Object> request = new LinkedHashMap<>();
        request.put("id", id);
        request.put("method", method);
        request.put("params", parameters);
        if (session != null) {
            request.put("sessionId", session);
        }
        socket.sendText(JSON.writeValueAsString(request), true)
                .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                .join();
        while (true) {
            JsonNode answer = JSON.readTree(next(method));
            if (answer.path("id").asInt(0) == id) {
                if (answer.has("error")) {
                    throw new IllegalStateException(method + ": " + answer.path("error"));
                }
                return answer.path("result");
            }
            note(answer);
        }
    }

    private String next(String method) {
        try {
            String next = received.poll(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            if (next == null) {
                throw new IllegalStateException(
                        "the browser must answer, got nothing to " + method);
            }
            return next;
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private void note(JsonNode event) {
        switch (event.path("method").asString("")) {
            case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded" ->
                    messages.add(event.path("params").toString());
            default -> {}
        }
    }

    /// What the console has said, and what was thrown.
    public List<String> messages() {
        evaluate("0"); // what was sent before has come by then
        return List.copyOf(messages);
    }

    /// Opens an address.
    public void open(String address) {
        call("Page.navigate", Map.of("url", address));
    }

    /// Opens the address again that is open.
    public void reload() {
        evaluate("window.leaving = true");
        call("Page.reload", Map.of("ignoreCache", true));
        await("!window.leaving");
    }

    /// The value of an expression of JavaScript; what it promises is waited for.
    public JsonNode evaluate(String expression) {
        JsonNode result =
                call(
                        "Runtime.evaluate",
                        Map.of(
                                "expression",
                                expression,
                                "awaitPromise",
                                true,
                                "returnByValue",
                                true));
        if (result.has("exceptionDetails")) {
            throw new IllegalStateException(expression + ": " + result.path("exceptionDetails"));
        }
        return result.path("result").path("value");
    }

    /// Waits until an expression is true.
    public void await(String expression) {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!holds(expression)) {
            if (System.nanoTime() > end) {
                throw new AssertionError(
                        "page must come to %s, got %s"
                                .formatted(
                                        expression,
                                        evaluate("document.body.innerText").asString("")));
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException stopped) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(stopped);
            }
        }
    }

    /// Whether an expression is true; one that is asked while the page changes is not.
    private boolean holds(String expression) {
        try {
            return evaluate("Boolean(%s)".formatted(expression)).asBoolean(false);
        } catch (IllegalStateException changing) {
            return false;
        }
    }

    /// Types into what a selector names, as keys would.
    public void type(String selector, String text) {
        await("document.querySelector(%s)".formatted(quoted(selector)));
        evaluate("document.querySelector(%s).focus()".formatted(quoted(selector)));
        call("Input.insertText", Map.of("text", text));
    }

    /// Presses Enter where the focus is.
    public void enter() {
        for (String kind : List.of("keyDown", "keyUp")) {
            call(
                    "Input.dispatchKeyEvent",
                    Map.of(
                            "type",
                            kind,
                            "key",
                            "Enter",
                            "code",
                            "Enter",
                            "windowsVirtualKeyCode",
                            13,
                            "text",
                            "\r"));
        }
    }

    /// Moves the mouse to a point of the page.
    public void point(double x, double y) {
        call("Input.dispatchMouseEvent", Map.of("type", "mouseMoved", "x", x, "y", y));
    }

    /// Clicks what a selector names.
    public void click(String selector) {
        await("document.querySelector(%s)".formatted(quoted(selector)));
        evaluate("document.querySelector(%s).click()".formatted(quoted(selector)));
    }

    /// A text as JavaScript writes it.
    public static String quoted(String text) {
        return JSON.writeValueAsString(text);
    }

    /// Milliseconds of processor time that the page's thread has worked, whatever else the machine
    /// does meanwhile.
    public double worked() {
        for (JsonNode metric : call("Performance.getMetrics", Map.of()).path("metrics")) {
            if (metric.path("name").asString("").equals("TaskDuration")) {
                return 1000 * metric.path("value").asDouble();
            }
        }
        throw new IllegalStateException("the browser must tell how long it worked");
    }

    /// A picture of the page as PNG.
    public byte[] picture() {
        return Base64.getDecoder()
                .decode(
                        call("Page.captureScreenshot", Map.of("format", "png"))
                                .path("data")
                                .stringValue());
    }

    /// A picture of what a selector names, at one and a half times its size.
    public byte[] picture(String selector) {
        JsonNode box =
                evaluate(
                        "(({x, y, width, height}) => ({x, y, width, height, scale: 1.5}))(document.querySelector(%s).getBoundingClientRect())"
                                .formatted(quoted(selector)));
        return Base64.getDecoder()
                .decode(
                        call("Page.captureScreenshot", Map.of("format", "png", "clip", box))
                                .path("data")
                                .stringValue());
    }

    @Override
    public void close() {
        socket.abort();
        client.shutdownNow();
        // All of them are waited for, so that nothing writes to the profile any more.
        List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
        all.add(process.toHandle());
        all.forEach(ProcessHandle::destroyForcibly);
        all.forEach(each -> each.onExit().orTimeout(10, TimeUnit.SECONDS).join());
    }
}
