package cleave.harvest;

import cleave.analysis.Evaluation;
import cleave.config.UserError;
import cleave.hub.Sha256;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.run.LoadedRun;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The text that a run is looked at on, cut into rows: files, or the run's own task.
final class RunText {
    private final LoadedRun run;
    private final List<Path> files;
    private final long tokens;
    private final int length;

    /// The text of a run.
    ///
    /// @param what looks at it, for messages
    /// @throws UserError when the model is none of tokens, or the text is not fit for it
    RunText(LoadedRun run, TextChoice choice, String what) {
        this.run = run;
        if (run.model().spec().tokens() == 0) {
            throw UserError.withHints(
                    "%s must have a run on a model of tokens, got one of features (%s)"
                            .formatted(what, run.directory().path()),
                    Evaluation.ofValues(what).hints().getFirst());
        }
        files = choice.text().isEmpty() ? List.of() : FileRows.of(choice.text());
        tokens = choice.tokens();
        length = length(choice.length());
    }

    private int length(Optional<Integer> asked) {
        int most =
                Math.min(
                        run.model().target().maximumLength(),
                        run.decomposition().function().maximumLength());
        int own = run.file().streams().getFirst().length();
        if (files.isEmpty()) {
            if (asked.isPresent() && asked.get() != own) {
                throw new UserError(
                        "--length must come with --text, got %d alone".formatted(asked.get()));
            }
            return own;
        }
        int length = asked.orElse(Math.min(own, most));
        if (length < 1 || length > most) {
            throw new UserError("--length must be in 1..%d, got %d".formatted(most, length));
        }
        return length;
    }

    /// The positions of a row.
    int length() {
        return length;
    }

    /// How many tokens there are for certain; files may end before the most that was asked for.
    OptionalLong certain() {
        return files.isEmpty() ? OptionalLong.of(tokens) : OptionalLong.empty();
    }

    /// What the text is: the SHA-256 of each file, or `task`.
    List<String> source() throws IOException {
        if (files.isEmpty()) {
            return List.of("task");
        }
        List<String> source = new ArrayList<>();
        for (Path file : files) {
            source.add(Sha256.of(file));
        }
        return source;
    }

    /// Its rows, so many at a time, from the first on.
    TextRows rows(int slice) {
        return files.isEmpty()
                ? new TaskRows(run.task(), slice, tokens)
                : new FileRows(files, tokenizer(), length, slice, tokens);
    }

    private Tokenizer tokenizer() {
        return run.model()
                .tokenizer()
                .orElseThrow(() ->
                        UserError.withHints(
                                "--text must come with a target that has a tokenizer, got none (%s)"
                                        .formatted(run.directory().path()),
                                "without --text it is the run's own task"));
    }

    /// Closes the files of rows.
    static void close(TextRows rows) throws IOException {
        if (rows instanceof FileRows files) {
            files.close();
        }
    }

    /// Rows as what a model takes, cut to the longest.
    ///
    /// @param batch every position a loss position
    /// @param tokens `[rows T]`
    /// @param valid `[rows T]`, false at padding
    record Slice(Batch batch, int[] tokens, boolean[] valid) {
        /// A row alone, cut to its tokens, every position a loss position.
        static Batch whole(TextRows.Rows row) {
            int length = row.used()[0];
            return new Batch(
                    "harvest",
                    row.firstRow(),
                    Tensors.of(
                            Arrays.stream(row.tokens()[0]).limit(length).asLongStream().toArray(),
                            1,
                            length),
                    null,
                    new LossPositions(
                            Tensors.of(
                                    IntStream.range(0, length).asLongStream().toArray(), 1, length),
                            null));
        }

        static Slice of(TextRows.Rows rows) {
            int count = rows.tokens().length;
            int length = Math.max(1, Arrays.stream(rows.used()).max().orElse(1));
            int[] tokens = new int[count * length];
            long[] inputs = new long[count * length];
            long[] index = new long[count * length];
            boolean[] valid = new boolean[count * length];
            for (int cell = 0; cell < tokens.length; cell++) {
                tokens[cell] = rows.tokens()[cell / length][cell % length];
                inputs[cell] = tokens[cell];
                index[cell] = cell % length;
                valid[cell] = cell % length < rows.used()[cell / length];
            }
            @Nullable Tensor flags =
                    rows.count() == tokens.length ? null : Tensors.of(valid, count, length);
            return new Slice(
                    new Batch(
                            "harvest",
                            rows.firstRow(),
                            Tensors.of(inputs, count, length),
                            flags,
                            new LossPositions(Tensors.of(index, count, length), flags)),
                    tokens,
                    valid);
        }
    }
}
