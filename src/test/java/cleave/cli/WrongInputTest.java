package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.hub.Model;
import cleave.run.RunDirectory;
import cleave.tensor.ElementType;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Every mistake ends with exit code 2 and a few lines that name the thing, the rule and the value;
/// nothing is written.
class WrongInputTest {
    @TempDir private Path temporary;
    private TinyRun tiny;
    private Path run;

    @BeforeEach
    void writeTarget() throws IOException {
        tiny = TinyRun.in(temporary);
        run = tiny.run("run");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "sites[0].C=4 | sites[0].C is not a known key",
                "losses=4 | losses is not a known key",
                "machine.worker=4 | hint: did you mean workers?",
                "machine.worker=4 | machine.worker is not a known key",
                "steps=many | steps must be a whole number, got \"many\"",
                "steps=0 | steps must be >= 1, got 0",
                "sites=[] | sites must not be empty",
                "sites[0].subcomponents=0 | sites[0].subcomponents must be >= 1, got 0",
                "sites[0].pattern=\"[Q\" | sites[0].pattern must be a glob, got [Q: Missing",
                "faithfulness.coefficient=-1.0 | faithfulness.coefficient must be >= 0, got -1.0",
                "streams[0].losses[2].p.to=0.0 | streams[0].losses[2].p.to must be > 0, got 0.0",
                "streams[0].losses[0].routing=some | must be all, each_alone or a mapping with a kind",
                "streams[0].length=13 | streams[0].length must be <= importance.positions, got 13 > 12",
                "streams[0].name=\"\" | streams[0].name must not be empty",
                "leak=soft | leak must be one of sign_gated, both_signs, plain, got \"soft\"",
                "optimizer.clip_gates=0.0 | optimizer.clip_gates must be > 0, got 0.0",
                "cadence=4 | cadence must be a mapping, got 4",
                "steps | must have the form key.path=value, got \"steps\"",
            })
    void aSettingIsHeldToTheRulesOfTheFile(String setting, String expected) {
        Result result = tiny.decompose(run, "--set", setting);

        assertRefused(result, expected);
        assertThat(result.err()).startsWith("--set");
    }

    @Test
    void allProblemsOfAFileAreListedWithTheirLines() throws IOException {
        rewrite(text ->
                text.replace("seed: 7", "sede: 7")
                        .replace("steps: 30", "steps: 30.5")
                        .replace("coefficient: 10.0", "coefficient: -10.0")
                        .replaceAll("importance: .*\n", ""));

        Result result = tiny.decompose(run, "--set", "cadence.log=0");

        assertRefused(result, "tiny.yaml:2 sede is not a known key");
        assertThat(result.err().lines().filter(line -> !line.startsWith("hint:")))
                .hasSizeBetween(5, 6);
        assertThat(result.err())
                .contains("did you mean seed?")
                .contains("tiny.yaml:3 steps must be a whole number, got 30.5")
                .contains("importance is missing (a mapping with kind)")
                .contains("faithfulness.coefficient must be >= 0, got -10.0")
                .contains("--set cadence.log must be >= 1, got 0");
    }

    @Test
    void aPatternMustSelectASiteAndASiteOnePattern() throws IOException {
        rewrite(text ->
                text.replace("pattern: \"Q0\"", "pattern: \"V?\"")
                        .replace("start:", "  - {pattern: \"X*\", subcomponents: 2}\nstart:"));

        Result result = tiny.decompose(run);

        assertRefused(result, "site V1 must be selected by one pattern, got [V?, V1]");
        assertThat(result.err())
                .contains(
                        "sites: pattern must select a site of the target, got X*",
                        "hint: its sites are [Q0, K0, V0, O0, Q1, K1, V1, O1]");
    }

    @Test
    void aTableOfPositionsIsNoSiteAndIsSaidSo() {
        Path model = Golden.FOLDER.resolve("families/gpt_neo").toAbsolutePath();
        for (String name : List.of("wpe", "transformer.wpe", "h.0.ln_1")) {
            Result result =
                    tiny.decompose(
                            run,
                            "--set",
                            "target=" + model,
                            "--set",
                            "sites=[{pattern: %s, subcomponents: 4}]".formatted(name));
            assertRefused(result, "sites: pattern must select a site of the target, got " + name);
            assertThat(result.err())
                    .contains("hint: its sites are [wte, h.*.attn.attention.q_proj, ")
                    .contains(", h.*.mlp.c_proj, lm_head]");
            assertThat(result.err().contains("rows of a table of positions are the same"))
                    .as(name)
                    .isEqualTo(!name.equals("h.0.ln_1"));
        }
    }

    @Test
    void subcomponentsOfAnEmbeddingDoNotBeginAtInputs() {
        Path model = Golden.FOLDER.resolve("families/gpt_neo").toAbsolutePath();
        for (String start : List.of("inputs", "directions")) {
            assertRefused(
                    tiny.decompose(
                            run,
                            "--set=target=" + model,
                            "--set=start=" + start,
                            "--set=sites=[{pattern: embed, subcomponents: 4}]"),
                    "start must be aligned or kaiming where the token embedding is decomposed, which reads no numbers, got "
                            + start);
        }
    }

    @Test
    void aStreamMustFitTheTarget() {
        assertRefused(
                tiny.decompose(run, "--set=streams[0].length=14", "--set=importance.positions=20"),
                "stream train: length must be <= 12, the target's, got 14");
        assertRefused(
                tiny.decompose(run, "--set=streams[0].length=5"),
                "stream train: length must be >= 6, got 5");
    }

    /// Where there is a graphics processor, this version still computes on the CPU alone.
    @Test
    void ranksAndDevicesMustBeThere() {
        assertRefused(tiny.decompose(run, "--ranks", "0"), "--ranks must be >= 1, got 0");
        assertRefused(
                tiny.decompose(run, "--ranks", "2", "--rank-timeout", "0"),
                "--rank-timeout must be >= 1 and <= 86400, got 0.0");
        assertRefused(
                tiny.decompose(run, "--ranks", "2", "--interface", "no-such0"),
                "network interface must be one of this machine, got no-such0");
        assertRefused(
                tiny.decompose(run, "--device", "gpu"),
                "device must be cpu, cuda or cuda:N, got gpu");
        Result cuda = tiny.decompose(run, "--device", "cuda:99");
        assertRefused(cuda, "device must be one of [cpu");
        assertThat(cuda.err())
                .contains("got cuda:99", "hint: cleave doctor shows the libtorch that was loaded");
    }

    @Test
    void theConfigurationMustBeAReadableTextFile() throws IOException {
        assertRefused(
                TinyRun.cleave("decompose", "no-such.yaml", "--run", run.toString()),
                "configuration must be an existing file, got no-such.yaml (%s)"
                        .formatted(Path.of("no-such.yaml").toAbsolutePath()));
        for (String command : List.of("decompose", "train")) {
            assertRefused(
                    TinyRun.cleave(command, temporary.toString()),
                    "configuration must be a file, got a folder (%s)".formatted(temporary));
        }
        Files.write(tiny.config(), new byte[] {'a', (byte) 0xff});
        assertRefused(tiny.decompose(run), "configuration must be UTF-8 text, got other bytes");
        Files.writeString(tiny.config(), "a: [1\nb: 2\n");
        assertRefused(tiny.decompose(run), "is not YAML");
    }

    static Stream<Arguments> damagedWeights() {
        return Stream.of(
                Arguments.of("huge header length", header(Long.MAX_VALUE, "{}"), "header length"),
                Arguments.of("longer than the file", header(1000, "{}"), "header length must be"),
                Arguments.of(
                        "header that is not UTF-8",
                        header(2, new byte[] {(byte) 0xc3, '('}),
                        "header must be UTF-8"),
                Arguments.of("header that is not JSON", header(3, "{x}"), "header must be JSON"),
                Arguments.of("overlapping tensors", tensors("[0,8]", "[4,12]", 12), "tensor b"),
                Arguments.of("out of range", tensors("[0,8]", "[8,16]", 12), "data_offsets must"),
                Arguments.of("empty file", new byte[0], "file must have at least 8 bytes"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("damagedWeights")
    void weightsThatAreNotSafetensorsAreRefused(String name, byte[] bytes, String expected)
            throws IOException {
        Files.write(weights(), bytes);

        Result result = tiny.decompose(run);

        assertRefused(result, expected);
        assertThat(result.err()).as(name).contains(weights().toString());
    }

    @Test
    void truncatedWeightsAreRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(weights());
        Files.write(weights(), Arrays.copyOf(bytes, bytes.length - 8));

        Result result = tiny.decompose(run);
        assertRefused(result, "data_offsets must be [begin, end] within the file's");
        assertThat(result.err()).contains("hint: a file that ends too early was cut short");
    }

    @Test
    void missingWeightsAndAMissingTargetAreRefusedWithWhatMakesThem() throws IOException {
        Files.delete(weights());
        assertRefused(
                tiny.decompose(run),
                "target model must be a folder with config.yaml, or config.json, and");
        Result result = tiny.decompose(run, "--set", "target=nowhere");
        assertRefused(result, temporary.resolve("nowhere").toString());
        assertThat(result.err()).contains("hint: cleave train CONFIG --out");
        // Other commands have no configuration to set.
        String nowhere = temporary.resolve("nowhere").toString();
        for (List<String> command :
                List.of(
                        List.of("predict", nowhere, "text"),
                        List.of("model", nowhere),
                        List.of("init", nowhere))) {
            Result other = TinyRun.cleave(command.toArray(new String[0]));
            assertRefused(other, "there is no " + temporary.resolve("nowhere"));
            assertThat(other.err())
                    .contains("hf:ORGANISATION/NAME")
                    .doesNotContain("--set", "cleave train");
        }
    }

    @Test
    void weightsOfAnotherShapeTypeOrNameAreRefused() throws IOException {
        replaceWeight("blocks.0.query", () -> Tensors.zeros(Type.FLOAT, 8, 9));
        assertRefused(
                tiny.decompose(run),
                "blocks.0.query must have shape [8, 8], got [8, 9] (" + weights());

        replaceWeight("blocks.0.query", () -> Tensors.zeros(Type.LONG, 8, 8));
        assertRefused(tiny.decompose(run), "blocks.0.query must be float32 or float64, got Long");

        tiny.writeModel(0);
        replaceWeight("surplus", () -> Tensors.zeros(Type.FLOAT, 1));
        assertRefused(tiny.decompose(run), "weights of an induction transformer must be");
    }

    /// Also in the copy of a run, whatever is asked of it.
    @Test
    void weightsThatAreNoNumbersAreNamedByEveryCommandBeforeItsWork() throws IOException {
        assertThat(tiny.decompose(run, "--set", "steps=10").exitCode()).isZero();
        String wrong =
                "weight blocks.0.query must hold finite numbers, got NaN at element 0 of [8, 8]";
        replaceWeight("blocks.0.query", () -> Tensors.zeros(Type.FLOAT, 8, 8).log().sub(1).sqrt());
        Files.copy(
                weights(),
                run.resolve("target/model.safetensors"),
                StandardCopyOption.REPLACE_EXISTING);
        String done = run.toString();
        String model = tiny.model().toString();
        String config = tiny.config().toString();
        String fresh = temporary.resolve("fresh").toString();
        for (List<String> arguments :
                List.of(
                        List.of("predict", model, "--ids", "1"),
                        List.of("decompose", config, "--run", fresh),
                        List.of("decompose", config, "--run", fresh, "--plan"),
                        List.of(
                                "decompose",
                                config,
                                "--run",
                                done,
                                "--resume",
                                "--set",
                                "steps=10"),
                        List.of("census", done),
                        List.of("verdict", done),
                        List.of("report", done),
                        List.of("suppress", done, "--subcomponents", "Q0:1", "--tokens", "1,2,3"),
                        List.of("edit", done, "--suppress", "Q0:1", "--out", fresh),
                        List.of("concept", done, "--prompt", "a", "--answer", "b"),
                        List.of("harvest", done),
                        List.of("export", done, "--out", fresh))) {
            Result result = TinyRun.cleave(arguments.toArray(String[]::new));
            assertThat(result.exitCode()).as("%s: %s", arguments, result.err()).isEqualTo(2);
            assertThat(result.err()).as(arguments.toString()).contains(wrong);
            assertThat(Path.of(fresh)).doesNotExist();
        }
    }

    @Test
    void aTargetConfigurationIsHeldToItsRules() throws IOException {
        Path config = tiny.model().resolve("config.yaml");
        Files.writeString(config, Files.readString(config).replace("width: 8", "width: 7"));

        Result result = tiny.decompose(run);

        assertRefused(result, "model.width must be even, got 7");
        assertThat(result.err()).startsWith(config.toString());
    }

    @Test
    void aRunDirectoryMustBeNewUnlessResumed() throws IOException {
        assertThat(tiny.decompose(run, "--set", "steps=1").exitCode()).isZero();
        Map<Path, String> before = contents(run);

        Result again = tiny.decompose(run);
        assertRefusedWithRun(again, "got an existing run (%s)".formatted(run));
        assertThat(again.err()).contains("hint: --resume continues it");
        Result changed = tiny.decompose(run, "--resume", "--seed", "8", "--set", "steps=2");
        assertRefusedWithRun(changed, "got changed keys");
        assertThat(changed.err())
                .contains("  seed: 7 -> 8", "  steps: 1 -> 2", "--from " + run)
                .doesNotContain("target");
        assertThat(contents(run)).isEqualTo(before);

        Path marker = run.resolve("run.json");
        Files.writeString(marker, "{\"format\":\"cleave-run\",\"version\":4}\n");
        assertRefusedWithRun(
                tiny.decompose(run, "--resume", "--set", "steps=1"),
                "format version must be at most 3, got 4");
        Files.writeString(marker, "{}");
        assertRefusedWithRun(
                tiny.decompose(run, "--resume", "--set", "steps=1"),
                "got a folder that no run made");
        assertRefusedWithRun(tiny.decompose(run), "run directory must be new or empty");
    }

    @Test
    void whatIsNoRunCannotBeResumedOrStartedFrom() {
        assertRefused(tiny.decompose(run, "--resume"), "run directory must exist");
        assertRefused(
                tiny.decompose(run, "--from", tiny.model().toString()),
                "got a folder that no run made");
    }

    @Test
    void twoWritersAreRefused() throws IOException {
        assertThat(tiny.decompose(run, "--set", "steps=1").exitCode()).isZero();
        try (RunDirectory _ = RunDirectory.resume(run)) {
            Map<Path, String> before = contents(run);
            assertRefusedWithRun(
                    tiny.decompose(run, "--resume", "--set", "steps=1"),
                    "run directory must have one writer");
            assertThat(contents(run)).isEqualTo(before);
        }
    }

    @Test
    void whenEveryCheckpointIsDamagedEachIsNamed() throws IOException {
        assertThat(tiny.decompose(run, "--set", "steps=10").exitCode()).isZero();
        TinyRun.flipLastBit(run.resolve("checkpoints/5/decomposition.safetensors"));
        TinyRun.flipLastBit(run.resolve("checkpoints/10/training.safetensors"));
        String provenance = Files.readString(run.resolve("provenance.json"));

        Result result = tiny.decompose(run, "--resume", "--set", "steps=10");

        assertRefusedWithRun(result, "run must have an undamaged checkpoint, got 2 damaged");
        assertThat(result.err())
                .contains("5/decomposition.safetensors must", "10/training.safetensors must");
        assertThat(run.resolve("provenance.json")).hasContent(provenance);
    }

    @Test
    void aRunGoesOnWithTheTargetItBeganWith() throws IOException {
        String[] options = {"--resume", "--set", "steps=10"};
        assertThat(tiny.decompose(run, "--set", "steps=10").exitCode()).isZero();
        // The run has its own copy: what happens to the configured target does not matter.
        tiny.writeModel(1);
        assertThat(tiny.decompose(run, options).exitCode()).isZero();

        Path copy = run.resolve("target/model.safetensors");
        Files.copy(weights(), copy, StandardCopyOption.REPLACE_EXISTING);
        Result changed = tiny.decompose(run, options);
        assertRefusedWithRun(changed, "target weights must be those the run was made on");
        assertThat(changed.err()).contains(copy.toString());
        // Without the copy the configured target is used, and it is not the same.
        Files.delete(copy);
        assertRefusedWithRun(tiny.decompose(run, options), weights().toString());
        tiny.writeModel(0);
        assertThat(tiny.decompose(run, options).exitCode()).isZero();
    }

    @Test
    void trainRefusesTheSameMistakes() {
        String config = "configs/targets/induction-fixed-after.yaml";
        Path out = temporary.resolve("trained");
        Result result =
                TinyRun.cleave(
                        "train",
                        config,
                        "--out",
                        out.toString(),
                        "--set=model.width=7",
                        "--set=curriculum[2].length=65",
                        "--set=batch=0");

        assertRefused(result, "batch must be >= 1, got 0");
        assertThat(out).doesNotExist();
        assertRefused(
                TinyRun.cleave(
                        "train",
                        config,
                        "--out",
                        out.toString(),
                        "--set=model.width=7",
                        "--set=curriculum[2].length=65"),
                "model.width must be even, got 7");
        assertRefused(
                TinyRun.cleave("train", config, "--out", temporary.toString()),
                "model folder must be new");
        assertRefused(
                TinyRun.cleave(
                        "train",
                        config,
                        "--out",
                        out.toString(),
                        "--set=disturbances=[{pattern: X, noise: 0.1}]"),
                "disturbances: pattern must select a site of the model, got X\nhint: its sites are [Q0,");
        assertRefused(
                TinyRun.cleave(
                        "train",
                        config,
                        "--out",
                        out.toString(),
                        "--set=disturbances=[{pattern: Q0, noise: 0.1}, {pattern: 'Q*', dropped: 0.1}]"),
                "disturbances: site Q0 must be selected by one pattern, got [Q0, Q*]");
    }

    private void assertRefused(Result result, String expected) {
        assertRefusedWithRun(result, expected);
        assertThat(run).doesNotExist();
    }

    private static void assertRefusedWithRun(Result result, String expected) {
        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains(expected).doesNotContain("\tat ", "Exception", "cleave.");
        assertThat(result.err().lines()).hasSizeBetween(1, 10);
    }

    private void rewrite(UnaryOperator<String> change) throws IOException {
        String before = Files.readString(tiny.config());
        Files.writeString(tiny.config(), change.apply(before));
    }

    private Path weights() {
        return tiny.model().resolve(Model.WEIGHTS);
    }

    @FunctionalInterface
    private interface Maker {
        Tensor tensor();
    }

    private void replaceWeight(String name, Maker maker) throws IOException {
        try (TensorMap old = Safetensors.read(weights())) {
            TreeMap<String, Tensor> changed = new TreeMap<>();
            old.names().forEach(each -> changed.put(each, old.get(each)));
            Scopes.run(() -> {
                changed.put(name, maker.tensor());
                try {
                    Safetensors.write(weights(), changed, Map.of());
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            });
        }
    }

    private static byte[] header(long length, String json) {
        return header(length, json.getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] header(long length, byte[] json) {
        return ByteBuffer.allocate(8 + json.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(json)
                .array();
    }

    private static byte[] tensors(String first, String second, int dataBytes) {
        String entry = "{\"dtype\":\"" + ElementType.F32 + "\",\"shape\":[2],\"data_offsets\":";
        String json = "{\"a\":" + entry + first + "},\"b\":" + entry + second + "}}";
        byte[] head = header(json.length(), json);
        return Arrays.copyOf(head, head.length + dataBytes);
    }

    /// Every file of a run but the lock, whose text is its last holder's.
    private static Map<Path, String> contents(Path folder) throws IOException {
        Map<Path, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (!file.endsWith("lock")) {
                    contents.put(file, Files.readString(file, StandardCharsets.ISO_8859_1));
                }
            }
        }
        return contents;
    }
}
