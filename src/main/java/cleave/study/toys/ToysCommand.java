package cleave.study.toys;

import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.config.Binder;
import cleave.config.ConfigFile;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.hub.Model;
import cleave.hub.Sha256;
import cleave.run.LoadedRun;
import cleave.run.ModelTraining;
import cleave.run.Provenance;
import cleave.run.RunFile;
import cleave.run.TrainFile;
import cleave.study.toys.ToySuite.Toy;
import cleave.sweep.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `cleave toys`: the decompositions whose answer is known, against their thresholds.
@Command(
        name = "toys",
        description =
                "Decompose the toys whose answer is known and compare with thresholds and published"
                        + " figures. Continues what was interrupted, and keeps the rows of earlier"
                        + " runs. The exit code is 1 when a threshold is missed.")
public final class ToysCommand implements Callable<Integer> {
    private static final String PAPER = "paper";
    private static final String SHORT = "short";
    private static final String QUICK = "quick";

    @Option(
            names = "--only",
            paramLabel = "NAME",
            split = ",",
            description = "Only these toys; may be repeated.")
    private List<String> only = List.of();

    @Option(
            names = "--seeds",
            paramLabel = "SEEDS",
            defaultValue = "0",
            description = "Seeds of the decomposition, such as 0-2. Default: 0.")
    private String seeds = "0";

    @Option(
            names = "--quick",
            description = "The toys that have quick settings, in these: minutes in all.")
    private boolean quick;

    @Option(
            names = "--paper",
            description = "The SPD paper's settings also where there are shorter ones: hours.")
    private boolean paper;

    @Option(names = "--kept", description = "Run nothing; show the rows that are kept.")
    private boolean kept;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            defaultValue = "runs/toys",
            description = "Where run directories and trained targets go. Default: runs/toys.")
    private Path directory = Path.of("runs", "toys");

    @Option(
            names = "--rows",
            paramLabel = "FILE",
            description = "Where rows are kept. Default: rows.jsonl in DIR.")
    private @Nullable Path rowsFile;

    @Option(
            names = "--suite",
            paramLabel = "FILE",
            description = "What is run and its thresholds. Default: configs/toys/suite.yaml.")
    private @Nullable Path suiteFile;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        if (quick && paper) {
            throw new UserError("settings must be either --quick or --paper, got both");
        }
        Path suitePath =
                suiteFile == null
                        ? Path.of(System.getProperty("cleave.home", "."))
                                .resolve("configs/toys/suite.yaml")
                        : suiteFile;
        List<Long> wanted = Seeds.parse(seeds);
        List<Toy> chosen = chosen(ConfigFile.read(suitePath, List.of(), ToySuite.class));
        ToyRows rows = ToyRows.read(rowsFile == null ? directory.resolve("rows.jsonl") : rowsFile);
        Path base = suitePath.toAbsolutePath().resolveSibling("");
        List<ToyVerdict> verdicts = new ArrayList<>();
        boolean complete = true;
        for (Toy toy : chosen) {
            List<ToyRow> own = new ArrayList<>();
            for (long seed : wanted) {
                Optional<ToyRow> row = row(toy, seed, base, rows);
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
        boolean fine = complete && verdicts.stream().allMatch(ToyVerdict::isFine);
        if (json.enabled()) {
            json.print(ToysText.json(verdicts, fine));
        } else {
            json.text().print(ToysText.of(verdicts));
        }
        return fine ? 0 : 1;
    }

    private List<Toy> chosen(ToySuite suite) {
        List<String> names = suite.toys().stream().map(Toy::name).toList();
        for (String name : only) {
            if (!names.contains(name)) {
                throw new UserError("toy must be one of %s, got %s".formatted(names, name));
            }
        }
        return suite.toys().stream()
                .filter(toy -> only.isEmpty() || only.contains(toy.name()))
                .filter(toy -> !quick || toy.settings().containsKey(QUICK))
                .toList();
    }

    private String settings(Toy toy) {
        if (quick) {
            return QUICK;
        }
        return paper || !toy.settings().containsKey(SHORT) ? PAPER : SHORT;
    }

    /// The row of a toy and seed, kept or made; empty when the process was told to stop, or nothing
    /// is kept and nothing may be run.
    private Optional<ToyRow> row(Toy toy, long seed, Path base, ToyRows rows) throws IOException {
        String settings = settings(toy);
        String file = toy.settings().get(settings);
        if (file == null) {
            throw new UserError(
                    "toy %s must have settings %s, got %s"
                            .formatted(toy.name(), settings, toy.settings().keySet()));
        }
        Path config = base.resolve(file).normalize();
        Optional<Path> model = model(toy, base);
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
    private Optional<Path> model(Toy toy, Path base) throws IOException {
        Path shipped = base.resolve(toy.model()).normalize();
        Path trained = directory.resolve("targets").resolve(String.valueOf(shipped.getFileName()));
        Path target = isModel(shipped) ? shipped : trained;
        if (!isModel(target)) {
            if (kept) {
                return Optional.empty();
            }
            train(base.resolve(toy.training()).normalize(), target);
        }
        if (toy.control().isEmpty()) {
            return Optional.of(target);
        }
        Path control = directory.resolve("targets").resolve(toy.name());
        if (!isModel(control)) {
            toy.control().get().write(target, control, 0);
        }
        return Optional.of(control);
    }

    private static boolean isModel(Path folder) {
        return Model.isModel(folder);
    }

    private void train(Path config, Path folder) throws IOException {
        TrainFile file = ConfigFile.read(config, List.of(), TrainFile.class);
        try (LiveLine line =
                new LiveLine(command.commandLine().getErr(), "train", 0, file.steps())) {
            ModelTraining.train(
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
        if (!Decomposing.run(file, run, Optional.empty(), begun, command)) {
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
        command.commandLine().getErr().println(line);
        command.commandLine().getErr().flush();
    }
}
