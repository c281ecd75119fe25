package cleave.study.toys;

import cleave.command.LiveLine;
import cleave.config.Binder;
import cleave.config.ConfigFile;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.hub.Model;
import cleave.hub.Sha256;
import cleave.run.LoadedRun;
import cleave.run.Provenance;
import cleave.run.RunFile;
import cleave.run.TargetFile;
import cleave.run.TargetRun;
import cleave.study.toys.ToySuite.Toy;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;

/// The toys of a suite in one folder: their targets, made where they are missing, their
/// decompositions, and the rows of figures that these leave.
final class ToyRuns {
    /// Which of a toy's settings are wanted.
    enum Settings {
        /// Minutes.
        QUICK,
        /// Shorter ones than the paper's, where the toy has them.
        SHORT,
        /// The paper's.
        PAPER;

        /// Whether a toy has exactly these.
        boolean isOf(Toy toy) {
            return toy.settings().containsKey(key());
        }

        private String nameFor(Toy toy) {
            return this == SHORT && !isOf(toy) ? PAPER.key() : key();
        }

        private String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// Decomposes a target and follows it.
    @FunctionalInterface
    interface Decomposer {
        /// Begins a run or goes on with it.
        ///
        /// @param begun whether the folder holds a run that was interrupted
        /// @return whether it ended; false when the process was told to stop
        boolean run(RunFile file, Path run, boolean begun) throws IOException;
    }

    /// What came out.
    ///
    /// @param verdicts one for each toy that has a row
    /// @param complete whether every row that was to be made was made
    record Outcome(List<ToyVerdict> verdicts, boolean complete) {
        /// Whether nothing is missing and every toy meets its thresholds.
        boolean isFine() {
            return complete && verdicts.stream().allMatch(ToyVerdict::isFine);
        }
    }

    private final Path base;
    private final Path directory;
    private final ToyRows rows;
    private final Decomposer decomposer;
    private final PrintWriter say;

    /// @param base where the suite's relative paths start
    /// @param directory of the runs and of the targets that are made
    /// @param rows of earlier runs; new ones are added
    /// @param say is told what is done
    ToyRuns(Path base, Path directory, ToyRows rows, Decomposer decomposer, PrintWriter say) {
        this.base = base;
        this.directory = directory;
        this.rows = rows;
        this.decomposer = decomposer;
        this.say = say;
    }

    /// The rows of toys, each made where it is missing, until the process is told to stop.
    ///
    /// @throws UserError when a toy has no such settings
    Outcome made(List<Toy> toys, List<Long> seeds, Settings settings) throws IOException {
        return outcome(toys, seeds, settings, false);
    }

    /// The rows that are there already; nothing is run.
    ///
    /// @throws UserError when a toy has no such settings
    Outcome kept(List<Toy> toys, List<Long> seeds, Settings settings) throws IOException {
        return outcome(toys, seeds, settings, true);
    }

    private Outcome outcome(List<Toy> toys, List<Long> seeds, Settings settings, boolean kept)
            throws IOException {
        List<ToyVerdict> verdicts = new ArrayList<>();
        boolean complete = true;
        for (Toy toy : toys) {
            List<ToyRow> own = new ArrayList<>();
            for (long seed : seeds) {
                Optional<ToyRow> row = row(toy, seed, settings, kept);
                row.ifPresent(own::add);
                complete &= row.isPresent() || kept;
            }
            if (!own.isEmpty()) {
                verdicts.add(new ToyVerdict(toy, own));
            }
            if (!complete) {
                break; // the process was told to stop
            }
        }
        return new Outcome(verdicts, complete);
    }

    /// The row of a toy and seed, kept or made; empty when the process was told to stop, or nothing
    /// is kept and nothing may be run.
    private Optional<ToyRow> row(Toy toy, long seed, Settings wanted, boolean kept)
            throws IOException {
        String settings = wanted.nameFor(toy);
        String file = toy.settings().get(settings);
        if (file == null) {
            throw new UserError(
                    "toy %s must have settings %s, got %s"
                            .formatted(toy.name(), settings, toy.settings().keySet()));
        }
        Path config = base.resolve(file).normalize();
        Optional<Path> model = model(toy, kept);
        if (model.isEmpty()) {
            return Optional.empty();
        }
        ToyRow.Key key =
                new ToyRow.Key(
                        toy.name(), settings, seed, digest(config), Model.sha256(model.get()));
        Optional<ToyRow> before = rows.newest(key);
        if (before.isPresent() || kept) {
            return before;
        }
        Optional<ToyRow> made = decomposed(toy, key, config, model.get());
        if (made.isPresent()) {
            rows.add(made.get());
        }
        return made;
    }

    /// A digest of what decides the numbers, whatever the seed, the place of the target, the
    /// machine and the cadence.
    private static String digest(Path config) {
        RunFile file =
                ConfigFile.read(
                        config,
                        List.of(
                                "seed=0",
                                "target=target",
                                "machine={workers: 1, slice: 1, precision: float32}",
                                "cadence={log: 1, checkpoint: 1}"),
                        RunFile.class);
        return Sha256.ofText(YamlTree.write(Binder.toTree(file)));
    }

    /// The folder of a toy's target, made where it is missing; empty when nothing may be run.
    private Optional<Path> model(Toy toy, boolean kept) throws IOException {
        Path shipped = base.resolve(toy.model()).normalize();
        Path trained = directory.resolve("targets").resolve(String.valueOf(shipped.getFileName()));
        Path target = Model.isModel(shipped) ? shipped : trained;
        if (!Model.isModel(target)) {
            if (kept) {
                return Optional.empty();
            }
            train(base.resolve(toy.training()).normalize(), target);
        }
        if (toy.control().isEmpty()) {
            return Optional.of(target);
        }
        Path control = directory.resolve("targets").resolve(toy.name());
        if (!Model.isModel(control)) {
            toy.control().get().write(target, control, 0);
        }
        return Optional.of(control);
    }

    private void train(Path config, Path folder) throws IOException {
        TargetFile file = ConfigFile.read(config, List.of(), TargetFile.class);
        try (LiveLine line = new LiveLine(say, "train", 0, file.steps())) {
            TargetRun.train(
                    file,
                    folder,
                    "bin/cleave train configs/targets/" + config.getFileName(),
                    (step, _, loss) ->
                            line.show(step + 1, String.format(Locale.ROOT, "loss %.2e", loss)));
        }
    }

    private Optional<ToyRow> decomposed(Toy toy, ToyRow.Key key, Path config, Path model)
            throws IOException {
        RunFile file =
                RunFile.read(
                        config,
                        List.of(
                                "seed=" + key.seed(),
                                "target=" + model.toAbsolutePath().normalize()));
        Path run = directory.resolve("%s-%s-%d".formatted(toy.name(), key.settings(), key.seed()));
        boolean begun = Files.exists(run.resolve("config.yaml"));
        say("%s, %s settings, seed %d: %s".formatted(toy.name(), key.settings(), key.seed(), run));
        if (!decomposer.run(file, run, begun)) {
            return Optional.empty();
        }
        try (LoadedRun loaded = LoadedRun.open(run)) {
            ToyFigures figures =
                    ToyFigures.of(
                            loaded.decomposition(),
                            loaded.task(),
                            ToySolution.of(loaded.model().target(), toy.cuts()));
            say("report: " + ToyReport.write(loaded, figures));
            return Optional.of(new ToyRow(key, figures.numbers(), facts(loaded)));
        }
    }

    private static SequencedMap<String, String> facts(LoadedRun run) {
        Provenance provenance = Provenance.read(run.directory());
        Provenance.Session last = provenance.sessions().getLast();
        Duration time = Duration.ZERO;
        for (Provenance.Session session : provenance.sessions()) {
            if (session.ended() != null) {
                time = time.plus(Duration.between(session.started(), session.ended()));
            }
        }
        SequencedMap<String, String> facts = new LinkedHashMap<>();
        facts.put("command", "bin/cleave " + String.join(" ", last.commandLine()));
        facts.put("steps", Long.toString(run.file().steps()));
        facts.put("seconds", Long.toString(time.toSeconds()));
        facts.put("sessions", Integer.toString(provenance.sessions().size()));
        facts.put("date", last.started().toString());
        facts.put("cpu", String.valueOf(last.machine().cpu()));
        facts.put("workers", Integer.toString(last.machine().threads()));
        facts.put("version", last.program().version());
        String commit = last.program().gitCommit();
        if (commit != null) {
            facts.put(
                    "commit",
                    commit + (Boolean.TRUE.equals(last.program().gitDirty()) ? "-dirty" : ""));
        }
        return facts;
    }

    private void say(String line) {
        say.println(line);
        say.flush();
    }
}
