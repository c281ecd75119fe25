package cleave.explore;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.explore.Gate.Refusal;
import cleave.explore.Gate.Request;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GateTest {
    private static final Gate GATE = new Gate(Optional.of("secret"));

    private static int status(Request request) {
        return GATE.refusal(request).map(Refusal::status).orElse(200);
    }

    private static Request from(@Nullable String host, @Nullable String origin) {
        return new Request("GET", "/api/runs", host, origin, "secret", -1);
    }

    private static Request to(String path) {
        return new Request("GET", path, "localhost:1", null, "secret", -1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "localhost",
                "localhost:8765",
                "LOCALHOST:1",
                "127.0.0.1",
                "127.0.0.1:65535",
                "[::1]",
                "[::1]:80"
            })
    void namesOfThisMachineAreHosts(String host) {
        assertThat(status(from(host, null))).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "example.com",
                "localhost.example.com",
                "localhost:1@example.com",
                "127.0.0.1.example.com",
                "127.0.0.2",
                "0.0.0.0",
                "[::]",
                "localhost:",
                "localhost:a",
                "localhost:1234567",
                " localhost",
                "localhost/",
                "::1"
            })
    void otherNamesAreNot(String host) {
        assertThat(status(from(host, null))).isEqualTo(403);
    }

    @Test
    void aRequestWithoutOneHostIsRefused() {
        assertThat(status(from(null, null))).isEqualTo(403);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://localhost:1", "http://127.0.0.1", "http://[::1]:8765"})
    void pagesOfThisMachineMayAsk(String origin) {
        assertThat(status(from("localhost", origin))).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "null",
                "http://example.com",
                "https://localhost",
                "http://localhost.example.com",
                "http://localhost@example.com",
                "http://a@localhost",
                "http://localhost/x",
                "file://localhost",
                "http://",
                "http://%"
            })
    void otherPagesMayNot(String origin) {
        assertThat(status(from("localhost", origin))).isEqualTo(403);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "api/runs",
                "/..",
                "/api/../x",
                "/%2e%2e/etc/passwd",
                "/a\\b",
                "/a b",
                "/\u0000",
                "/api/runs/r0/piece;x",
                "//..//",
                "/\u00e9"
            })
    void onlyPlainPathsAreTaken(String path) {
        assertThat(status(to(path))).isEqualTo(400);
    }

    @Test
    void tooLongAPathIsRefused() {
        assertThat(status(to("/" + "a".repeat(5000)))).isEqualTo(400);
    }

    @Test
    void dataNeedTheTokenAndThePageDoesNot() {
        assertThat(status(new Request("GET", "/api/runs", "localhost", null, null, -1)))
                .isEqualTo(401);
        assertThat(status(new Request("GET", "/api/runs", "localhost", null, "secre", -1)))
                .isEqualTo(401);
        assertThat(status(new Request("GET", "/", "localhost", null, null, -1))).isEqualTo(200);
        assertThat(
                        new Gate(Optional.empty())
                                .refusal(
                                        new Request(
                                                "GET", "/api/runs", "localhost", null, null, -1)))
                .isEmpty();
    }

    @Test
    void otherMethodsAndLongBodiesAreRefused() {
        assertThat(status(new Request("PUT", "/", "localhost", null, null, -1))).isEqualTo(405);
        assertThat(status(new Request("POST", "/api/runs", "localhost", null, "secret", 1 << 21)))
                .isEqualTo(413);
    }
}
