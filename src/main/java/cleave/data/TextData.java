package cleave.data;

import cleave.config.ByteOrderMark;
import cleave.config.NotEmpty;
import cleave.config.Open;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.text.Sentences;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// Where the sentences of a stream come from, as written in a configuration.
@Open(core = {TextData.Prompts.class, TextData.Text.class, TextData.Jsonl.class})
public interface TextData {

    /// A sentence, its answer if it has one, and where in the data it stands, for messages.
    ///
    /// @param text without the answer
    /// @param answer with the space before it
    /// @param rest what follows the answer
    /// @param open whether it is unknown what follows
    /// @param place as in `prompts.txt:3`
    record Piece(String text, String answer, String rest, boolean open, String place) {
        private String whole() {
            return text + answer + rest;
        }
    }

    /// Positions at which outputs are compared.
    LossesAt losses();

    /// The sentences.
    ///
    /// @throws UserError when a file cannot be read, or with every malformed line
    List<Piece> pieces();

    /// Whether a sentence that is longer than a row goes on in the next row.
    default boolean cut() {
        return false;
    }

    /// The file it is read from, if there is one.
    default Optional<String> file() {
        return Optional.empty();
    }

    /// The same, a relative file starting at `folder`.
    default TextData startingAt(Path folder) {
        return file().map(path -> at(folder.resolve(path).normalize().toString())).orElse(this);
    }

    /// The same, read from another file; itself when it is not read from one.
    default TextData at(String otherPath) {
        return this;
    }

    /// A line is a prompt, or a row of a Parquet file. What follows it is not known.
    ///
    /// @param path of the file; a relative path starts at the configuration file
    /// @param losses at which positions outputs are compared
    record Prompts(@NotEmpty String path, LossesAt losses) implements TextData {
        @Override
        public List<Piece> pieces() {
            return lines(path, (line, place) -> new Piece(line, "", "", true, place));
        }

        @Override
        public Optional<String> file() {
            return Optional.of(path);
        }

        @Override
        public TextData at(String otherPath) {
            return new Prompts(otherPath, losses);
        }
    }

    /// A line is a text of its own, or a row of a Parquet file, cut into rows where it is longer
    /// than one. Every position counts.
    ///
    /// @param path of the file; a relative path starts at the configuration file
    record Text(@NotEmpty String path) implements TextData {
        @Override
        public LossesAt losses() {
            return LossesAt.ALL;
        }

        @Override
        public List<Piece> pieces() {
            return lines(path, (line, place) -> new Piece(line, "", "", false, place));
        }

        @Override
        public boolean cut() {
            return true;
        }

        @Override
        public Optional<String> file() {
            return Optional.of(path);
        }

        @Override
        public TextData at(String otherPath) {
            return new Text(otherPath);
        }
    }

    /// A line is a JSON object with a `text` and, if it has one, an `answer` that follows it; its
    /// other keys are passed over.
    ///
    /// @param path of the file; a relative path starts at the configuration file
    /// @param losses at which positions outputs are compared
    record Jsonl(@NotEmpty String path, LossesAt losses) implements TextData {
        @Override
        public List<Piece> pieces() {
            if (ParquetTexts.is(Path.of(path))) {
                throw UserError.withHints(
                        "data must be lines of JSON, got Parquet (%s)".formatted(path),
                        "`kind: text` reads the column text of a Parquet file");
            }
            return lines(
                    path,
                    (json, place) -> {
                        JsonLine line = JsonLine.read(json, place);
                        if (line.text().isBlank()) {
                            throw new UserError("%s: text must not be empty".formatted(place));
                        }
                        return new Piece(line.text(), line.answer().orElse(""), "", false, place);
                    });
        }

        @Override
        public boolean cut() {
            return losses == LossesAt.ALL;
        }

        @Override
        public Optional<String> file() {
            return Optional.of(path);
        }

        @Override
        public TextData at(String otherPath) {
            return new Jsonl(otherPath, losses);
        }
    }

    /// What a model knows of this data once it is trained on it; empty where nothing is asked.
    ///
    /// @param target outputs logits for the tokenizer's tokens
    default Optional<Examination> examination(Target target, Tokenizer tokenizer) {
        return Optional.empty();
    }

    /// What a trained model was asked beside its training text, and how it did. A record; its
    /// components are what `--json` prints.
    interface Examination {
        /// Lines for the terminal, each ended.
        String text();

        /// Rows of the model card's table, each ended.
        String card();

        /// A sentence for the model card that says where the questions come from.
        String source();
    }

    /// The texts whose tokens a model of this data needs.
    default List<String> vocabulary() {
        return pieces().stream().map(Piece::whole).toList();
    }

    /// The task of a stream of this data.
    ///
    /// @throws UserError as `sentences` does
    default TextTask task(String stream, Tokenizer tokenizer, int length) {
        return new TextTask(
                stream, sentences(tokenizer, length), length, losses(), tokenizer.endOfText());
    }

    /// The sentences as tokens, in rows.
    ///
    /// @param length of a row
    /// @throws UserError with every piece that the tokenizer refuses or that does not fit a row
    default List<Sentence> sentences(Tokenizer tokenizer, int length) {
        Set<String> problems = new TreeSet<>();
        List<Sentence> sentences = new ArrayList<>();
        for (Piece piece : pieces()) {
            try {
                Sentence sentence = sentence(piece, tokenizer);
                int used = TextTask.used(sentence, losses());
                if (used <= length) {
                    sentences.add(sentence);
                } else if (cut()) {
                    sentences.addAll(rows(sentence, length));
                } else {
                    problems.add(
                            "%s: sentences must have at most %d tokens, the length of a row, got %d: %s"
                                    .formatted(piece.place(), length, used, piece.whole()));
                }
            } catch (UserError refused) {
                problems.add("%s: %s".formatted(piece.place(), refused.getMessage()));
            }
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return sentences;
    }

    private static Sentence sentence(Piece piece, Tokenizer tokenizer) {
        int next = piece.open() ? Sentence.UNKNOWN : tokenizer.endOfText();
        return Sentences.of(tokenizer, piece.text(), piece.answer(), piece.rest(), next);
    }

    /// Each row is followed by the token that the next one begins with.
    private static List<Sentence> rows(Sentence sentence, int length) {
        List<Integer> tokens = sentence.tokens();
        List<Sentence> rows = new ArrayList<>();
        for (int at = 0; at < tokens.size(); at += length) {
            int end = Math.min(at + length, tokens.size());
            int next = end < tokens.size() ? tokens.get(end) : sentence.next();
            rows.add(Sentence.of(tokens.subList(at, end), next));
        }
        return rows;
    }

    /// Makes a piece of a line.
    @FunctionalInterface
    interface LineReader {
        /// The piece of a line.
        ///
        /// @param place as in `prompts.txt:3`
        Piece piece(String line, String place);
    }

    private static List<Piece> lines(String path, LineReader reader) {
        List<String> lines;
        try {
            lines = lines(Path.of(path));
        } catch (CharacterCodingException malformed) {
            throw new UserError(
                    "data must be UTF-8 text, got other bytes (%s)".formatted(path), malformed);
        } catch (NoSuchFileException missing) {
            throw new UserError("data must be a file, got none (%s)".formatted(path), missing);
        } catch (IOException failure) {
            throw new UserError(
                    "data must be a readable file, got %s (%s)"
                            .formatted(UserError.reason(failure), path),
                    failure);
        }
        return pieces(path, lines, reader);
    }

    /// The lines of a file, or the texts of a Parquet file.
    private static List<String> lines(Path file) throws IOException {
        if (!ParquetTexts.is(file)) {
            StandIn.refusePointer(file, "data");
            return Files.readAllLines(file);
        }
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString());
        }
        List<String> lines = new ArrayList<>();
        try (ParquetTexts texts = ParquetTexts.open(file)) {
            for (String text = texts.next(); text != null; text = texts.next()) {
                lines.add(text);
            }
        }
        return lines;
    }

    private static List<Piece> pieces(String path, List<String> lines, LineReader reader) {
        List<Piece> pieces = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = i == 0 ? ByteOrderMark.cut(lines.get(i)) : lines.get(i);
            if (!line.isBlank()) {
                try {
                    pieces.add(reader.piece(line, "%s:%d".formatted(path, i + 1)));
                } catch (UserError refused) {
                    problems.add(String.valueOf(refused.getMessage()));
                }
            }
        }
        if (pieces.isEmpty() && problems.isEmpty()) {
            problems.add("data must have a line that is not blank, got none (%s)".formatted(path));
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return pieces;
    }
}
