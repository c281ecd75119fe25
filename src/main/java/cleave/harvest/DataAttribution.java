package cleave.harvest;

import cleave.analysis.Importances;
import cleave.attribution.Attribution;
import cleave.attribution.EdgeSums;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.hub.Sha256;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Held;
import cleave.model.Target;
import cleave.ranks.Exchange;
import cleave.run.LoadedRun;
import cleave.tensor.AtomicFile;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;

/// What works on what over a text, and on the most probable token after each row of it. This is
/// what `attribution.json` holds.
///
/// @param format `cleave-attribution`
/// @param version of the format
/// @param settings what was added up
/// @param summary the sums
public record DataAttribution(
        String format, int version, Settings settings, EdgeSums.Summary summary) {

    /// The name of the file beside a harvest.
    public static final String FILE = "attribution.json";

    /// The version that is written.
    public static final int VERSION = 1;

    private static final String FORMAT = "cleave-attribution";

    /// What was added up.
    ///
    /// @param target name of the run's target
    /// @param step of the checkpoint
    /// @param decomposition SHA-256 of its file
    /// @param source the SHA-256 of each text file; `task` for the run's own
    /// @param tokens at most so many
    /// @param length of the rows
    /// @param threshold subcomponents are nodes where their importance is above it
    /// @param masks `importance` or `ones`: the pass that is differentiated
    /// @param held `nothing`, `norms` or `attention`: what is a constant then
    /// @param random readers beside each
    public record Settings(
            String target,
            long step,
            String decomposition,
            List<String> source,
            long tokens,
            int length,
            double threshold,
            String masks,
            String held,
            int random) {
        /// Keeps its own list.
        public Settings {
            source = List.copyOf(source);
        }
    }

    /// Adds up the edges of all rows of a text, with other ranks, of which each takes a part of the
    /// rows. All get the same; other numbers of ranks give the same but for rounding.
    ///
    /// @param how of which `edges` are kept in the result
    /// @param progress is told how many tokens of this rank are done
    /// @throws UserError when the run or the text cannot be used
    public static DataAttribution of(
            LoadedRun run,
            TextChoice choice,
            Attribution.Settings how,
            Exchange exchange,
            LongConsumer progress)
            throws IOException {
        RunText text = new RunText(run, choice, "attribution");
        if (run.model().target().outputs() != Target.Outputs.LOGITS) {
            throw new UserError("attribution over text must have a model of tokens");
        }
        Decomposition decomposition = run.decomposition();
        EdgeSums sums = sums(decomposition, how);
        TextRows rows = text.rows(1);
        long done = 0;
        try {
            for (var row = rows.next(); row != null; row = rows.next()) {
                TextRows.Rows one = row;
                if (one.index() % exchange.size() != exchange.rank()) {
                    continue;
                }
                if (one.count() > 0) {
                    Scopes.run(() ->
                            Scopes.withoutGradient(() -> {
                                add(decomposition, RunText.Slice.whole(one), how, sums);
                                return null;
                            }));
                }
                done += one.count();
                progress.accept(done);
            }
        } finally {
            RunText.close(rows);
        }
        EdgeSums all = exchange.size() == 1 ? sums : merged(sums, decomposition, how, exchange);
        return new DataAttribution(
                FORMAT,
                VERSION,
                new Settings(
                        run.targetName(),
                        run.checkpoint().step(),
                        Sha256.of(run.checkpoint().decomposition()),
                        text.source(),
                        choice.tokens(),
                        text.length(),
                        how.threshold(),
                        how.base() == Attribution.Base.IMPORTANCE ? "importance" : "ones",
                        held(how.held()),
                        how.random()),
                all.summary(how.edges()));
    }

    private static EdgeSums sums(Decomposition decomposition, Attribution.Settings how) {
        return new EdgeSums(
                decomposition.sites().stream().map(DecomposedSite::name).toList(),
                decomposition.sites().stream().map(DecomposedSite::original).toList(),
                how.random());
    }

    /// The sums of all ranks, added in their order on each.
    private static EdgeSums merged(
            EdgeSums own,
            Decomposition decomposition,
            Attribution.Settings how,
            Exchange exchange) {
        EdgeSums all = sums(decomposition, how);
        for (int rank = 0; rank < exchange.size(); rank++) {
            boolean gives = rank == exchange.rank();
            all.add(exchange.broadcast(rank, gives ? own.numbers() : new double[0]));
        }
        return all;
    }

    private static String held(Held held) {
        return switch (held) {
            case NOTHING -> "nothing";
            case NORMS -> "norms";
            case NORMS_AND_ATTENTION -> "attention";
        };
    }

    /// One row, without padding.
    private static void add(
            Decomposition decomposition, Batch batch, Attribution.Settings how, EdgeSums sums) {
        Clean clean = decomposition.target().clean(batch);
        List<Tensor> lower = Importances.of(decomposition, clean, batch);
        int last = (int) batch.length() - 1;
        Tensor logits = clean.outputs().select(0, 0).select(0, last).contiguous();
        double[] weights = new double[(int) logits.numel()];
        weights[(int) Tensors.number(logits.argmax())] = 1;
        Attribution.add(
                decomposition, batch, clean, lower, new Attribution.End(last, weights), how, sums);
    }

    /// Writes the file.
    public void write(Path file) throws IOException {
        AtomicFile.write(file, HarvestFolder.JSON.writeValueAsString(this) + "\n");
    }

    /// What is beside a harvest.
    ///
    /// @param folder of a harvest, or of a run
    /// @return none where there is no such file
    /// @throws UserError when it is another file, or one of a newer version
    public static Optional<DataAttribution> in(Path folder) {
        Path file = folder.resolve(FILE);
        return Files.isRegularFile(file) ? Optional.of(read(file)) : Optional.empty();
    }

    /// Reads a file.
    ///
    /// @throws UserError when it is another file, or one of a newer version
    public static DataAttribution read(Path file) {
        return Versioned.read(file, "attribution", FORMAT, VERSION, DataAttribution.class);
    }
}
