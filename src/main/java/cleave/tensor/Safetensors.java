package cleave.tensor;

import cleave.config.StandIn;
import cleave.config.UserError;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/// Files of named tensors in the safetensors format: eight bytes with the little-endian length of a
/// JSON header, the header, then the tensors' bytes without gaps.
///
/// Written files depend on nothing but the tensors and the metadata: names are sorted, and the
/// header is padded with spaces so that the data start at a multiple of eight.
public final class Safetensors {
    private static final String METADATA = "__metadata__";
    private static final long PREFIX = 8;
    private static final long LONGEST_HEADER = 100_000_000;
    private static final long CHUNK = 1 << 24;
    private static final long CONVERTED = 1 << 20; // small, so that it leaves no gap in the heap
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                    .build();

    private Safetensors() {}

    /// What a file says it holds. `dataStart` is the position of the first data byte in the file.
    public record Header(
            Path file,
            long dataStart,
            SortedMap<String, Entry> tensors,
            SortedMap<String, String> metadata) {
        /// Keeps unmodifiable copies.
        public Header {
            tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
            metadata = Collections.unmodifiableSortedMap(new TreeMap<>(metadata));
        }
    }

    /// One tensor of a header: its bytes are `[begin, end)`, counted from the data start.
    ///
    /// @param kind the type of its elements as the file names it, such as `F32`; a kind that is not
    ///   known here is refused only when the tensor is read
    /// @param shape the slowest axis first
    public record Entry(String kind, List<Long> shape, long begin, long end) {
        /// Keeps an unmodifiable copy.
        public Entry {
            shape = List.copyOf(shape);
        }

        /// A tensor of elements that are known here.
        public Entry(ElementType type, List<Long> shape, long begin, long end) {
            this(type.name(), shape, begin, end);
        }

        /// The type of its elements; empty when it is none that is known here.
        public Optional<ElementType> type() {
            return ElementType.named(kind);
        }
    }

    /// Writes the tensors atomically. Any device and layout in memory will do; a tensor that is not
    /// contiguous on the CPU is copied, one at a time.
    public static void write(
            Path file, SortedMap<String, Tensor> tensors, Map<String, String> metadata)
            throws IOException {
        SortedMap<String, Tensor> sorted = new TreeMap<>(tensors);
        byte[] header = headerBytes(sorted, metadata);
        long size = PREFIX + header.length;
        for (Tensor tensor : sorted.values()) {
            size += tensor.nbytes();
        }
        AtomicFile.write(
                file,
                size,
                channel -> {
                    ByteBuffer prefix =
                            ByteBuffer.allocate((int) PREFIX).order(ByteOrder.LITTLE_ENDIAN);
                    AtomicFile.writeFully(channel, prefix.putLong(header.length).flip());
                    AtomicFile.writeFully(channel, ByteBuffer.wrap(header));
                    for (Tensor tensor : sorted.values()) {
                        writeData(channel, tensor);
                    }
                });
    }

    /// Reads every tensor into the engine's memory; the caller closes the map.
    public static TensorMap read(Path file) {
        Header header = header(file);
        try (Scopes.Scope _ = Scopes.open();
                FileChannel channel = FileChannel.open(file);
                Arena arena = Arena.ofConfined()) {
            MemorySegment data =
                    channel.map(
                            FileChannel.MapMode.READ_ONLY,
                            header.dataStart(),
                            channel.size() - header.dataStart(),
                            arena);
            Map<String, Tensor> tensors = new TreeMap<>();
            header.tensors()
                    .forEach((name, entry) -> tensors.put(name, copy(file, name, entry, data)));
            return TensorMap.of(file.toString(), tensors);
        } catch (IOException failure) {
            throw unreadable(file, failure);
        }
    }

    /// Reads one tensor as numbers of `type`; the caller's scope owns it. Beside the tensor itself
    /// only a piece of the file is in memory at a time.
    ///
    /// @param header of the file, as `header` gives it
    /// @throws UserError when the file holds no such tensor, or cannot be read
    public static Tensor read(Header header, String name, Type type) {
        Entry entry = header.tensors().get(name);
        if (entry == null) {
            throw invalid(header.file(), "tensor", "be one of the file's", name);
        }
        ElementType stored = known(header.file(), name, entry);
        long[] shape = entry.shape().stream().mapToLong(Long::longValue).toArray();
        return Scopes.keep(() -> {
            Tensor tensor = Tensors.empty(type, shape);
            boolean same = stored.scalarType() == type;
            long piece = same ? CHUNK : CONVERTED;
            try (FileChannel channel = FileChannel.open(header.file())) {
                for (long at = 0; at < entry.end() - entry.begin(); at += piece) {
                    long size = Math.min(piece, entry.end() - entry.begin() - at);
                    try (Arena arena = Arena.ofConfined()) {
                        MemorySegment bytes =
                                channel.map(
                                        FileChannel.MapMode.READ_ONLY,
                                        header.dataStart() + entry.begin() + at,
                                        size,
                                        arena);
                        if (same) {
                            Tensors.memory(tensor).asSlice(at, size).copyFrom(bytes);
                        } else {
                            convert(stored, bytes, tensor, at / stored.bytes());
                        }
                    }
                }
            } catch (IOException failure) {
                throw unreadable(header.file(), failure);
            }
            return tensor;
        });
    }

    private static ElementType known(Path file, String name, Entry entry) {
        return entry.type()
                .orElseThrow(() ->
                        invalid(
                                file,
                                "tensor " + name + " dtype",
                                "be one of " + Arrays.toString(ElementType.values()),
                                '"' + entry.kind() + '"'));
    }

    private static void convert(ElementType type, MemorySegment bytes, Tensor into, long first) {
        Scopes.run(() -> {
            Tensor piece = Tensors.empty(type.scalarType(), bytes.byteSize() / type.bytes());
            Tensors.memory(piece).copyFrom(bytes);
            into.view(-1).narrow(0, first, piece.numel()).copy_(piece);
        });
    }

    /// Reads and checks the header alone.
    public static Header header(Path file) {
        if (!Files.isRegularFile(file)) {
            throw new UserError(
                    "safetensors file must be an existing file, got %s (%s)"
                            .formatted(file, file.toAbsolutePath()));
        }
        StandIn.refuse(file, "safetensors file");
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < PREFIX) {
                throw beyond(file, "file", "have at least 8 bytes", size);
            }
            long length = read(channel, 0, (int) PREFIX).order(ByteOrder.LITTLE_ENDIAN).getLong();
            if (length < 0 || length > LONGEST_HEADER) {
                throw invalid(
                        file,
                        "header length",
                        "be at most " + LONGEST_HEADER,
                        Long.toUnsignedString(length));
            }
            if (length > size - PREFIX) {
                throw beyond(
                        file,
                        "header length",
                        "be at most the " + (size - PREFIX) + " bytes that follow it",
                        length);
            }
            String json = decode(file, read(channel, PREFIX, (int) length));
            return parse(file, json, PREFIX + length, size);
        } catch (IOException failure) {
            throw unreadable(file, failure);
        }
    }

    private static byte[] headerBytes(
            SortedMap<String, Tensor> tensors, Map<String, String> metadata) {
        Map<String, Object> header = new LinkedHashMap<>();
        if (!metadata.isEmpty()) {
            header.put(METADATA, new TreeMap<>(metadata));
        }
        long begin = 0;
        for (Map.Entry<String, Tensor> named : tensors.entrySet()) {
            Tensor tensor = named.getValue();
            if (named.getKey().equals(METADATA)) {
                throw new IllegalArgumentException(
                        "tensor name must differ from " + METADATA + ", got " + METADATA);
            }
            long end = begin + tensor.nbytes();
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("dtype", ElementType.of(tensor, "tensor " + named.getKey()).name());
            entry.put("shape", tensor.shape());
            entry.put("data_offsets", new long[] {begin, end});
            header.put(named.getKey(), entry);
            begin = end;
        }
        byte[] json = JSON.writeValueAsBytes(header);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void writeData(FileChannel channel, Tensor tensor) throws IOException {
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor plain = tensor.detach().cpu().contiguous();
            MemorySegment bytes = Tensors.memory(plain);
            for (long from = 0; from < bytes.byteSize(); from += CHUNK) {
                long length = Math.min(CHUNK, bytes.byteSize() - from);
                AtomicFile.writeFully(channel, bytes.asSlice(from, length).asByteBuffer());
            }
        }
    }

    private static Tensor copy(Path file, String name, Entry entry, MemorySegment data) {
        MemorySegment bytes = data.asSlice(entry.begin(), entry.end() - entry.begin());
        ElementType type = known(file, name, entry);
        if (type == ElementType.BOOL) {
            checkBooleans(file, name, bytes);
        }
        long[] shape = entry.shape().stream().mapToLong(Long::longValue).toArray();
        Tensor tensor = Tensors.empty(type.scalarType(), shape);
        Tensors.memory(tensor).copyFrom(bytes);
        return tensor;
    }

    /// The engine takes a boolean's byte as it is, and is undefined on any but 0 and 1.
    private static void checkBooleans(Path file, String name, MemorySegment bytes) {
        for (long i = 0; i < bytes.byteSize(); i++) {
            byte value = bytes.get(ValueLayout.JAVA_BYTE, i);
            if (value != 0 && value != 1) {
                throw invalid(file, "tensor " + name, "hold bytes 0 and 1 only", value & 0xff);
            }
        }
    }

    private static ByteBuffer read(FileChannel channel, long position, int length)
            throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException("the file became shorter while it was read");
            }
        }
        return bytes.flip();
    }

    private static String decode(Path file, ByteBuffer bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException malformed) {
            throw invalid(
                    file, "header", "be UTF-8", "a malformed sequence at byte " + bytes.position());
        }
    }

    private static Header parse(Path file, String json, long dataStart, long fileSize) {
        JsonNode root;
        try {
            root = JSON.readTree(json);
        } catch (JacksonException malformed) {
            throw invalid(file, "header", "be JSON", malformed.getOriginalMessage());
        }
        if (!root.isObject()) {
            throw invalid(file, "header", "be a JSON object", root.getNodeType());
        }
        SortedMap<String, String> metadata = new TreeMap<>();
        SortedMap<String, Entry> tensors = new TreeMap<>();
        for (Map.Entry<String, JsonNode> property : root.properties()) {
            if (property.getKey().equals(METADATA)) {
                readMetadata(file, property.getValue(), metadata);
            } else {
                String name = property.getKey();
                tensors.put(name, entry(file, name, property.getValue(), fileSize - dataStart));
            }
        }
        checkRanges(file, tensors, fileSize - dataStart);
        return new Header(file, dataStart, tensors, metadata);
    }

    private static void readMetadata(Path file, JsonNode node, SortedMap<String, String> into) {
        if (!node.isObject()) {
            throw invalid(file, METADATA, "be a JSON object", node);
        }
        for (Map.Entry<String, JsonNode> property : node.properties()) {
            if (!property.getValue().isString()) {
                throw invalid(
                        file,
                        METADATA + " " + property.getKey(),
                        "be a string",
                        property.getValue());
            }
            into.put(property.getKey(), property.getValue().stringValue());
        }
    }

    private static Entry entry(Path file, String name, JsonNode node, long dataSize) {
        String what = "tensor " + name;
        if (!node.isObject()) {
            throw invalid(file, what, "be a JSON object", node);
        }
        String kind = kind(file, what, node.get("dtype"));
        List<Long> shape = longs(file, what + " shape", node.get("shape"));
        List<Long> offsets = longs(file, what + " data_offsets", node.get("data_offsets"));
        if (offsets.size() != 2 || offsets.get(0) > offsets.get(1) || offsets.get(1) > dataSize) {
            String rule = "be [begin, end] within the file's " + dataSize + " data bytes";
            boolean pair = offsets.size() == 2 && offsets.get(0) <= offsets.get(1);
            throw pair
                    ? beyond(file, what + " data_offsets", rule, offsets)
                    : invalid(file, what + " data_offsets", rule, offsets);
        }
        Optional<ElementType> type = ElementType.named(kind);
        long expected = type.map(ElementType::bytes).orElse(1);
        try {
            for (long length : shape) {
                expected = Math.multiplyExact(expected, length);
            }
        } catch (ArithmeticException overflow) {
            throw invalid(file, what + " shape", "have a size that fits in 63 bits", shape);
        }
        long actual = offsets.get(1) - offsets.get(0);
        // How many bytes an element of another kind takes is not known here.
        if (type.isPresent() && actual != expected) {
            throw invalid(
                    file, what, "have %d bytes for %s %s".formatted(expected, kind, shape), actual);
        }
        return new Entry(kind, shape, offsets.get(0), offsets.get(1));
    }

    private static String kind(Path file, String what, @Nullable JsonNode node) {
        if (node == null || !node.isString()) {
            throw invalid(
                    file,
                    what + " dtype",
                    "be one of " + Arrays.toString(ElementType.values()),
                    node == null ? "none" : node);
        }
        return node.stringValue();
    }

    private static List<Long> longs(Path file, String what, @Nullable JsonNode node) {
        if (node == null || !node.isArray()) {
            throw invalid(file, what, "be an array of integers", node == null ? "none" : node);
        }
        List<Long> numbers = new ArrayList<>();
        for (JsonNode element : node) {
            if (!element.isIntegralNumber()
                    || !element.canConvertToLong()
                    || element.longValue() < 0) {
                throw invalid(file, what, "hold integers between 0 and 2^63 - 1", node);
            }
            numbers.add(element.longValue());
        }
        return numbers;
    }

    /// The ranges, in order of their place, must cover the data exactly.
    private static void checkRanges(Path file, SortedMap<String, Entry> tensors, long dataSize) {
        List<Map.Entry<String, Entry>> inOrder = new ArrayList<>(tensors.entrySet());
        inOrder.sort(
                Comparator.comparingLong(
                                (Map.Entry<String, Entry> named) -> named.getValue().begin())
                        .thenComparingLong(named -> named.getValue().end()));
        long end = 0;
        String previous = "the header";
        for (Map.Entry<String, Entry> named : inOrder) {
            Entry entry = named.getValue();
            if (entry.begin() != end) {
                throw invalid(
                        file,
                        "tensor " + named.getKey(),
                        "begin at byte %d, where %s ends, without %s"
                                .formatted(
                                        end, previous, entry.begin() < end ? "overlap" : "a hole"),
                        entry.begin());
            }
            end = entry.end();
            previous = "tensor " + named.getKey();
        }
        if (end != dataSize) {
            throw invalid(
                    file,
                    "file",
                    "end where " + previous + " ends, after " + end + " data bytes",
                    dataSize);
        }
    }

    private static UserError invalid(Path file, String what, String rule, Object value) {
        String text = String.valueOf(value);
        String shown = text.length() <= 200 ? text : text.substring(0, 200) + "...";
        return new UserError("%s must %s, got %s (%s)".formatted(what, rule, shown, file));
    }

    /// The error where a file ends before what it describes.
    private static UserError beyond(Path file, String what, String rule, Object value) {
        return UserError.withHints(
                String.valueOf(invalid(file, what, rule, value).getMessage()), StandIn.CUT_SHORT);
    }

    private static UserError unreadable(Path file, IOException failure) {
        return new UserError(
                "safetensors file must be readable, got %s (%s)"
                        .formatted(UserError.reason(failure), file),
                failure);
    }
}
