package cleave.hub;

import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// A file in the GGUF format, versions 2 and 3: what llama.cpp reads. Eight bytes of name and
/// version, two counts, settings by key, a description of each tensor, then the tensors' bytes,
/// each at a multiple of the alignment.
///
/// Opening a file reads and checks all but the tensors' bytes, which are mapped into memory when a
/// tensor is asked for.
///
/// @param file it was read from
/// @param settings by key; a value is a `String`, `Boolean`, `Long`, `Double` or a `List` of one of
///   them
/// @param tensors by name
record Gguf(Path file, SortedMap<String, Object> settings, SortedMap<String, Entry> tensors) {
    /// How the names of such files end.
    static final String ENDING = ".gguf";

    private static final int MAGIC = 0x46554747; // "GGUF", little-endian
    private static final int DEEPEST = 4; // lists within lists
    private static final int MOST_AXES = 4;
    private static final int PIECE = 1 << 16; // numbers decoded at a time
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /// Keeps unmodifiable copies.
    Gguf {
        settings = Collections.unmodifiableSortedMap(new TreeMap<>(settings));
        tensors = Collections.unmodifiableSortedMap(new TreeMap<>(tensors));
    }

    /// One tensor: where its bytes are.
    ///
    /// @param type of its numbers
    /// @param shape the slowest axis first, as everywhere here (the file has it the other way
    ///   round)
    /// @param begin its first byte in the file
    /// @param bytes how many it has
    record Entry(GgufType type, List<Long> shape, long begin, long bytes) {
        /// Keeps an unmodifiable copy.
        Entry {
            shape = List.copyOf(shape);
        }
    }

    /// Whether a path is a file that is called so.
    static boolean is(Path path) {
        return path.toString().endsWith(ENDING) && Files.isRegularFile(path);
    }

    /// Reads and checks everything but the tensors' bytes.
    ///
    /// @throws UserError naming the first thing in the file that cannot be right
    static Gguf open(Path file) {
        StandIn.refuse(file, "GGUF file");
        try (FileChannel channel = FileChannel.open(file);
                Arena arena = Arena.ofConfined()) {
            MemorySegment bytes =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return new Reader(file, bytes).read();
        } catch (IOException failure) {
            throw unreadable(file, failure);
        }
    }

    /// Reads a tensor as numbers of `type`; the caller's scope owns it. Several threads decode
    /// pieces of the mapped bytes straight into the tensor.
    ///
    /// @param type FLOAT or DOUBLE; every kind is exact in either
    /// @throws UserError when the file holds no such tensor, or cannot be read
    Tensor read(String name, Type type) {
        Entry entry = tensors.get(name);
        if (entry == null) {
            throw invalid(file, "tensor", "be one of the file's", name);
        }
        long[] shape = entry.shape().stream().mapToLong(Long::longValue).toArray();
        return Scopes.keep(() -> {
            Tensor tensor = Tensors.empty(Type.FLOAT, shape);
            try (FileChannel channel = FileChannel.open(file);
                    Arena arena = Arena.ofShared()) {
                MemorySegment bytes =
                        channel.map(
                                FileChannel.MapMode.READ_ONLY, entry.begin(), entry.bytes(), arena);
                decode(entry.type(), bytes, Tensors.memory(tensor));
            } catch (IOException failure) {
                throw unreadable(file, failure);
            }
            return tensor.to(type);
        });
    }

    private static void decode(GgufType type, MemorySegment bytes, MemorySegment numbers) {
        int blocks = PIECE / type.elements();
        long all = bytes.byteSize() / type.bytes();
        int pieces = Math.toIntExact((all + blocks - 1) / blocks);
        IntStream.range(0, pieces)
                .parallel()
                .forEach(piece -> {
                    long first = (long) piece * blocks;
                    int count = (int) Math.min(blocks, all - first);
                    byte[] in = new byte[count * type.bytes()];
                    float[] out = new float[count * type.elements()];
                    MemorySegment.copy(
                            bytes, ValueLayout.JAVA_BYTE, first * type.bytes(), in, 0, in.length);
                    for (int block = 0; block < count; block++) {
                        type.decode(in, block * type.bytes(), out, block * type.elements());
                    }
                    MemorySegment.copy(
                            out,
                            0,
                            numbers,
                            ValueLayout.JAVA_FLOAT_UNALIGNED,
                            first * type.elements() * Float.BYTES,
                            out.length);
                });
    }

    /// Whether two tensors have the same kind, shape and bytes.
    boolean same(String first, String second) {
        Entry one = tensors.get(first);
        Entry other = tensors.get(second);
        if (one == null
                || other == null
                || one.type() != other.type()
                || !one.shape().equals(other.shape())) {
            return false;
        }
        try (FileChannel channel = FileChannel.open(file);
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped =
                    channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return mapped.asSlice(one.begin(), one.bytes())
                            .mismatch(mapped.asSlice(other.begin(), other.bytes()))
                    < 0;
        } catch (IOException failure) {
            throw unreadable(file, failure);
        }
    }

    /// Goes through a file from its first byte.
    private static final class Reader {
        private final Path file;
        private final MemorySegment bytes;
        private long at;

        Reader(Path file, MemorySegment bytes) {
            this.file = file;
            this.bytes = bytes;
        }

        Gguf read() {
            need(8, "name and version");
            int magic = bytes.get(INT, 0);
            if (magic != MAGIC) {
                throw invalid(
                        file,
                        "GGUF file",
                        "begin with the letters GGUF",
                        "0x%08x".formatted(Integer.reverseBytes(magic)));
            }
            int version = bytes.get(INT, 4);
            if (version != 2 && version != 3) {
                throw invalid(
                        file,
                        "version of a GGUF file",
                        "be 2 or 3, little-endian",
                        Integer.toUnsignedString(version));
            }
            at = 8;
            // The least bytes of one: a name's length, numbers of axes, kind and offset; a key's
            // length and a kind of value with a byte of it.
            long tensors = count("number of tensors", 24);
            long settings = count("number of settings", 13);
            SortedMap<String, Object> values = new TreeMap<>();
            for (long i = 0; i < settings; i++) {
                String key = text("key of setting " + i);
                if (values.put(key, value(key, number("setting " + key), 0)) != null) {
                    throw invalid(file, "setting", "be there once", key);
                }
            }
            return new Gguf(file, values, entries(tensors, alignment(values)));
        }

        private long alignment(SortedMap<String, Object> values) {
            Object value = values.getOrDefault("general.alignment", 32L);
            if (value instanceof Long alignment
                    && alignment >= 1
                    && alignment <= 1 << 20
                    && Long.bitCount(alignment) == 1) {
                return alignment;
            }
            throw invalid(file, "general.alignment", "be a power of two up to 1048576", value);
        }

        private SortedMap<String, Entry> entries(long count, long alignment) {
            Map<String, Entry> relative = new LinkedHashMap<>();
            for (long i = 0; i < count; i++) {
                String name = text("name of tensor " + i);
                if (relative.put(name, entry("tensor " + name)) != null) {
                    throw invalid(file, "tensor", "be there once", name);
                }
            }
            long start = (at + alignment - 1) / alignment * alignment;
            long room = Math.max(0, bytes.byteSize() - start);
            SortedMap<String, Entry> entries = new TreeMap<>();
            relative.forEach((name, entry) -> {
                if (entry.begin() % alignment != 0) {
                    throw invalid(
                            file,
                            "offset of tensor " + name,
                            "be a multiple of " + alignment,
                            Long.toUnsignedString(entry.begin()));
                }
                if (entry.begin() < 0
                        || entry.begin() > room
                        || entry.bytes() > room - entry.begin()) {
                    throw beyond(
                            file,
                            "tensor " + name,
                            "end within the file's %d bytes of data".formatted(room),
                            "%d bytes from %s"
                                    .formatted(
                                            entry.bytes(), Long.toUnsignedString(entry.begin())));
                }
                entries.put(
                        name,
                        new Entry(
                                entry.type(), entry.shape(), start + entry.begin(), entry.bytes()));
            });
            requireApart(entries);
            return entries;
        }

        private void requireApart(SortedMap<String, Entry> entries) {
            List<Map.Entry<String, Entry>> inOrder = new ArrayList<>(entries.entrySet());
            inOrder.sort(Comparator.comparingLong(named -> named.getValue().begin()));
            for (int i = 1; i < inOrder.size(); i++) {
                Entry before = inOrder.get(i - 1).getValue();
                if (before.begin() + before.bytes() > inOrder.get(i).getValue().begin()) {
                    throw invalid(
                            file,
                            "tensor " + inOrder.get(i).getKey(),
                            "begin where tensor %s ends or later"
                                    .formatted(inOrder.get(i - 1).getKey()),
                            inOrder.get(i).getValue().begin());
                }
            }
        }

        /// A tensor whose place is still counted from the first byte of data.
        private Entry entry(String what) {
            int axes = number(what);
            if (axes < 1 || axes > MOST_AXES) {
                throw invalid(
                        file,
                        what,
                        "have 1 to %d axes".formatted(MOST_AXES),
                        Integer.toUnsignedString(axes));
            }
            Long[] shape = new Long[axes];
            long elements = 1;
            for (int axis = axes - 1; axis >= 0; axis--) {
                long size = big(what);
                if (size < 1 || Math.multiplyHigh(elements, size) != 0 || elements * size < 0) {
                    throw invalid(
                            file,
                            what,
                            "have sizes from 1 whose product fits in 63 bits",
                            Long.toUnsignedString(size));
                }
                shape[axis] = size;
                elements *= size;
            }
            int number = number(what);
            long begin = big(what);
            GgufType type =
                    GgufType.of(number)
                            .orElseThrow(() ->
                                    invalid(
                                            file,
                                            what,
                                            "be stored as one of "
                                                    + Arrays.toString(GgufType.values()),
                                            GgufType.name(number)));
            long row = shape[axes - 1];
            if (row % type.elements() != 0) {
                throw invalid(
                        file,
                        what,
                        "have rows of a multiple of %d numbers, the block of %s"
                                .formatted(type.elements(), type),
                        row);
            }
            long blocks = elements / type.elements();
            if (blocks > Long.MAX_VALUE / type.bytes()) {
                throw invalid(file, what, "have a size that fits in 63 bits", elements);
            }
            return new Entry(type, Arrays.asList(shape), begin, blocks * type.bytes());
        }

        private Object value(String key, int kind, int depth) {
            String what = "setting " + key;
            return switch (kind) {
                case 0 -> (long) (next(what) & 0xff);
                case 1 -> (long) next(what);
                case 2 -> (long) (half(what) & 0xffff);
                case 3 -> (long) half(what);
                case 4 -> Integer.toUnsignedLong(number(what));
                case 5 -> (long) number(what);
                case 6 -> decimal(Float.intBitsToFloat(number(what)));
                case 7 -> next(what) != 0;
                case 8 -> text(what);
                case 9 -> list(key, depth);
                case 10, 11 -> big(what);
                case 12 -> Double.longBitsToDouble(big(what));
                default ->
                        throw invalid(
                                file,
                                what,
                                "be of a kind from 0 to 12",
                                Integer.toUnsignedString(kind));
            };
        }

        /// The shortest decimal number that is this one in single precision, such as 1e-5: what a
        /// configuration said before it became this file.
        private static double decimal(float number) {
            return Double.parseDouble(Float.toString(number));
        }

        private List<Object> list(String key, int depth) {
            if (depth == DEEPEST) {
                throw invalid(file, "setting " + key, "be lists in at most 4 lists", "more");
            }
            int kind = number("setting " + key);
            int least = // bytes of one
                    switch (kind) {
                        case 2, 3 -> 2;
                        case 4, 5, 6 -> 4;
                        case 8, 10, 11, 12 -> 8;
                        case 9 -> 12;
                        default -> 1;
                    };
            long count = count("length of setting " + key, least);
            List<Object> values = new ArrayList<>();
            for (long i = 0; i < count; i++) {
                values.add(value(key, kind, depth + 1));
            }
            return Collections.unmodifiableList(values);
        }

        /// How many things follow, each of at least so many bytes.
        private long count(String what, int least) {
            long count = big(what);
            long room = (bytes.byteSize() - at) / least;
            if (count < 0 || count > room) {
                throw beyond(
                        file,
                        what,
                        "be at most the %d that the rest of the file has room for".formatted(room),
                        Long.toUnsignedString(count));
            }
            return count;
        }

        private String text(String what) {
            long length = big(what);
            if (length < 0 || length > bytes.byteSize() - at || length > Integer.MAX_VALUE - 8) {
                throw beyond(
                        file,
                        what,
                        "be a text within the file's remaining %d bytes"
                                .formatted(bytes.byteSize() - at),
                        "a length of " + Long.toUnsignedString(length));
            }
            try {
                String text =
                        StandardCharsets.UTF_8
                                .newDecoder()
                                .decode(bytes.asSlice(at, length).asByteBuffer())
                                .toString();
                at += length;
                return text;
            } catch (CharacterCodingException malformed) {
                throw invalid(file, what, "be UTF-8", "other bytes");
            }
        }

        private byte next(String what) {
            need(1, what);
            return bytes.get(ValueLayout.JAVA_BYTE, at++);
        }

        private short half(String what) {
            need(2, what);
            at += 2;
            return bytes.get(SHORT, at - 2);
        }

        private int number(String what) {
            need(4, what);
            at += 4;
            return bytes.get(INT, at - 4);
        }

        private long big(String what) {
            need(8, what);
            at += 8;
            return bytes.get(LONG, at - 8);
        }

        private void need(int length, String what) {
            if (length > bytes.byteSize() - at) {
                throw beyond(
                        file,
                        "GGUF file",
                        "go on where its %s is".formatted(what),
                        "its end after %d bytes".formatted(bytes.byteSize()));
            }
        }
    }

    private static UserError invalid(Path file, String what, String rule, Object value) {
        return new UserError(
                "%s must %s, got %s (%s)"
                        .formatted(shown(what), rule, shown(String.valueOf(value)), file));
    }

    /// The error where a file ends before what it describes.
    private static UserError beyond(Path file, String what, String rule, Object value) {
        return UserError.withHints(
                String.valueOf(invalid(file, what, rule, value).getMessage()), StandIn.CUT_SHORT);
    }

    private static String shown(String text) {
        return text.length() <= 200 ? text : text.substring(0, 200) + "...";
    }

    private static UserError unreadable(Path file, IOException failure) {
        return new UserError(
                "GGUF file must be readable, got %s (%s)"
                        .formatted(UserError.reason(failure), file),
                failure);
    }
}
