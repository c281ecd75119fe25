package cleave.harvest;

import cleave.analysis.Importances;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.engine.Products;
import cleave.hub.Sha256;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.ranks.Exchange;
import cleave.run.LoadedRun;
import cleave.run.RunLock;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.Workers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// One pass over text with a finished decomposition. What it adds up it saves now and then, so that
/// it goes on where it was stopped; parts of the text can be harvested apart and merged.
public final class Harvest {
    // Importances and inner activations of a slice, numbers.
    private static final long SLICE_NUMBERS = 2_000_000;
    private static final int MOST_ROWS = 64;
    private static final String PARTS = "parts"; // of ranks, until they are merged

    /// How a harvest is made.
    ///
    /// @param text files and folders of text; none for the run's own task
    /// @param tokens at most so many, over all parts
    /// @param length of the rows; empty for the length of the run's first stream
    /// @param threshold a subcomponent is active where its importance is above it
    /// @param examples of each kind for each subcomponent
    /// @param workers threads
    /// @param part which part of the slices, from 1
    /// @param parts how many parts there are
    /// @param saveEvery how often the sums are saved
    public record Settings(
            List<Path> text,
            long tokens,
            Optional<Integer> length,
            double threshold,
            int examples,
            int workers,
            int part,
            int parts,
            Duration saveEvery) {

        /// Checks the numbers.
        ///
        /// @throws UserError naming the option
        public Settings {
            text = List.copyOf(text);
            require(
                    tokens >= 1 && tokens <= Integer.MAX_VALUE,
                    "--tokens",
                    "1..2147483647",
                    tokens);
            require(threshold >= 0 && threshold < 1, "--threshold", "0..1 and below 1", threshold);
            require(examples >= 1 && examples <= 1000, "--examples", "1..1000", examples);
            require(workers >= 1 && workers <= 256, "--workers", "1..256", workers);
            require(
                    part >= 1 && part <= parts && parts <= 1000,
                    "--part",
                    "I/N with 1 <= I <= N <= 1000",
                    part + "/" + parts);
        }

        private Settings ofPart(int other, int of) {
            return new Settings(
                    text, tokens, length, threshold, examples, workers, other, of, saveEvery);
        }

        private static void require(boolean holds, String name, String range, Object got) {
            if (!holds) {
                throw new UserError("%s must be in %s, got %s".formatted(name, range, got));
            }
        }
    }

    private final LoadedRun run;
    private final Decomposition decomposition;
    private final Settings options;
    private final Pieces pieces;
    private final HarvestSettings settings;
    private final RunText text;

    private long taken; // slices
    private long saved = System.nanoTime();

    private Harvest(LoadedRun run, Settings options) throws IOException {
        this.run = run;
        this.decomposition = run.decomposition();
        this.options = options;
        text =
                new RunText(
                        run,
                        new TextChoice(options.text(), options.tokens(), options.length()),
                        "harvest");
        pieces = Pieces.of(decomposition);
        int length = text.length();
        long wide = decomposition.sites().stream().mapToLong(each -> each.count()).sum();
        int slice = Math.clamp(SLICE_NUMBERS / (length * wide), 1, MOST_ROWS);
        settings =
                new HarvestSettings(
                        HarvestSettings.VERSION,
                        run.targetName(),
                        run.checkpoint().step(),
                        Sha256.of(run.checkpoint().decomposition()),
                        text.source(),
                        options.tokens(),
                        length,
                        slice,
                        options.threshold(),
                        options.examples(),
                        options.part(),
                        options.parts());
    }

    /// Harvests a run into a folder.
    ///
    /// @param folder new, or one in which a harvest of the same settings was stopped
    /// @param resume whether to go on with what is there; else the folder must hold no harvest
    /// @param progress is told how many tokens are done
    /// @throws UserError when the folder holds something else
    public static void run(
            LoadedRun run, Settings options, Path folder, boolean resume, LongConsumer progress)
            throws IOException {
        HarvestFolder.requireFor(folder, resume);
        Files.createDirectories(folder);
        try (RunLock _ = RunLock.acquire(folder, "harvest")) {
            new Harvest(run, options).run(folder, progress);
        }
    }

    /// Harvests a run with other ranks, each a part of the text; rank 0 merges the parts into the
    /// folder, which all ranks must reach. What they found is where it would be without ranks.
    ///
    /// @param options of the whole, part 1 of 1
    /// @param progress is told how many tokens of this rank are done
    /// @throws UserError when the folder holds something else, or was begun by another number of
    ///   ranks
    public static void run(
            LoadedRun run,
            Settings options,
            Path folder,
            boolean resume,
            Exchange exchange,
            LongConsumer progress)
            throws IOException {
        if (exchange.size() == 1) {
            run(run, options, folder, resume, progress);
            return;
        }
        HarvestFolder.requireFor(folder, resume);
        exchange.barrier(); // nothing is written before all have looked
        if (Files.exists(folder.resolve(HarvestFolder.INDEX))) {
            return; // it was finished before
        }
        Path parts = folder.resolve(PARTS);
        List<Path> all =
                IntStream.rangeClosed(1, exchange.size())
                        .mapToObj(part -> parts.resolve(part + "-of-" + exchange.size()))
                        .toList();
        requireSameRanks(parts, all);
        exchange.barrier();
        Path own = all.get(exchange.rank());
        boolean finished = resume && Files.exists(own.resolve(HarvestFolder.INDEX));
        if (!finished) {
            run(run, options.ofPart(exchange.rank() + 1, exchange.size()), own, resume, progress);
        }
        exchange.barrier(); // every part is there
        if (exchange.writes()) {
            merge(run, all, folder);
            delete(parts);
        }
        exchange.barrier(); // no rank ends before all is written
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> there = Files.walk(folder)) {
            for (Path each : there.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }

    private static void requireSameRanks(Path parts, List<Path> all) throws IOException {
        if (!Files.isDirectory(parts)) {
            return;
        }
        try (Stream<Path> there = Files.list(parts)) {
            Optional<Path> other = there.filter(part -> !all.contains(part)).findFirst();
            if (other.isPresent()) {
                throw UserError.withHints(
                        "a harvest that goes on must have as many ranks as it began with, got %d (%s)"
                                .formatted(all.size(), other.get()),
                        "--out names another folder");
            }
        }
    }

    private void run(Path folder, LongConsumer progress) throws IOException {
        Path file = folder.resolve(SumsFile.NAME);
        HarvestSums sums = sums(pieces, options.threshold(), options.examples());
        long start = 0;
        if (Files.exists(file)) {
            SumsFile.Saved there = SumsFile.read(file);
            requireSame(there.settings(), settings, file);
            sums.add(there.columns());
            start = there.slices();
        }
        long refused;
        TextRows rows = text.rows(settings.slice());
        try (Workers workers = new Workers(options.workers())) {
            while (taken < start && rows.next() != null) {
                taken++;
            }
            boolean more = true;
            while (more) {
                more = round(workers, rows, sums, progress);
                SumsFile.write(file, settings, taken, sums);
                saved = System.nanoTime();
            }
        } finally {
            refused = rows instanceof FileRows files ? files.refused() : 0;
            RunText.close(rows);
        }
        HarvestFolder.write(folder, settings, run, pieces, sums, refused);
    }

    /// Lets every worker take slices until it is time to save; false when there are no more.
    private boolean round(Workers workers, TextRows rows, HarvestSums sums, LongConsumer progress) {
        Callable<Boolean> work =
                () -> {
                    while (true) {
                        TextRows.Rows next = next(rows);
                        if (next == null) {
                            return false;
                        }
                        if (next.index() % options.parts() == options.part() - 1) {
                            SliceNumbers numbers = numbers(next);
                            synchronized (sums) {
                                sums.add(numbers);
                                progress.accept(sums.positions());
                            }
                        }
                        if (System.nanoTime() - saved >= options.saveEvery().toNanos()) {
                            return true;
                        }
                    }
                };
        return workers
                .run(IntStream.range(0, workers.count()).mapToObj(_ -> work).toList())
                .stream()
                .allMatch(more -> more);
    }

    private synchronized TextRows.@Nullable Rows next(TextRows rows) {
        TextRows.Rows next = rows.next();
        taken += next == null ? 0 : 1;
        return next;
    }

    /// The pass of a slice, cut to its longest row.
    private SliceNumbers numbers(TextRows.Rows rows) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    RunText.Slice slice = RunText.Slice.of(rows);
                    return numbers(slice.batch(), slice.tokens(), slice.valid());
                }));
    }

    private SliceNumbers numbers(Batch batch, int[] tokens, boolean[] valid) {
        Clean clean = decomposition.target().clean(batch);
        long[] expected = Tensors.toLongs(clean.outputs().argmax(2));
        List<Tensor> lower = Importances.of(decomposition, clean, batch);
        float[][] importances = new float[lower.size()][];
        float[][] inner = new float[lower.size()][];
        for (int site = 0; site < lower.size(); site++) {
            int at = site;
            var decomposed = decomposition.sites().get(site);
            importances[site] = Tensors.toFloats(lower.get(site));
            inner[site] =
                    Scopes.run(() ->
                            Tensors.toFloats(
                                    Products.EXACT.product(
                                            Tensors.named(decomposed.name(), clean.inputs()),
                                            decomposition
                                                    .subcomponents(decomposition.sites().get(at))
                                                    .V())));
        }
        int[] next = new int[expected.length];
        for (int i = 0; i < next.length; i++) {
            next[i] = (int) expected[i];
        }
        return new SliceNumbers(
                batch.firstExample(),
                (int) batch.rows(),
                (int) batch.length(),
                tokens,
                valid,
                next,
                importances,
                inner);
    }

    private HarvestSums sums(Pieces pieces, double threshold, int examples) {
        return new HarvestSums(
                pieces.pieceAt(),
                pieces.all().size(),
                run.model().spec().tokens(),
                threshold,
                examples);
    }

    private static void requireSame(HarvestSettings there, HarvestSettings here, Path file) {
        if (!there.equals(here)) {
            throw new UserError(
                    "a harvest that goes on must have the settings it began with, %s, got %s (%s)"
                            .formatted(there, here, file));
        }
    }

    /// Merges harvested parts of one text into a folder.
    ///
    /// @param parts folders of all parts, in any order
    /// @throws UserError when they are not all parts of one harvest of this run
    public static void merge(LoadedRun run, List<Path> parts, Path folder) throws IOException {
        HarvestFolder.requireFor(folder, false);
        List<SumsFile.Saved> all =
                parts.stream().map(part -> SumsFile.read(part.resolve(SumsFile.NAME))).toList();
        HarvestSettings first = all.getFirst().settings();
        if (!first.decomposition().equals(Sha256.of(run.checkpoint().decomposition()))) {
            throw new UserError(
                    "parts must be of this run's last checkpoint, got others (%s)"
                            .formatted(parts.getFirst()));
        }
        HarvestSettings merged = first.ofPart(0, 0);
        boolean[] seen = new boolean[first.parts() + 1];
        for (int i = 0; i < all.size(); i++) {
            HarvestSettings own = all.get(i).settings();
            boolean finished = Files.exists(parts.get(i).resolve(HarvestFolder.INDEX));
            if (!own.ofPart(0, 0).equals(merged)
                    || own.parts() != first.parts()
                    || seen[own.part()]
                    || !finished) {
                throw new UserError(
                        "parts must be finished, of one harvest and each there once, got %s (%s)"
                                .formatted(
                                        finished
                                                ? "part %d of %d of %s"
                                                        .formatted(own.part(), own.parts(), own)
                                                : "one that was stopped",
                                        parts.get(i)));
            }
            seen[own.part()] = true;
        }
        if (all.size() != first.parts()) {
            throw new UserError(
                    "parts must be all %d, got %d".formatted(first.parts(), all.size()));
        }
        Pieces pieces = Pieces.of(run.decomposition());
        HarvestSums sums =
                new HarvestSums(
                        pieces.pieceAt(),
                        pieces.all().size(),
                        run.model().spec().tokens(),
                        first.threshold(),
                        first.examples());
        all.forEach(each -> sums.add(each.columns()));
        Files.createDirectories(folder);
        long slices = all.stream().mapToLong(SumsFile.Saved::slices).max().orElseThrow();
        HarvestSettings whole = first.ofPart(1, 1);
        SumsFile.write(folder.resolve(SumsFile.NAME), whole, slices, sums);
        HarvestFolder.write(
                folder, whole, run, pieces, sums, HarvestFolder.open(parts.getFirst()).refused());
    }
}
