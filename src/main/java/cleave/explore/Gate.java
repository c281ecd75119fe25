package cleave.explore;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Who may ask for what. A browser on this machine can be made to send requests by any page it
/// shows, so a request must name this machine as its host, must not come from another page, and
/// must carry the token for everything but the page's own files.
///
/// @param token in every request for data; empty for none
public record Gate(Optional<String> token) {
    /// Longest body that is read, bytes.
    static final int LONGEST_BODY = 1 << 20;

    private static final int LONGEST_PATH = 4096;
    private static final Set<String> HOSTS = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final Pattern HOST =
            Pattern.compile("(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]{1,5})?");
    private static final Set<String> METHODS = Set.of("GET", "POST", "DELETE");

    /// What is known of a request before its body is read.
    ///
    /// @param path undecoded, without the query
    /// @param host the header, if there is exactly one
    /// @param origin the header, if there is one
    /// @param sent the token that came with it, if one did
    /// @param length of the body that the header announces, -1 when it does not say
    record Request(
            String method,
            String path,
            @Nullable String host,
            @Nullable String origin,
            @Nullable String sent,
            long length) {}

    /// Why a request is refused.
    ///
    /// @param status of HTTP
    record Refusal(int status, String message) {}

    /// Why a request is refused, if it is.
    Optional<Refusal> refusal(Request request) {
        if (request.host() == null
                || !HOST.matcher(request.host().toLowerCase(Locale.ROOT)).matches()) {
            return refused(403, "host must be localhost, 127.0.0.1 or [::1]");
        }
        if (request.origin() != null && !isOwn(request.origin())) {
            return refused(403, "origin must be localhost, 127.0.0.1 or [::1]");
        }
        if (!METHODS.contains(request.method())) {
            return refused(405, "method must be GET, POST or DELETE");
        }
        if (request.length() > LONGEST_BODY) {
            return refused(413, "body must be at most %d bytes".formatted(LONGEST_BODY));
        }
        if (!isPlain(request.path())) {
            return refused(400, "path must be plain");
        }
        if (request.path().startsWith("/api/") && token.isPresent() && !isToken(request.sent())) {
            return refused(401, "token must be the one in the address that cleave printed");
        }
        return Optional.empty();
    }

    private static Optional<Refusal> refused(int status, String message) {
        return Optional.of(new Refusal(status, message));
    }

    /// A page of this machine at any port: a tunnel may end at another one.
    private static boolean isOwn(String origin) {
        try {
            URI uri = new URI(origin);
            return "http".equals(uri.getScheme())
                    && uri.getHost() != null
                    && HOSTS.contains(uri.getHost().toLowerCase(Locale.ROOT))
                    && uri.getUserInfo() == null
                    && uri.getRawPath().isEmpty();
        } catch (URISyntaxException malformed) {
            return false;
        }
    }

    /// Letters, digits and a few marks, none of which climbs out of a folder. Names of pieces come
    /// in the query.
    private static boolean isPlain(String path) {
        if (path.length() > LONGEST_PATH || !path.startsWith("/") || path.contains("..")) {
            return false;
        }
        return path.chars()
                .allMatch(c ->
                        (c >= 'a' && c <= 'z')
                                || (c >= 'A' && c <= 'Z')
                                || (c >= '0' && c <= '9')
                                || c == '/'
                                || c == '.'
                                || c == '-'
                                || c == '_');
    }

    /// Compared in a time that does not tell how much of it is right.
    private boolean isToken(@Nullable String sent) {
        return sent != null
                && MessageDigest.isEqual(
                        sent.getBytes(StandardCharsets.UTF_8),
                        token.orElse("").getBytes(StandardCharsets.UTF_8));
    }
}
