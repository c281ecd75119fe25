package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Proxy;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubTest {
    private static final HubName NAME = HubName.of("hf:org/name");

    @TempDir private Path cache;

    private final HubServer server = new HubServer();
    private final List<String> told = new ArrayList<>();
    private Duration patience = Duration.ofSeconds(60);

    @BeforeEach
    void aModel() throws IOException {
        Path plain = Gpt2ParityTest.folder("plain");
        server.files.put("config.json", Files.readAllBytes(plain.resolve("config.json")));
        server.files.put("model.safetensors", Files.readAllBytes(plain.resolve(Model.WEIGHTS)));
        server.files.put("tokenizer.json", text("{}"));
        server.files.put("README.md", text("# A card"));
        server.files.put("pytorch_model.bin", text("never asked for"));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private Hub hub(boolean offline, ToLongFunction<Path> room, Optional<String> token) {
        return hub(new HubSettings(server.endpoint(), cache, token, offline), room);
    }

    private Hub hub(HubSettings settings, ToLongFunction<Path> room) {
        return new Hub(
                settings,
                new Hub.Listener() {
                    @Override
                    public void note(String line) {
                        told.add(line);
                    }

                    @Override
                    public void progress(String file, long done, long size) {
                        told.add("%s %d of %d".formatted(file, done, size));
                    }
                },
                room,
                new HubClient.Waits(Duration.ofMillis(1), patience));
    }

    private Path get(HubName name) throws IOException {
        return hub(false, _ -> Long.MAX_VALUE, Optional.empty()).get(name);
    }

    private byte[] weights() {
        return file(Model.WEIGHTS);
    }

    private byte[] file(String name) {
        return Objects.requireNonNull(server.files.get(name));
    }

    @Test
    void onlyWhatIsReadIsFetchedIntoTheLayoutOfHuggingFacesTools() throws IOException {
        Path folder = get(NAME);
        Path model = cache.resolve("models--org--name");
        assertThat(folder).isEqualTo(model.resolve("snapshots").resolve(HubServer.COMMIT));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "config.json", "model.safetensors", "tokenizer.json");
        }
        assertThat(Files.readString(model.resolve("refs/main"))).isEqualTo(HubServer.COMMIT);
        assertThat(Files.readSymbolicLink(folder.resolve(Model.WEIGHTS)))
                .isEqualTo(Path.of("../../blobs/" + HubServer.sha256(weights())));
        assertThat(Files.readSymbolicLink(folder.resolve("config.json")))
                .isEqualTo(Path.of("../../blobs/" + HubServer.git(file("config.json"))));
        assertThat(Files.readAllBytes(folder.resolve(Model.WEIGHTS))).isEqualTo(weights());
        assertThat(told).contains("model.safetensors %1$d of %1$d".formatted(weights().length));
        assertThat(ModelFiles.of(folder).tensors()).isNotEmpty();
    }

    @Test
    void whatIsInTheCacheNeedsNoNetwork() throws IOException {
        Path folder = get(NAME);
        server.close();
        assertThat(get(NAME)).isEqualTo(folder);
        assertThat(hub(true, _ -> 0, Optional.empty()).get(NAME)).isEqualTo(folder);
        assertThat(get(HubName.of("hf:org/name@" + HubServer.COMMIT))).isEqualTo(folder);
        assertThatThrownBy(
                        () -> hub(true, _ -> 0, Optional.empty()).get(HubName.of("hf:org/name@v1")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(
                        "hf:org/name@v1 must be in the cache while HF_HUB_OFFLINE is set, got nothing in "
                                + cache);
        assertThatThrownBy(() -> get(HubName.of("hf:org/name@v1")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("hub must be reachable, got ")
                .hasMessageContaining("hint: a model that is in the cache needs no network");
    }

    @Test
    void aModelWithoutATokenizerIsKnownToHaveNone() throws IOException {
        server.files.remove("tokenizer.json");
        get(NAME);
        int asked = server.asked.size();
        get(NAME);
        assertThat(server.asked).hasSize(asked);
    }

    @Test
    void aTokenizerThatIsNotInTheCacheIsFetchedOrElseDoneWithout() throws IOException {
        Path folder = get(NAME);
        Files.delete(folder.resolve("tokenizer.json"));
        get(NAME);
        assertThat(folder.resolve("tokenizer.json")).exists();
        Files.delete(folder.resolve("tokenizer.json"));
        server.close();
        assertThat(get(NAME)).isEqualTo(folder);
        assertThat(told.getLast()).startsWith("the hub cannot be reached; what the cache has");
    }

    @Test
    void shardsAreFetchedAsTheirIndexSays() throws IOException {
        server.files.clear();
        Path sharded = Gpt2ParityTest.folder("sharded");
        try (Stream<Path> files = Files.list(sharded)) {
            for (Path file : files.toList()) {
                server.files.put(file.getFileName().toString(), Files.readAllBytes(file));
            }
        }
        Path folder = get(NAME);
        assertThat(folder.resolve("model-00003-of-00003.safetensors")).exists();
        assertThat(folder.resolve(Parity.FILE)).doesNotExist();
        assertThat(ModelFiles.of(folder).tensors()).isNotEmpty();
        Files.delete(folder.resolve("model-00002-of-00003.safetensors"));
        get(NAME);
        assertThat(folder.resolve("model-00002-of-00003.safetensors")).exists();
    }

    @Test
    void aCutConnectionIsTakenUpWhereItEnded() throws IOException {
        server.cuts.set(3);
        Path folder = get(NAME);
        assertThat(Files.readAllBytes(folder.resolve(Model.WEIGHTS))).isEqualTo(weights());
        assertThat(server.asked.stream().filter(each -> each.startsWith("store GET"))).hasSize(4);
    }

    @Test
    void aConnectionThatStandsStillIsGivenUpAndTakenUpAgain() throws IOException {
        patience = Duration.ofMillis(300);
        server.stalls.set(2);
        Path folder = get(NAME);
        assertThat(Files.readAllBytes(folder.resolve(Model.WEIGHTS))).isEqualTo(weights());
        assertThat(server.asked.stream().filter(each -> each.startsWith("store GET"))).hasSize(3);
    }

    @Test
    void aHubThatNeverAnswersIsNamed() throws IOException {
        patience = Duration.ofMillis(300);
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            HubSettings settings =
                    new HubSettings(
                            "http://127.0.0.1:" + silent.getLocalPort(),
                            cache,
                            Optional.empty(),
                            false);
            assertThatThrownBy(() -> hub(settings, _ -> Long.MAX_VALUE).get(NAME))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("hub must be reachable, got request timed out");
        }
    }

    /// The proxy hears of the hub, and not of the store, which is asked directly.
    @Test
    void theProxyOfTheEnvironmentIsUsedExceptWhereItSaysNot() throws IOException {
        HubSettings settings =
                HubSettings.of(
                        Map.of(
                                "HF_ENDPOINT",
                                "http://hub.invalid",
                                "HF_HUB_CACHE",
                                cache.toString(),
                                "HTTP_PROXY",
                                server.endpoint(),
                                "NO_PROXY",
                                "other.invalid, 127.0.0.1"),
                        cache);
        Path folder = hub(settings, _ -> Long.MAX_VALUE).get(NAME);
        assertThat(Files.readAllBytes(folder.resolve(Model.WEIGHTS))).isEqualTo(weights());
        assertThat(server.asked).anyMatch(each -> each.startsWith("store GET"));
    }

    @Test
    void anEncryptedConnectionGoesThroughATunnelOfTheProxy() throws Exception {
        try (ServerSocket proxy = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            CompletableFuture<String> line =
                    CompletableFuture.supplyAsync(
                            () -> answered(proxy, "HTTP/1.1 502 Bad Gateway\r\n\r\n"),
                            Thread::startVirtualThread);
            HubSettings settings =
                    HubSettings.of(
                            Map.of(
                                    "HF_ENDPOINT",
                                    "https://hub.invalid",
                                    "HF_HUB_CACHE",
                                    cache.toString(),
                                    "https_proxy",
                                    "127.0.0.1:" + proxy.getLocalPort()),
                            cache);
            assertThatThrownBy(() -> hub(settings, _ -> Long.MAX_VALUE).get(NAME))
                    .isInstanceOf(IOException.class);
            assertThat(line.get(10, TimeUnit.SECONDS)).startsWith("CONNECT hub.invalid:443 ");
        }
    }

    /// The first line that a client says.
    private static String answered(ServerSocket server, String answer) {
        try (Socket client = server.accept()) {
            String line =
                    new BufferedReader(
                                    new InputStreamReader(
                                            client.getInputStream(), StandardCharsets.US_ASCII))
                            .readLine();
            client.getOutputStream().write(text(answer));
            return line;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "https://huggingface.co/x   |                        | proxy",
                "https://huggingface.co/x   | huggingface.co         | direct",
                "https://cdn.huggingface.co | huggingface.co         | direct",
                "https://cdn.huggingface.co | .huggingface.co        | direct",
                "https://cdn.huggingface.co | *.huggingface.co       | direct",
                "https://myhuggingface.co   | huggingface.co         | proxy",
                "https://huggingface.co     | a, HUGGINGFACE.CO:443  | direct",
                "https://huggingface.co     | huggingface.co:8080    | proxy",
                "https://huggingface.co     | *                      | direct",
                "http://huggingface.co      | none                   | direct"
            })
    void hostsOfNoProxyAreReachedDirectly(String address, @Nullable String none, String expected) {
        Map<String, String> environment = new HashMap<>(Map.of("HTTPS_PROXY", "http://p:3128"));
        if (none != null) {
            environment.put("NO_PROXY", none);
        }
        Proxy chosen = HubProxies.of(environment).selector().select(URI.create(address)).getFirst();
        assertThat(chosen.equals(Proxy.NO_PROXY) ? "direct" : "proxy").isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"socks5://p:1", "http://me:secret@p:1", "http:// p", "https://p"})
    void aProxyOfAnotherKindIsRefusedWithoutSayingIt(String proxy) {
        assertThatThrownBy(() -> HubProxies.of(Map.of("HTTPS_PROXY", proxy)))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "HTTPS_PROXY must be http://host:port, without name and password, got another proxy");
    }

    @Test
    void aStoreThatKnowsNoRangesIsAskedForTheWholeAgain() throws IOException {
        server.cuts.set(1);
        server.ranges = false;
        assertThat(Files.readAllBytes(get(NAME).resolve(Model.WEIGHTS))).isEqualTo(weights());
    }

    @Test
    void anInterruptedDownloadGoesOnInTheNextProcess() throws IOException {
        Path blobs = Files.createDirectories(cache.resolve("models--org--name/blobs"));
        Path part = blobs.resolve(HubServer.sha256(weights()) + ".incomplete");
        Files.write(part, Arrays.copyOf(weights(), 100));
        Path folder = get(NAME);
        assertThat(Files.readAllBytes(folder.resolve(Model.WEIGHTS))).isEqualTo(weights());
        assertThat(told).noneMatch(line -> line.startsWith("model.safetensors 100 "));
        assertThat(part).doesNotExist();
    }

    @Test
    void aConnectionThatNeverGetsOnIsGivenUpAndKeepsWhatIsThere() {
        server.cuts.set(1000);
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("download of model.safetensors must go on, got ")
                .hasMessageContaining("hint: run again to go on from there");
        assertThat(
                        cache.resolve(
                                "models--org--name/blobs/%s.incomplete"
                                        .formatted(HubServer.sha256(weights()))))
                .exists();
    }

    @Test
    void aWrongChecksumIsRefusedAndNothingKept() {
        server.other = weights().clone();
        server.other[weights().length - 1] ^= 1;
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(
                        "checksum of model.safetensors must be " + HubServer.sha256(weights()));
        Path blob = cache.resolve("models--org--name/blobs/" + HubServer.sha256(weights()));
        assertThat(blob).doesNotExist();
        assertThat(blob.resolveSibling(blob.getFileName() + ".incomplete")).doesNotExist();
    }

    @Test
    void aDiskWithoutRoomIsNamedBeforeAnythingIsFetched() {
        assertThatThrownBy(() -> hub(false, _ -> 10, Optional.empty()).get(NAME))
                .isInstanceOf(IOException.class)
                .hasMessageMatching(
                        "(?s)disk of the cache must have room for \\d+ bytes, got 10 .*");
        assertThat(server.asked).noneMatch(each -> each.startsWith("store"));
    }

    /// `/dev/full` takes no byte.
    @Test
    void aDiskThatFillsUpIsNamed() throws IOException {
        org.junit.jupiter.api.Assumptions.assumeTrue(Files.exists(Path.of("/dev/full")));
        Path blobs = Files.createDirectories(cache.resolve("models--org--name/blobs"));
        Files.createSymbolicLink(
                blobs.resolve(HubServer.sha256(weights()) + ".incomplete"), Path.of("/dev/full"));
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(
                        "cache must take a file of %d bytes, got No space left on device"
                                .formatted(weights().length));
    }

    @Test
    void theTokenGoesToTheHubAndNotToTheStore() throws IOException {
        hub(false, _ -> Long.MAX_VALUE, Optional.of("secret")).get(NAME);
        for (int i = 0; i < server.asked.size(); i++) {
            assertThat(server.tokens.get(i))
                    .isEqualTo(server.asked.get(i).startsWith("store") ? "none" : "Bearer secret");
        }
        assertThat(new HubSettings("e", cache, Optional.of("secret"), false).toString())
                .doesNotContain("secret");
    }

    @Test
    void aRenamedModelIsFollowedAndItsNameSaid() throws IOException {
        Path folder = get(HubName.of("hf:old/name"));
        assertThat(folder).startsWith(cache.resolve("models--old--name"));
        assertThat(told).contains("hf:old/name is called hf:org/name now");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    401 | RepoNotFound | hf:org/name must be a model on the hub that is shown to nobody in particular, got none
                    403 | GatedRepo    | hf:org/name must be open to nobody in particular, got that its owner gives access one by one
                    403 | DisabledRepo | hf:org/name must be available, got that the hub has disabled it
                    429 | none         | hint: wait 7 seconds, or set HF_TOKEN
                    418 | none         | hub must answer as Hugging Face's does, got status 418
                    """)
    void everyRefusalHasItsSentence(int status, String code, String sentence) {
        server.status = status;
        server.code = code;
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(sentence);
    }

    @Test
    void aHubInTroubleIsAskedThreeTimes() {
        server.status = 503;
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("hub must answer, got status 503, 3 times");
        assertThat(server.asked).hasSize(3);
    }

    @Test
    void namesAndRevisionsThatAreNoneAreNamed() {
        assertThatThrownBy(() -> get(HubName.of("hf:nobody/nothing")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("hf:nobody/nothing must be a model on the hub");
        assertThatThrownBy(() -> get(HubName.of("hf:org/name@v9")))
                .isInstanceOf(UserError.class)
                .hasMessage("revision of org/name must be a branch, tag or commit it has, got v9");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hf:",
                "hf:a/b/c",
                "hf:a/../b",
                "hf:/a",
                "hf:a/",
                "hf:a/b@",
                "hf:a/b@../x",
                "hf:a b",
                "hf:a/b@/x",
                "hf:a--b/c",
                "hf:org/name/x.bin"
            })
    void whatIsNoNameIsRefused(String text) {
        assertThatThrownBy(() -> HubName.of(text))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("model on the hub must be hf:organisation/name")
                .hasMessageContaining("got " + text);
    }

    @Test
    void aNameSaysItsFileAndRevision() {
        assertThat(HubName.of("hf:org/name/a-Q4_K.gguf@refs/pr/1"))
                .isEqualTo(new HubName("org/name", Optional.of("a-Q4_K.gguf"), "refs/pr/1"));
        assertThat(HubName.of("hf:gpt2")).isEqualTo(new HubName("gpt2", Optional.empty(), "main"));
        assertThat(HubName.of("hf:org/name@v1").toString()).isEqualTo("hf:org/name@v1");
    }

    @Test
    void picklesAreRefusedWithTheLineThatConvertsThem() {
        server.files.remove(Model.WEIGHTS);
        assertThatThrownBy(() -> get(NAME))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("got a pickle")
                .hasMessageContaining("M.from_pretrained('org/name').save_pretrained('converted')");
        assertThat(server.asked).hasSize(1);
    }

    @Test
    void ofSeveralGgufFilesOneIsToBeNamed() throws IOException {
        byte[] gguf = Files.readAllBytes(Path.of("src/test/resources/golden/gguf/llama.gguf"));
        server.files.clear();
        server.files.put("a-Q4.gguf", gguf);
        assertThat(get(NAME).getFileName().toString()).isEqualTo("a-Q4.gguf");
        int asked = server.asked.size();
        assertThat(ModelFiles.of(get(NAME)).tensors()).isNotEmpty();
        assertThat(server.asked).hasSize(asked);
        server.files.put("b-Q8.gguf", gguf);
        assertThatThrownBy(() -> get(HubName.of("hf:org/name@v1")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("got none of them")
                .hasMessageContaining("it has [a-Q4.gguf, b-Q8.gguf]");
        assertThat(get(HubName.of("hf:org/name/b-Q8.gguf@v1")).getFileName().toString())
                .isEqualTo("b-Q8.gguf");
        assertThatThrownBy(() -> get(HubName.of("hf:org/name/c.gguf")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("got c.gguf");
    }

    @Test
    void settingsAreThoseOfHuggingFacesTools() {
        Path home = Path.of("/home/me");
        assertThat(HubSettings.of(Map.of(), home))
                .isEqualTo(
                        new HubSettings(
                                HubSettings.PUBLIC,
                                home.resolve(".cache/huggingface/hub"),
                                Optional.empty(),
                                false));
        assertThat(
                        HubSettings.of(
                                Map.of(
                                        "HF_HOME", "~/hf",
                                        "HF_TOKEN", " t ",
                                        "HF_ENDPOINT", "http://mirror/",
                                        "HF_HUB_OFFLINE", "yes"),
                                home))
                .isEqualTo(
                        new HubSettings(
                                "http://mirror", home.resolve("hf/hub"), Optional.of("t"), true));
        assertThat(HubSettings.of(Map.of("HF_HUB_CACHE", "/c", "HF_HOME", "/h"), home).cache())
                .isEqualTo(Path.of("/c"));
        assertThat(HubSettings.of(Map.of("XDG_CACHE_HOME", "/x"), home).cache())
                .isEqualTo(Path.of("/x/huggingface/hub"));
    }
}
