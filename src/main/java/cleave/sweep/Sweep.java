package cleave.sweep;

import cleave.analysis.Census;
import cleave.config.UserError;
import cleave.ranks.Exchange;
import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.run.Provenance;
import cleave.run.RunDirectory;
import cleave.run.RunLock;
import cleave.run.Stop;
import cleave.tensor.NativeRuntime;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Makes the runs of a plan in one directory, measures each, and keeps a row of it. What is there
/// already is not made again: finished runs stand, begun ones are resumed, failed ones tried again.
///
/// Several ranks share the runs that are not finished: of these the rank r makes the runs r, r + N,
/// r + 2 N and so on, each by itself, and rank 0 keeps the rows.
public final class Sweep {

    /// What to run and how.
    ///
    /// @param plan the runs
    /// @param directory of the sweep
    /// @param jobs runs at a time
    /// @param sequences of each census
    /// @param main the program's main class, for the processes of the runs
    /// @param census measures a finished run
    /// @param measures what else is measured of a finished run
    public record Order(
            SweepPlan plan,
            Path directory,
            int jobs,
            int sequences,
            Class<?> main,
            Function<LoadedRun, Census> census,
            List<Measure> measures) {

        /// Checks the number of jobs.
        public Order {
            if (jobs < 1 || jobs > 256) {
                throw new UserError("--jobs must be in 1..256, got " + jobs);
            }
        }
    }

    /// What is measured of a finished run beside its census.
    ///
    /// @param name of the option that asks for it, without dashes
    /// @param value of the option; the runs of a sweep share it
    /// @param figures measures: figures by name, null where one is not finite
    public record Measure(
            String name,
            double value,
            Function<LoadedRun, SequencedMap<String, @Nullable Double>> figures) {}

    /// Where a sweep stands.
    ///
    /// @param rows of every run in the directory that ended
    /// @param failed how many of the plan's runs have an error
    /// @param missing how many of the plan's runs have no row: the sweep was told to end
    public record Outcome(List<Row> rows, int failed, int missing) {}

    private static final Duration LOOK = Duration.ofMillis(500); // how often ranks meet

    private final Order order;
    private final Exchange exchange;
    private final SweepDirectory directory;
    private final ChildRun children;
    private final Consumer<String> say;
    private final Queue<Row> ended = new ConcurrentLinkedQueue<>(); // rows for rank 0
    private volatile boolean toldToEnd; // by another rank

    private Sweep(Order order, Exchange exchange, SweepDirectory directory, Consumer<String> say)
            throws IOException {
        this.order = order;
        this.exchange = exchange;
        this.directory = directory;
        this.children =
                new ChildRun(
                        ProgramCopy.command(directory.path(), order.main(), exchange.writes()));
        this.say = say;
    }

    /// Runs to the end, or until the process is told to stop; then the runs under way are saved.
    ///
    /// @param exchange with the other ranks, which all reach the directory; each makes a part of
    ///   the runs
    /// @param say takes lines about progress, from several threads
    /// @return where the sweep stands; on a rank that does not write, nothing of it
    public static Outcome run(Order order, Exchange exchange, Consumer<String> say)
            throws IOException {
        if (exchange.writes()) {
            try (SweepDirectory directory =
                    SweepDirectory.open(
                            order.directory(), order.plan(), order.sequences(), order.measures())) {
                Sweep sweep = new Sweep(order, exchange, directory, say);
                exchange.barrier(); // the directory is there, with the copy of the program
                return sweep.run();
            }
        }
        exchange.barrier();
        try (SweepDirectory directory = SweepDirectory.ofAnother(order.directory())) {
            return new Sweep(order, exchange, directory, say).run();
        }
    }

    private Outcome run() throws IOException {
        try (Stop stop = new Stop(children::stop)) {
            List<Callable<Boolean>> tasks = new ArrayList<>();
            for (Cell cell : own()) {
                tasks.add(() -> {
                    if (!isToEnd(stop)) {
                        make(cell, stop);
                    }
                    return true;
                });
            }
            inTurn(tasks, stop);
            return exchange.writes() ? outcome() : new Outcome(List.of(), 0, 0);
        }
    }

    /// The runs that this rank makes: its share of those that are not finished, as rank 0 knows.
    private List<Cell> own() {
        List<Cell> cells = order.plan().cells();
        double[] finished =
                exchange.broadcast(
                        0, cells.stream().mapToDouble(cell -> isFinished(cell) ? 1 : 0).toArray());
        List<Cell> own = new ArrayList<>();
        int left = 0;
        for (int i = 0; i < cells.size(); i++) {
            if (finished[i] == 0 && left++ % exchange.size() == exchange.rank()) {
                own.add(cells.get(i));
            }
        }
        return own;
    }

    private boolean isToEnd(Stop stop) {
        return stop.asked() || toldToEnd;
    }

    private Outcome outcome() {
        int failed = 0;
        int missing = 0;
        for (Cell cell : order.plan().cells()) {
            Optional<Row> row = directory.row(cell);
            failed += row.isPresent() && !row.get().finished() ? 1 : 0;
            missing += row.isPresent() ? 0 : 1;
        }
        if (missing > 0) {
            say.accept(
                    "stopped with %d of %d runs to do, and saved\nnext: the same command"
                            .formatted(missing, order.plan().cells().size()));
        }
        return new Outcome(directory.rows(), failed, missing);
    }

    private void inTurn(List<Callable<Boolean>> tasks, Stop stop) throws IOException {
        ExecutorService threads = Executors.newFixedThreadPool(order.jobs());
        boolean whole = false;
        try {
            List<Future<Boolean>> all = tasks.stream().map(threads::submit).toList();
            if (exchange.size() > 1) {
                meet(all, stop);
            }
            threads.close(); // after all
            for (Future<Boolean> each : all) {
                each.get();
            }
            whole = true;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for runs", interrupted);
        } catch (ExecutionException failure) {
            switch (failure.getCause()) {
                case IOException io -> throw io;
                case RuntimeException ours -> throw ours;
                case null, default -> throw new IllegalStateException(failure);
            }
        } finally {
            if (!whole) { // the runs under way save, and nobody waits for them
                toldToEnd = true;
                threads.shutdown();
                children.stop();
            }
        }
    }

    /// Meets the other ranks again and again until all have made their runs: rank 0 gets the rows,
    /// and all end when one is told to.
    private void meet(List<Future<Boolean>> all, Stop stop)
            throws IOException, InterruptedException {
        boolean busy = true;
        while (busy) {
            boolean here = all.stream().anyMatch(each -> !each.isDone());
            List<Row> rows = new ArrayList<>();
            for (Row row = ended.poll(); row != null; row = ended.poll()) {
                rows.add(row);
            }
            List<String> texts = exchange.texts(SweepDirectory.text(rows));
            if (exchange.writes()) {
                for (int rank = 1; rank < texts.size(); rank++) {
                    keep(rank, SweepDirectory.rows(texts.get(rank)));
                }
            }
            if (exchange.any(isToEnd(stop))) {
                toldToEnd = true;
                children.stop();
            }
            busy = exchange.any(here);
            if (busy) {
                Thread.sleep(LOOK);
            }
        }
    }

    private void keep(int rank, List<Row> rows) throws IOException {
        for (Row row : rows) {
            directory.keep(row);
            say.accept(
                    "[%s] %s by rank %d"
                            .formatted(row.run(), row.finished() ? "finished" : "failed", rank));
        }
    }

    private void keep(Row row) throws IOException {
        if (exchange.writes()) {
            directory.keep(row);
        } else {
            ended.add(row);
        }
    }

    private boolean isFinished(Cell cell) {
        return directory.row(cell).map(Row::finished).orElse(false);
    }

    /// One run from wherever it stands to its row. It has none when the sweep was told to end.
    private void make(Cell cell, Stop stop) throws IOException {
        Path run = directory.run(cell);
        Consumer<String> tell = line -> say.accept("[%s] %s".formatted(cell.directory(), line));
        try {
            if (!isAtEnd(cell, run)) {
                awaitWriter(run, stop, tell);
                ChildRun.Ending ending = children.run(arguments(cell, run), tell);
                if (!isAtEnd(cell, run)) {
                    if (!isToEnd(stop)) {
                        keep(cell, run, ending.toString(), tell);
                    }
                    return;
                }
            }
            NativeRuntime.prepareThread();
            try (LoadedRun loaded = LoadedRun.open(run)) {
                SequencedMap<String, @Nullable Double> figures =
                        RowFigures.of(order.census().apply(loaded));
                order.measures().forEach(each -> figures.putAll(each.figures().apply(loaded)));
                keep(row(cell, run, null, figures));
            }
            tell.accept("finished");
        } catch (RuntimeException failure) {
            keep(cell, run, String.valueOf(failure.getMessage()), tell);
        }
    }

    private void keep(Cell cell, Path run, String error, Consumer<String> tell) throws IOException {
        tell.accept("failed: " + error);
        keep(row(cell, run, error, Map.of()));
    }

    private Row row(
            Cell cell, Path run, @Nullable String error, Map<String, @Nullable Double> figures) {
        Optional<RunDirectory> begun =
                isBegun(run) ? Optional.of(RunDirectory.open(run)) : Optional.empty();
        Optional<Provenance.Session> last =
                begun.map(made -> Provenance.read(made).sessions().getLast());
        return new Row(
                cell.varied(),
                cell.seed(),
                cell.directory(),
                error,
                figures,
                begun.map(MetricsLog::trainingSeconds).orElse(0.0) / 60,
                last.map(Provenance.Session::program).orElse(null),
                last.map(Provenance.Session::machine).orElse(null),
                order.plan().command(cell, run));
    }

    private List<String> arguments(Cell cell, Path run) throws IOException {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("decompose", directory.config(cell).toString()));
        arguments.addAll(List.of("--run", run.toString(), "--while-input"));
        if (isBegun(run)) {
            arguments.add("--resume");
        }
        return arguments;
    }

    private static boolean isBegun(Path run) {
        return Files.isRegularFile(run.resolve("config.yaml"));
    }

    private static boolean isAtEnd(Cell cell, Path run) {
        return isBegun(run)
                && RunDirectory.open(run)
                        .checkpoints()
                        .latest(_ -> {})
                        .map(saved -> saved.step() == cell.file().steps())
                        .orElse(false);
    }

    /// The run of a sweep that was killed may still be saving its state.
    private void awaitWriter(Path run, Stop stop, Consumer<String> tell) throws IOException {
        String said = "";
        while (isBegun(run) && !isToEnd(stop)) {
            try {
                RunLock.acquire(run, "run directory").close();
                return;
            } catch (UserError held) {
                String why = String.valueOf(held.getMessage());
                if (!why.equals(said)) {
                    said = why;
                    tell.accept("waiting: " + why);
                }
            }
            try {
                Thread.sleep(200);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for a run", interrupted);
            }
        }
    }
}
