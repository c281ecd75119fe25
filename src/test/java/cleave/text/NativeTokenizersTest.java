package cleave.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import cleave.config.UserError;
import cleave.text.NativeTokenizers.Native;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeTokenizersTest {
    private static final Path FILE =
            Path.of("src/test/resources/golden/tokenizers/bytes.json").toAbsolutePath();

    @TempDir private Path folder;

    /// A process of its own that encodes and decodes a text, and prints what sockets it has.
    static final class Child {
        private Child() {}

        /// Reads a tokenizer and uses it.
        public static void main(String[] arguments) throws IOException {
            Tokenizer tokenizer =
                    Tokenizers.ofJson("file", Files.readString(Path.of(arguments[0])), null);
            int[] tokens = tokenizer.encode("Kobe<|endoftext|>");
            tokenizer.encoded("Kobe<|endoftext|>", Tokenizer.Special.AS_TOKENS);
            System.out.println(tokenizer.decode(tokens));
            try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
                open.map(Child::target)
                        .filter(name -> name.startsWith("socket:"))
                        .forEach(System.out::println);
            }
        }

        private static String target(Path link) {
            try {
                return Files.readSymbolicLink(link).toString();
            } catch (IOException closed) {
                return "";
            }
        }
    }

    /// The process is told of a proxy that is here, so that it would call here, and of settings of
    /// DJL's that would make it report and fetch.
    @Test
    void noConnectionIsOpened() throws IOException, InterruptedException {
        assumeThat(Path.of("/proc/self/fd")).isDirectory();
        try (ServerSocket here = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            String proxy = "http://127.0.0.1:" + here.getLocalPort();
            Map<String, String> environment =
                    Map.of(
                            "http_proxy",
                            proxy,
                            "https_proxy",
                            proxy,
                            "all_proxy",
                            proxy,
                            "HTTPS_PROXY",
                            proxy,
                            "OPT_OUT_TRACKING",
                            "false",
                            "DJL_OFFLINE",
                            "false",
                            "RUST_FLAVOR",
                            "cu122",
                            "XDG_CACHE_HOME",
                            folder.toString());
            List<String> command =
                    List.of(
                            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                            "--enable-native-access=ALL-UNNAMED",
                            "-Dhttp.proxyHost=127.0.0.1",
                            "-Dhttp.proxyPort=" + here.getLocalPort(),
                            "-cp",
                            System.getProperty("java.class.path"),
                            Child.class.getName(),
                            FILE.toString());
            Path trace = folder.resolve("trace");
            List<String> traced =
                    Files.isExecutable(Path.of("/usr/bin/strace"))
                            ? List.of(
                                    "/usr/bin/strace",
                                    "-f",
                                    "-e",
                                    "connect",
                                    "-o",
                                    trace.toString())
                            : List.of();
            Outcome outcome = start(environment, Stream.concat(traced.stream(), command.stream()));
            assertThat(outcome.out).as(outcome.err).containsExactly("Kobe<|endoftext|>");
            assertThat(outcome.exitCode).isZero();
            if (Files.exists(trace)) {
                // The user's name may be asked of a daemon of this machine.
                assertThat(Files.readAllLines(trace))
                        .noneMatch(line -> line.contains("connect(") && !line.contains("AF_UNIX"));
            }
            here.setSoTimeout(1);
            assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(here::accept);
        }
        try (Stream<Path> unpacked = Files.walk(folder.resolve("cleave"))) {
            assertThat(unpacked.filter(Files::isRegularFile)).hasSize(1);
        }
    }

    private record Outcome(int exitCode, List<String> out, String err) {}

    private Outcome start(Map<String, String> environment, Stream<String> command)
            throws IOException, InterruptedException {
        Path err = folder.resolve("err.txt");
        ProcessBuilder builder = new ProcessBuilder(command.toList()).redirectError(err.toFile());
        builder.environment().putAll(environment);
        Process process = builder.start();
        List<String> out = process.inputReader().lines().toList();
        return new Outcome(process.waitFor(), out, Files.readString(err));
    }

    @Test
    void aFileThatIsCutShortIsUnpackedAgain() throws IOException {
        Native here =
                Native.of(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
        String name = here.files().getLast();
        Path file = NativeTokenizers.unpacked(here.folder(), name, folder);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, 1000));
        assertThat(NativeTokenizers.unpacked(here.folder(), name, folder)).isEqualTo(file);
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
        assertThat(folder.toFile().list()).containsExactly(name);
    }

    @Test
    void everyMachineHasItsFilesAndOthersAreNamed() {
        for (List<String> machine :
                List.of(
                        List.of("Linux", "amd64", "linux-x86_64"),
                        List.of("Linux", "aarch64", "linux-aarch64"),
                        List.of("Mac OS X", "aarch64", "osx-aarch64"),
                        List.of("Windows 11", "amd64", "win-x86_64"))) {
            Native files = Native.of(machine.get(0), machine.get(1));
            assertThat(files.folder()).isEqualTo(machine.get(2));
            assertThat(files.files())
                    .allSatisfy(file ->
                            assertThat(
                                            NativeTokenizers.class.getResource(
                                                    "/native/lib/%s/cpu/%s"
                                                            .formatted(files.folder(), file)))
                                    .isNotNull());
        }
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Native.of("Mac OS X", "x86_64"))
                .withMessageContaining("got Mac OS X on x86_64");
    }

    @Test
    void theFolderForCachesIsTheUsers() {
        assertThat(NativeTokenizers.caches(Map.of(), "/home/a")).isEqualTo("/home/a/.cache");
        assertThat(NativeTokenizers.caches(Map.of("XDG_CACHE_HOME", "/c"), "/home/a"))
                .isEqualTo("/c");
        assertThat(NativeTokenizers.caches(Map.of("XDG_CACHE_HOME", "c"), "/home/a"))
                .isEqualTo("/home/a/.cache");
    }
}
