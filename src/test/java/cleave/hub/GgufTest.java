package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// Compares with files and numbers that `src/test/golden/gguf_files.py` wrote with the `gguf` and
/// `transformers` packages.
class GgufTest {
    private static final Path FOLDER = Golden.FOLDER.resolve("gguf");

    @TempDir private Path folder;

    @ParameterizedTest
    @EnumSource
    void everyKindOfBlockGivesTheBitsOfTheGgufPackage(GgufType type) {
        Gguf gguf = Gguf.open(FOLDER.resolve("blocks.gguf"));
        try (TensorMap expected = Safetensors.read(FOLDER.resolve("blocks.safetensors"))) {
            Scopes.run(() -> {
                float[] numbers = Tensors.toFloats(expected.get(type.name()));
                assertThat(bits(Tensors.toFloats(gguf.read(type.name(), Type.FLOAT))))
                        .isEqualTo(bits(numbers));
                assertThat(Tensors.toDoubles(gguf.read(type.name(), Type.DOUBLE)))
                        .isEqualTo(
                                IntStream.range(0, numbers.length)
                                        .mapToDouble(i -> numbers[i])
                                        .toArray());
                assertThat(gguf.read(type.name(), Type.FLOAT).shape())
                        .isEqualTo(expected.get(type.name()).shape());
            });
        }
    }

    private static int[] bits(float[] numbers) {
        return IntStream.range(0, numbers.length)
                .map(i -> Float.floatToRawIntBits(numbers[i]))
                .toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "gpt2", "gptneox"})
    void tensorsHaveTheNamesShapesAndNumbersOfTransformers(String name) {
        ModelFiles files = ModelFiles.of(FOLDER.resolve(name + Gguf.ENDING));
        try (TensorMap expected = Safetensors.read(FOLDER.resolve(name + ".safetensors"))) {
            assertThat(files.tensors().keySet()).isEqualTo(expected.names());
            files.tensors()
                    .forEach((tensor, stored) ->
                            Scopes.run(() -> {
                                assertThat(
                                                stored.shape().stream()
                                                        .mapToLong(Long::longValue)
                                                        .toArray())
                                        .as(tensor)
                                        .isEqualTo(expected.get(tensor).shape());
                                assertThat(Tensors.toFloats(stored.read(Type.FLOAT)))
                                        .as(tensor)
                                        .isEqualTo(Tensors.toFloats(expected.get(tensor)));
                            }));
        }
    }

    /// Facts are compared by the names that the file of transformers 5 has, and by the older ones.
    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "gpt2", "gptneox"})
    void theConfigurationSaysTheFactsOfTransformers(String name) throws IOException {
        JsonNode config = ModelFiles.of(FOLDER.resolve(name + Gguf.ENDING)).config();
        JsonNode expected =
                new ObjectMapper().readTree(Files.readString(FOLDER.resolve(name + ".json")));
        List<String> compared = new ArrayList<>();
        for (String key : config.propertyNames()) {
            if (expected.has(key) && !expected.get(key).isNull() && !key.endsWith("token_id")) {
                assertThat(config.get(key).asString())
                        .as(key)
                        .isEqualTo(expected.get(key).asString());
                compared.add(key);
            }
        }
        assertThat(compared).hasSizeGreaterThanOrEqualTo(9).contains("model_type", "vocab_size");
        JsonNode rotation = expected.path("rope_parameters");
        if (name.equals("gptneox")) {
            assertThat(config.get("rotary_pct").asDouble()).isEqualTo(0.5);
            assertThat(config.get("rotary_emb_base").asDouble()).isEqualTo(10000);
        } else if (!name.equals("gpt2")) {
            assertThat(config.get("rope_theta").asDouble())
                    .isEqualTo(rotation.get("rope_theta").asDouble());
        }
    }

    @Test
    void version2IsReadToo() throws IOException {
        byte[] bytes = Files.readAllBytes(FOLDER.resolve("llama.gguf"));
        bytes[4] = 2;
        Path file = Files.write(folder.resolve("two.gguf"), bytes);
        assertThat(ModelFiles.of(file).config())
                .isEqualTo(ModelFiles.of(FOLDER.resolve("llama.gguf")).config());
    }

    @Test
    void aFolderWithOneFileIsThatFile() throws IOException {
        Files.copy(FOLDER.resolve("llama.gguf"), folder.resolve("a.gguf"));
        assertThat(ModelFiles.of(folder).weights()).isEqualTo(folder.resolve("a.gguf"));
        Files.copy(FOLDER.resolve("qwen2.gguf"), folder.resolve("b.gguf"));
        assertThatThrownBy(() -> ModelFiles.of(folder))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("model must be one GGUF file, got a folder with 2")
                .hasMessageContaining("hint: name one of them: a.gguf, b.gguf");
    }

    @Test
    void anUnknownQuantisationIsNamedWithItsTensor() throws IOException {
        refused(
                GgufBytes.of(1, 0).tensor("w", 20, 0, 32).data(64),
                "tensor w must be stored as one of [F32, F16, BF16,",
                "got IQ4_NL");
        refused(GgufBytes.of(1, 0).tensor("w", 77, 0, 32).data(64), "got kind 77");
    }

    @ParameterizedTest
    @CsvSource({
        "9, Q8_1",
        "15, Q8_K",
        "16, IQ2_XXS",
        "17, IQ2_XS",
        "18, IQ3_XXS",
        "19, IQ1_S",
        "21, IQ3_S",
        "22, IQ2_S",
        "23, IQ4_XS",
        "24, I8",
        "25, I16",
        "26, I32",
        "27, I64",
        "28, F64",
        "29, IQ1_M",
        "34, TQ1_0",
        "35, TQ2_0",
        "39, MXFP4"
    })
    void aKindThatIsNotReadIsRefusedByName(int number, String name) throws IOException {
        refused(
                GgufBytes.of(1, 0).tensor("blk.0.attn_q.weight", number, 0, 256).data(2048),
                "tensor blk.0.attn_q.weight must be stored as one of [F32, F16, BF16,",
                "got " + name + " (");
    }

    @Test
    void aLengthBeyondTheFileIsNamed() throws IOException {
        refused(
                GgufBytes.of(0, 1).big(1L << 40).raw("general.name").data(64),
                "key of setting 0 must be a text within the file's remaining",
                "got a length of 1099511627776");
        refused(
                GgufBytes.of(0, 1).text("general.name").number(8).big(-1).data(64),
                "got a length of 18446744073709551615");
        refused(
                GgufBytes.of(0, 1).text("list").number(9).number(4).big(Long.MAX_VALUE).data(64),
                "length of setting list must be at most the");
        refused(GgufBytes.of(1L << 60, 0).data(64), "number of tensors must be at most the");
        refused(GgufBytes.of(0, -1).data(64), "number of settings must be at most the");
    }

    @Test
    void anOffsetBeyondTheFileIsNamed() throws IOException {
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, 64, 8).data(64),
                "tensor w must end within the file's 64 bytes of data, got 32 bytes from 64");
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, Long.MAX_VALUE & -32, 8).data(64),
                "tensor w must end within");
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, -32, 8).data(64),
                "got 32 bytes from 18446744073709551584");
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, 4, 8).data(64),
                "offset of tensor w must be a multiple of 32, got 4");
        refused(
                GgufBytes.of(2, 0).tensor("w", 0, 0, 16).tensor("v", 0, 32, 8).data(64),
                "tensor v must begin where tensor w ends or later");
    }

    @Test
    void sizesThatOverflowAreNamed() throws IOException {
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, 0, 1L << 32, 1L << 32).data(64),
                "tensor w must have sizes from 1 whose product fits in 63 bits");
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, 0, 1L << 62).data(64),
                "tensor w must have a size that fits in 63 bits");
        refused(GgufBytes.of(1, 0).tensor("w", 0, 0, 0).data(64), "got 0");
        refused(GgufBytes.of(1, 0).tensor("w", 0, 0, -1).data(64), "got 18446744073709551615");
        refused(
                GgufBytes.of(1, 0).tensor("w", 0, 0, 1, 1, 1, 1, 1).data(64),
                "tensor w must have 1 to 4 axes, got 5");
        refused(
                GgufBytes.of(1, 0).tensor("w", 2, 0, 48).data(64),
                "tensor w must have rows of a multiple of 32 numbers, the block of Q4_0, got 48");
    }

    @Test
    void whatIsThereTwiceOrOfNoKindIsNamed() throws IOException {
        refused(
                GgufBytes.of(2, 0).tensor("w", 0, 0, 1).tensor("w", 0, 32, 1).data(64),
                "tensor must be there once, got w");
        refused(
                GgufBytes.of(0, 2).setting("a", "b").setting("a", "c").data(8),
                "setting must be there once, got a");
        refused(
                GgufBytes.of(0, 1).text("a").number(13).data(64),
                "setting a must be of a kind from 0 to 12, got 13");
        refused(
                GgufBytes.of(0, 1).text("general.alignment").number(4).number(24).data(64),
                "general.alignment must be a power of two");
        GgufBytes nested = GgufBytes.of(0, 1).text("a").number(9);
        for (int i = 0; i < 8; i++) {
            nested.number(9).big(1);
        }
        refused(nested.data(64), "setting a must be lists in at most 4 lists");
    }

    @Test
    void otherFilesAndVersionsAreNamed() throws IOException {
        refused(
                new GgufBytes().raw("GGML").number(3),
                "GGUF file must begin with the letters GGUF");
        refused(
                new GgufBytes().raw("GGUF").number(1).big(0),
                "version of a GGUF file must be 2 or 3, little-endian, got 1");
        refused(new GgufBytes().raw("GGUF").number(3 << 24).big(0), "little-endian, got 50331648");
        refused(new GgufBytes().raw("GG"), "its end after 2 bytes");
        refused(
                GgufBytes.of(0, 1).setting("general.architecture", "rwkv7").data(32),
                "general.architecture of a GGUF file must be one of gpt2, gptneox, llama, qwen2, qwen3, got rwkv7");
        refused(GgufBytes.of(0, 0).data(32), "got nothing");
        refused(
                GgufBytes.of(1, 1)
                        .setting("general.architecture", "llama")
                        .tensor("blk.0.attn_p.weight", 0, 0, 1)
                        .data(32),
                "llama.attention.head_count must be one whole number >= 1, got nothing",
                "tensor token_embd.weight is missing");
        refused(
                GgufBytes.of(2, 2)
                        .setting("general.architecture", "llama")
                        .setting("general.name", "a")
                        .tensor("blk.0.attn_p.weight", 0, 0, 1)
                        .tensor("token_embd.weight", 0, 32, 1)
                        .data(64),
                "problems");
    }

    /// At every length a file that is cut there is refused, and never read beyond its end.
    @Test
    void aFileThatIsCutShortIsRefusedWhereverItEnds() throws IOException {
        byte[] bytes = Files.readAllBytes(FOLDER.resolve("llama.gguf"));
        SplittableRandom draw = new SplittableRandom(5);
        for (int i = 0; i < 300; i++) {
            int length = i < 100 ? i : draw.nextInt(bytes.length);
            Path cut = Files.write(folder.resolve("cut.gguf"), Arrays.copyOf(bytes, length));
            assertThatThrownBy(() -> ModelFiles.of(cut))
                    .as("%d bytes", length)
                    .isInstanceOf(UserError.class)
                    .hasMessageContaining("hint: a file that ends too early was cut short");
        }
    }

    /// Bytes that are changed anywhere in the description give a model or a sentence.
    @Test
    void aFileWithWrongBytesIsReadOrRefused() throws IOException {
        byte[] bytes = Files.readAllBytes(FOLDER.resolve("qwen2.gguf"));
        Random draw = new Random(6);
        int refused = 0;
        for (int i = 0; i < 2000; i++) {
            byte[] wrong = bytes.clone();
            for (int j = 0; j <= draw.nextInt(4); j++) {
                wrong[draw.nextInt(2600)] = (byte) draw.nextInt(256);
            }
            Path file = Files.write(folder.resolve("wrong.gguf"), wrong);
            try {
                ModelFiles files = ModelFiles.of(file);
                Scopes.run(() -> files.tensors().values().forEach(each -> each.read(Type.FLOAT)));
                files.tokenizer();
            } catch (UserError sentence) {
                assertThat(sentence.getMessage()).contains("must ").contains("wrong.gguf");
                refused++;
            }
        }
        assertThat(refused).isGreaterThan(500);
    }

    private void refused(GgufBytes bytes, String... parts) throws IOException {
        Path file = bytes.write(folder);
        assertThatThrownBy(() -> ModelFiles.of(file))
                .isInstanceOf(UserError.class)
                .message()
                .contains(parts)
                .contains("(" + file + ")");
    }
}
