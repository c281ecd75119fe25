package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.config.UserError;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsTest {
    /// 131 characters; a multiple of eight needs five spaces after it.
    private static final String HEADER =
            "{\"__metadata__\":{\"k\":\"v\"},"
                    + "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                    + "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]}}";

    /// 1.0f, -2.0f, and the byte 7.
    private static final byte[] DATA = {0, 0, (byte) 0x80, 0x3f, 0, 0, 0, (byte) 0xc0, 7};

    @TempDir private Path folder;
    private Path file;
    private long handles;

    @BeforeEach
    void countHandles() {
        file = folder.resolve("a.safetensors");
        handles = Pointer.totalCount();
    }

    @AfterEach
    void leavesNoHandles() {
        assertThat(Pointer.totalCount()).isEqualTo(handles);
    }

    @Test
    void writesTheBytesOfTheFormat() throws IOException {
        try (Scopes.Scope _ = Scopes.open()) {
            TreeMap<String, Tensor> tensors = new TreeMap<>();
            tensors.put("b", Tensor.create(new byte[] {7}, false, 1));
            tensors.put("a", Tensor.create(new float[] {1, -2}, 2));
            Safetensors.write(file, tensors, Map.of("k", "v"));
        }
        byte[] expected = file((byte) 136, HEADER + "     ", DATA);
        assertThat(file).hasBinaryContent(expected);
        assertThat(folder).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void readsTheBytesOfTheFormat() throws IOException {
        Files.write(file, file((byte) 131, HEADER, DATA));

        Safetensors.Header header = Safetensors.header(file);
        assertThat(header.dataStart()).isEqualTo(139);
        assertThat(header.metadata()).containsExactly(Map.entry("k", "v"));
        assertThat(header.tensors())
                .containsExactly(
                        Map.entry("a", new Safetensors.Entry(ElementType.F32, List.of(2L), 0, 8)),
                        Map.entry("b", new Safetensors.Entry(ElementType.U8, List.of(1L), 8, 9)));

        try (TensorMap tensors = Safetensors.read(file);
                Scopes.Scope _ = Scopes.open()) {
            assertThat(tensors.names()).containsExactly("a", "b");
            Tensor a = tensors.get("a", ElementType.F32, 2);
            assertThat(a.equal(Tensor.create(1f, -2f))).isTrue();
            assertThat(tensors.get("b", ElementType.U8, 1).item_int()).isEqualTo(7);
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyElementTypeSurvivesWritingAndReading(ElementType type) throws IOException {
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor original = Tensor.create(0.0, 1.0, 1.5, 200.0).to(type.scalarType());
            Safetensors.write(file, new TreeMap<>(Map.of("x", original)), Map.of());
            assertThat(Safetensors.header(file).tensors())
                    .containsEntry(
                            "x", new Safetensors.Entry(type, List.of(4L), 0, 4L * type.bytes()));
            try (TensorMap tensors = Safetensors.read(file)) {
                assertThat(tensors.get("x", type, 4).equal(original)).isTrue();
            }
        }
    }

    @Test
    void writesHalfPrecisionBitForBit() throws IOException {
        // 1.5 = 2^0 * 1.1b: half 0 01111 1000000000 = 3e00, bfloat16 0 01111111 1000000 = 3fc0.
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor x = Tensor.create(1.5f);
            TreeMap<String, Tensor> tensors = new TreeMap<>();
            tensors.put("bf16", x.to(ElementType.BF16.scalarType()));
            tensors.put("f16", x.to(ElementType.F16.scalarType()));
            Safetensors.write(file, tensors, Map.of());
        }
        byte[] bytes = Files.readAllBytes(file);
        assertThat(Arrays.copyOfRange(bytes, bytes.length - 4, bytes.length))
                .containsExactly(0xc0, 0x3f, 0x00, 0x3e);
    }

    @Test
    void scalarsEmptyTensorsAndTransposedViewsKeepShapeAndValues() throws IOException {
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor matrix = Tensor.create(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
            TreeMap<String, Tensor> tensors = new TreeMap<>();
            tensors.put("empty", Tensors.empty(Type.FLOAT, 0, 5));
            tensors.put("scalar", Tensor.create(2.5).squeeze());
            tensors.put("view", matrix.t().requires_grad_(true));
            Safetensors.write(file, tensors, Map.of());
            try (TensorMap read = Safetensors.read(file)) {
                assertThat(read.get("empty", ElementType.F32, 0, 5).numel()).isZero();
                assertThat(read.get("scalar", ElementType.F64).item()).isEqualTo(2.5);
                assertThat(read.get("view", ElementType.F32, 3, 2).t().equal(matrix)).isTrue();
                assertThat(read.get("view").requires_grad()).isFalse();
            }
        }
    }

    @Test
    void aFileWithoutTensorsIsAFile() throws IOException {
        Safetensors.write(file, new TreeMap<>(), Map.of());
        assertThat(file).hasBinaryContent(file((byte) 8, "{}      ", new byte[0]));
        try (TensorMap read = Safetensors.read(file)) {
            assertThat(read.names()).isEmpty();
        }
    }

    @Test
    void anUnsupportedElementTypeIsRefusedBeforeAnythingIsWritten() {
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor shorts = Tensor.create((short) 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            Safetensors.write(file, new TreeMap<>(Map.of("x", shorts)), Map.of()))
                    .withMessage(
                            "tensor x must have an element type among"
                                    + " [BOOL, U8, I32, I64, F16, BF16, F32, F64], got Short");
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void aMissingFileIsNamedAsGivenAndInFull() {
        Path relative = Path.of("no-such.safetensors");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Safetensors.read(relative))
                .withMessage(
                        "safetensors file must be an existing file, got no-such.safetensors (%s)"
                                .formatted(relative.toAbsolutePath()));
    }

    @Test
    void aFileShorterThanItsPrefixIsRefused() {
        refuses(new byte[7], "file must have at least 8 bytes, got 7");
    }

    @Test
    void aHugeHeaderLengthIsRefused() {
        byte[] huge = {0, 0, 0, 0, 0, 1, 0, 0, '{', '}'}; // 2^40
        refuses(huge, "header length must be at most 100000000, got 1099511627776");
        byte[] negative = {-1, -1, -1, -1, -1, -1, -1, -1, '{', '}'};
        refuses(negative, "header length must be at most 100000000, got 18446744073709551615");
    }

    @Test
    void aTruncatedFileIsRefused() {
        byte[] whole = file((byte) 131, HEADER, DATA);
        refuses(
                Arrays.copyOf(whole, 100),
                "header length must be at most the 92 bytes that follow it, got 131");
        refuses(
                Arrays.copyOf(whole, whole.length - 1),
                "tensor b data_offsets must be [begin, end] within the file's 8 data bytes,"
                        + " got [8, 9]");
    }

    @Test
    void trailingBytesAreRefused() {
        byte[] whole = file((byte) 131, HEADER, DATA);
        refuses(
                Arrays.copyOf(whole, whole.length + 1),
                "file must end where tensor b ends, after 9 data bytes, got 10");
    }

    @Test
    void aHeaderThatIsNotUtf8IsRefused() {
        byte[] bytes = {6, 0, 0, 0, 0, 0, 0, 0, '{', '"', (byte) 0xff, '"', ':', '}'};
        refuses(bytes, "header must be UTF-8, got a malformed sequence at byte 2");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    {"a":          | header must be JSON, got Unexpected end-of-input
                    {} {}          | header must be JSON, got Trailing token
                    [1]            | header must be a JSON object, got ARRAY
                    {"a":1}        | tensor a must be a JSON object, got 1
                    {"a":{},"a":{}}| header must be JSON, got Duplicate
                    {"__metadata__":{"k":1}} | __metadata__ k must be a string, got 1
                    {"__metadata__":[]}      | __metadata__ must be a JSON object, got []
                    """)
    void aMalformedHeaderIsRefused(String header, String message) {
        refuses(file((byte) header.length(), header, new byte[0]), message);
    }

    /// Each file has eight data bytes.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            textBlock =
                    """
                    F99 | [2]   | [0,8] | a dtype must be one of [BOOL, U8, I32, I64, F16, BF16, F32, F64], got "F99"
                    F32 | [-2]  | [0,8] | a shape must hold integers between 0 and 2^63 - 1, got [-2]
                    F32 | [2.0] | [0,8] | a shape must hold integers between 0 and 2^63 - 1, got [2.0]
                    F32 | [9223372036854775808] | [0,8] | a shape must hold integers between 0 and 2^63 - 1, got [9223372036854775808]
                    F32 | [9223372036854775807,2] | [0,8] | a shape must have a size that fits in 63 bits, got [9223372036854775807, 2]
                    F32 | 2     | [0,8] | a shape must be an array of integers, got 2
                    F32 | [2]   | [0,9] | a data_offsets must be [begin, end] within the file's 8 data bytes, got [0, 9]
                    F32 | [2]   | [8,0] | a data_offsets must be [begin, end] within the file's 8 data bytes, got [8, 0]
                    F32 | [2]   | [0]   | a data_offsets must be [begin, end] within the file's 8 data bytes, got [0]
                    F32 | [3]   | [0,8] | a must have 12 bytes for F32 [3], got 8
                    F32 | [1]   | [4,8] | a must begin at byte 0, where the header ends, without a hole, got 4
                    """)
    void anInvalidTensorIsRefused(String type, String shape, String offsets, String message) {
        refuses(file(tensor("a", type, shape, offsets), new byte[8]), "tensor " + message);
    }

    @Test
    void aTensorWithoutADtypeIsRefused() {
        refuses(
                file("{\"a\":{\"shape\":[],\"data_offsets\":[0,8]}}", new byte[8]),
                "tensor a dtype must be one of");
    }

    @Test
    void overlappingTensorsAndHolesAreRefused() {
        String overlap =
                tensor("a", "F32", "[2]", "[0,8]").replace("}}", "},")
                        + tensor("b", "F32", "[2]", "[4,12]").substring(1);
        refuses(
                file(overlap, new byte[12]),
                "tensor b must begin at byte 8, where tensor a ends, without overlap, got 4");
        String hole =
                tensor("a", "U8", "[2]", "[0,2]").replace("}}", "},")
                        + tensor("b", "U8", "[2]", "[3,5]").substring(1);
        refuses(
                file(hole, new byte[5]),
                "tensor b must begin at byte 2, where tensor a ends, without a hole, got 3");
    }

    @Test
    void aBooleanThatIsNeitherTrueNorFalseIsRefused() throws IOException {
        Files.write(file, file(tensor("a", "BOOL", "[2]", "[0,2]"), new byte[] {1, 2}));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Safetensors.read(file))
                .withMessage("tensor a must hold bytes 0 and 1 only, got 2 (%s)".formatted(file));
    }

    private void refuses(byte[] bytes, String message) {
        try {
            Files.write(file, bytes);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Safetensors.read(file))
                .withMessageStartingWith(message)
                .extracting(refused -> String.valueOf(refused.getMessage()).lines().toList())
                .satisfies(lines -> {
                    assertThat(lines.getFirst()).endsWith(" (%s)".formatted(file));
                    assertThat(lines).hasSizeLessThanOrEqualTo(2); // and a hint
                });
    }

    private static String tensor(String name, String type, String shape, String offsets) {
        return "{\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}}"
                .formatted(name, type, shape, offsets);
    }

    private static byte[] file(String header, byte[] data) {
        byte[] length =
                ByteBuffer.allocate(8)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length())
                        .array();
        return concatenate(length, header.getBytes(StandardCharsets.UTF_8), data);
    }

    private static byte[] file(byte length, String header, byte[] data) {
        byte[] prefix = {length, 0, 0, 0, 0, 0, 0, 0};
        return concatenate(prefix, header.getBytes(StandardCharsets.UTF_8), data);
    }

    private static byte[] concatenate(byte[]... parts) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            bytes.writeBytes(part);
        }
        return bytes.toByteArray();
    }
}
