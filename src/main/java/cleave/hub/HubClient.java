package cleave.hub;

import cleave.config.UserError;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Asks the hub. Redirects are followed one by one, so that the token goes to the hub alone and not
/// to the store that it hands out large files from.
final class HubClient implements AutoCloseable {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final Duration CONNECT = Duration.ofSeconds(10);
    private static final int MOST_REDIRECTS = 6;
    private static final int TRIES = 3; // of an answer that the hub's own trouble spoils

    private final HubSettings settings;
    private final HubName name;
    private final Waits waits;
    private final HttpClient client;
    private final ScheduledThreadPoolExecutor clock;

    /// How long things are waited for.
    ///
    /// @param pause between tries
    /// @param patience until an answer begins, and until more of it comes
    record Waits(Duration pause, Duration patience) {}

    HubClient(HubSettings settings, HubName name, Waits waits) {
        this.settings = settings;
        this.name = name;
        this.waits = waits;
        this.client =
                HttpClient.newBuilder()
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .connectTimeout(CONNECT)
                        .proxy(settings.proxies().selector())
                        .build();
        this.clock =
                new ScheduledThreadPoolExecutor(
                        1, Thread.ofPlatform().daemon().name("hub-clock").factory());
        clock.setRemoveOnCancelPolicy(true);
    }

    /// What the hub says of a revision.
    ///
    /// @param model its name today, which may be another than asked for
    /// @param commit the revision stands for
    /// @param files it has
    record Listing(String model, String commit, List<String> files) {}

    /// A file as the hub describes it.
    ///
    /// @param tag names the content: its SHA-256 in hexadecimal, or the SHA-1 that git gives it
    /// @param size in bytes
    record Description(String tag, long size) {}

    /// Lists a revision's files.
    Listing list() throws IOException {
        URI address =
                URI.create(
                        "%s/api/models/%s/revision/%s"
                                .formatted(
                                        settings.endpoint(),
                                        name.model(),
                                        encoded(name.revision())));
        HttpResponse<InputStream> response = followed("GET", address, 0);
        try (InputStream body = response.body()) {
            JsonNode root = JSON.readTree(body.readAllBytes());
            List<String> files = new ArrayList<>();
            root.path("siblings").forEach(each -> files.add(each.path("rfilename").asString("")));
            String commit = root.path("sha").asString("");
            if (!commit.matches("[0-9a-f]{40}")) {
                throw odd("a revision without its commit");
            }
            return new Listing(root.path("id").asString(name.model()), commit, files);
        } catch (JacksonException malformed) {
            throw odd("no JSON");
        }
    }

    /// Describes a file.
    Description describe(String model, String commit, String file) throws IOException {
        HttpResponse<InputStream> response = followed("HEAD", address(model, commit, file), 0);
        response.body().close();
        Optional<String> linked = response.headers().firstValue("x-linked-etag");
        String tag =
                linked.or(() -> response.headers().firstValue("etag"))
                        .orElse("")
                        .replaceFirst("^W/", "")
                        .replace("\"", "");
        long size =
                response.headers()
                        .firstValueAsLong("x-linked-size")
                        .orElseGet(() ->
                                response.headers().firstValueAsLong("content-length").orElse(-1));
        if (!tag.matches("[0-9a-f]{40}|[0-9a-f]{64}") || size < 0) {
            throw odd("no checksum or size of " + file);
        }
        return new Description(tag, size);
    }

    /// Fetches a file's bytes from some byte on. The answer's status is 206, or 200 when it begins
    /// with the first byte all the same, or 416 when there are none.
    HttpResponse<InputStream> bytes(String model, String commit, String file, long from)
            throws IOException {
        return followed("GET", address(model, commit, file), from);
    }

    private URI address(String model, String commit, String file) {
        return URI.create(
                "%s/%s/resolve/%s/%s"
                        .formatted(
                                settings.endpoint(),
                                model,
                                commit,
                                encoded(file).replace("%2F", "/")));
    }

    private HttpResponse<InputStream> followed(String method, URI first, long from)
            throws IOException {
        URI address = first;
        int tries = 0;
        for (int redirects = 0; redirects < MOST_REDIRECTS; ) {
            HttpResponse<InputStream> response = send(method, address, from);
            int status = response.statusCode();
            Optional<String> location = response.headers().firstValue("location");
            if (status / 100 == 3 && location.isPresent()) {
                boolean described = response.headers().firstValue("x-linked-etag").isPresent();
                if (method.equals("HEAD") && described) {
                    return response;
                }
                response.body().close();
                address = address.resolve(location.get());
                redirects++;
            } else if (status / 100 == 2 || status == 416) {
                return response;
            } else {
                response.body().close();
                if (status < 500) {
                    throw refused(response);
                }
                if (++tries == TRIES) {
                    throw new IOException(
                            "hub must answer, got status %d, %d times (%s)"
                                    .formatted(status, tries, settings.endpoint()));
                }
                sleep();
            }
        }
        throw odd("more than %d redirects".formatted(MOST_REDIRECTS - 1));
    }

    /// Waits before another try.
    void sleep() throws IOException {
        try {
            Thread.sleep(waits.pause());
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException("download was interrupted", stop);
        }
    }

    private HttpResponse<InputStream> send(String method, URI address, long from)
            throws IOException {
        HttpRequest.Builder request =
                HttpRequest.newBuilder(address)
                        .timeout(waits.patience())
                        .header("User-Agent", "cleave")
                        .method(method, HttpRequest.BodyPublishers.noBody());
        if (from > 0) {
            request.header("Range", "bytes=%d-".formatted(from));
        }
        if (address.toString().startsWith(settings.endpoint() + "/")) {
            settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
        }
        try {
            return client.send(
                    request.build(),
                    _ ->
                            BodySubscribers.mapping(
                                    BodySubscribers.ofInputStream(),
                                    bytes -> new PatientStream(bytes, clock, waits.patience())));
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
            throw new IOException("download was interrupted", stop);
        } catch (IOException unreachable) {
            throw new Unreachable(
                    "hub must be reachable, got %s (%s)\nhint: a model that is in the cache needs no network; HF_ENDPOINT names another hub"
                            .formatted(
                                    said(unreachable),
                                    address.getScheme() + "://" + address.getAuthority()),
                    unreachable);
        }
    }

    /// No answer came.
    static final class Unreachable extends IOException {
        private static final long serialVersionUID = 1L;

        private final IOException failure;

        Unreachable(String message, IOException failure) {
            super(message, failure);
            this.failure = failure;
        }

        /// What happened to the connection.
        IOException failure() {
            return failure;
        }
    }

    private UserError refused(HttpResponse<?> response) {
        int status = response.statusCode();
        String code = response.headers().firstValue("x-error-code").orElse("");
        String page = settings.endpoint() + "/" + name.model();
        String who = settings.token().isPresent() ? "this HF_TOKEN" : "nobody in particular";
        if (status == 429) {
            return UserError.withHints(
                    "hub must accept the request, got that there were too many of them ("
                            + settings.endpoint()
                            + ")",
                    "wait %s, or set HF_TOKEN, for which more are allowed"
                            .formatted(
                                    response.headers()
                                            .firstValue("retry-after")
                                            .map(seconds -> seconds + " seconds")
                                            .orElse("a few minutes")));
        }
        return switch (code) {
            case "GatedRepo" ->
                    UserError.withHints(
                            "%s must be open to %s, got that its owner gives access one by one"
                                    .formatted(name, who),
                            "accept its terms at %s and set HF_TOKEN".formatted(page));
            case "RevisionNotFound" ->
                    new UserError(
                            "revision of %s must be a branch, tag or commit it has, got %s"
                                    .formatted(name.model(), name.revision()));
            case "EntryNotFound" ->
                    new UserError("file must be one that %s has, got none".formatted(name));
            case "DisabledRepo" ->
                    new UserError(
                            "%s must be available, got that the hub has disabled it"
                                    .formatted(name));
            default ->
                    status == 401 || status == 403 || status == 404
                            ? UserError.withHints(
                                    "%s must be a model on the hub that is shown to %s, got none (%s)"
                                            .formatted(name, who, page),
                                    "check the name; for a private model set HF_TOKEN")
                            : odd("status " + status);
        };
    }

    private UserError odd(String got) {
        return new UserError(
                "hub must answer as Hugging Face's does, got %s (%s)"
                        .formatted(got, settings.endpoint()));
    }

    private static String encoded(String part) {
        return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Override
    public void close() {
        client.shutdownNow();
        clock.shutdownNow();
    }

    /// What a failure to connect says; the client has no words for some.
    private static String said(IOException unreachable) {
        if (unreachable.getMessage() != null) {
            return unreachable.getMessage();
        }
        for (Throwable cause = unreachable; cause != null; cause = cause.getCause()) {
            if (cause instanceof UnresolvedAddressException) {
                return "no address of that name";
            }
        }
        return "no connection";
    }
}
