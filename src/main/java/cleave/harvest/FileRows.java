package cleave.harvest;

import cleave.config.ByteOrderMark;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.data.JsonLine;
import cleave.data.ParquetTexts;
import cleave.text.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.jspecify.annotations.Nullable;

/// The lines of text files as rows of tokens: each line is a text of its own, cut into rows where
/// it is longer than one. In a file `*.jsonl` a line is a JSON object with the text under `text`
/// and, if it has one, what follows under `answer`. A name that ends in `.gz` is read as what it
/// packs. Of a Parquet file a row is a text. One line, or some rows, at a time are in memory.
final class FileRows implements TextRows, AutoCloseable {

    private static final String PACKED = ".gz";
    private final List<Path> files;
    private final Tokenizer tokenizer;
    private final int length;
    private final int slice;
    private final long limit;
    private final Queue<int[]> waiting = new ArrayDeque<>();
    private @Nullable Lines reader;
    private int file = -1;
    private long line;
    private long index;
    private long row;
    private long tokens;
    private long refused;
    private @Nullable String firstRefusal;

    /// Rows of files.
    ///
    /// @param length of a row, tokens
    /// @param slice rows at a time
    /// @param limit the row at which so many tokens are reached is the last
    FileRows(List<Path> files, Tokenizer tokenizer, int length, int slice, long limit) {
        this.files = List.copyOf(files);
        this.tokenizer = tokenizer;
        this.length = length;
        this.slice = slice;
        this.limit = limit;
    }

    /// The text files that are given, those in folders by name.
    ///
    /// @throws UserError when there are none, or one cannot be read as text
    static List<Path> of(List<Path> given) {
        List<Path> files = new ArrayList<>();
        for (Path path : given) {
            if (Files.isDirectory(path)) {
                try (Stream<Path> inside = Files.walk(path)) {
                    inside.filter(Files::isRegularFile)
                            .filter(each ->
                                    isText(each.getFileName().toString()) || ParquetTexts.is(each))
                            .sorted()
                            .forEach(files::add);
                } catch (IOException failure) {
                    throw unreadable(path, failure);
                }
            } else if (Files.isRegularFile(path)) {
                files.add(path);
            } else {
                throw new UserError(
                        "text must be files, or folders with .txt, .jsonl and .parquet files, got "
                                + path);
            }
        }
        if (files.isEmpty()) {
            throw new UserError(
                    "text must have a .txt, .jsonl or .parquet file, got none in " + given);
        }
        return List.copyOf(files);
    }

    private static boolean isText(String name) {
        String plain = unpacked(name);
        return plain.endsWith(".txt") || isJson(plain);
    }

    /// Lines of JSON; data sets pack them as `.json.gz` too.
    private static boolean isJson(String name) {
        return name.endsWith(".jsonl") || name.endsWith(".json.gz") || name.endsWith(".jsonl.gz");
    }

    private static String unpacked(String name) {
        return name.endsWith(".json.gz") || !name.endsWith(PACKED)
                ? name
                : name.substring(0, name.length() - PACKED.length());
    }

    /// Lines that the tokenizer refused, which are left out.
    long refused() {
        return refused;
    }

    @Override
    public @Nullable Rows next() {
        List<int[]> rows = new ArrayList<>();
        long first = row;
        while (rows.size() < slice && tokens < limit && fill()) {
            int[] one = waiting.remove();
            rows.add(one);
            tokens += one.length;
            row++;
        }
        if (rows.isEmpty()) {
            if (row == 0) {
                throw new UserError(
                        "text must have a line that the tokenizer takes, got none"
                                + (firstRefusal == null ? "" : "\n" + firstRefusal));
            }
            return null;
        }
        int[] used = rows.stream().mapToInt(each -> each.length).toArray();
        int[][] padded = new int[rows.size()][];
        for (int i = 0; i < padded.length; i++) {
            padded[i] = Arrays.copyOf(rows.get(i), length);
            Arrays.fill(padded[i], used[i], length, tokenizer.endOfText());
        }
        return new Rows(index++, first, padded, used);
    }

    /// Reads on until a row waits; false at the end of the last file.
    private boolean fill() {
        while (waiting.isEmpty()) {
            String text = nextLine();
            if (text == null) {
                return false;
            }
            if (text.isBlank()) {
                continue;
            }
            String words = text(text);
            int[] all;
            try {
                all = tokenizer.encode(words);
            } catch (UserError unknown) {
                refused++;
                firstRefusal = firstRefusal == null ? unknown.getMessage() : firstRefusal;
                continue;
            }
            for (int at = 0; at < all.length; at += length) {
                waiting.add(Arrays.copyOfRange(all, at, Math.min(all.length, at + length)));
            }
        }
        return true;
    }

    private String text(String read) {
        Path path = files.get(file);
        if (!isJson(path.toString())) {
            return read;
        }
        JsonLine json = JsonLine.read(read, "%s:%d".formatted(path, line));
        return json.text() + json.answer().orElse("");
    }

    private @Nullable String nextLine() {
        while (true) {
            try {
                if (reader == null) {
                    if (file + 1 == files.size()) {
                        return null;
                    }
                    reader = lines(files.get(++file));
                    line = 0;
                }
                String next = reader.next();
                line++;
                if (next != null) {
                    return line == 1 ? ByteOrderMark.cut(next) : next;
                }
                reader.close();
                reader = null;
            } catch (CharacterCodingException malformed) {
                throw new UserError(
                        "text must be UTF-8, got other bytes (%s)".formatted(files.get(file)),
                        malformed);
            } catch (IOException failure) {
                throw unreadable(files.get(file), failure);
            }
        }
    }

    /// Texts one after the other.
    private interface Lines {
        /// The next one; null after the last.
        @Nullable String next() throws IOException;

        void close() throws IOException;
    }

    private static Lines lines(Path path) throws IOException {
        if (ParquetTexts.is(path)) {
            ParquetTexts texts = ParquetTexts.open(path);
            return new Lines() {
                @Override
                public @Nullable String next() {
                    return texts.next();
                }

                @Override
                public void close() {
                    texts.close();
                }
            };
        }
        StandIn.refusePointer(path, "text");
        BufferedReader reader = reader(path);
        return new Lines() {
            @Override
            public @Nullable String next() throws IOException {
                return reader.readLine();
            }

            @Override
            public void close() throws IOException {
                reader.close();
            }
        };
    }

    private static BufferedReader reader(Path path) throws IOException {
        if (!path.toString().endsWith(PACKED)) {
            return Files.newBufferedReader(path);
        }
        InputStream in = Files.newInputStream(path);
        try {
            return new BufferedReader(
                    new InputStreamReader(
                            new GZIPInputStream(in), StandardCharsets.UTF_8.newDecoder()));
        } catch (IOException | RuntimeException failure) {
            in.close();
            throw failure;
        }
    }

    private static UserError unreadable(Path path, IOException failure) {
        return new UserError(
                "text must be readable, got %s (%s)".formatted(UserError.reason(failure), path),
                failure);
    }

    @Override
    public void close() throws IOException {
        if (reader != null) {
            reader.close();
        }
    }
}
