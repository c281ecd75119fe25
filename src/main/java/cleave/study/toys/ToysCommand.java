package cleave.study.toys;

import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.config.ConfigFile;
import cleave.config.UserError;
import cleave.study.toys.ToyRuns.Settings;
import cleave.study.toys.ToySuite.Toy;
import cleave.sweep.Seeds;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
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
        ToyRuns runs =
                new ToyRuns(
                        suitePath.toAbsolutePath().resolveSibling(""),
                        directory,
                        rows,
                        (file, run, begun) ->
                                Decomposing.run(file, run, Optional.empty(), begun, command),
                        command.commandLine().getErr());
        ToyRuns.Outcome outcome =
                kept
                        ? runs.kept(chosen, wanted, settings())
                        : runs.made(chosen, wanted, settings());
        boolean fine = outcome.isFine();
        if (json.enabled()) {
            json.print(ToysText.json(outcome.verdicts(), fine));
        } else {
            json.text().print(ToysText.of(outcome.verdicts()));
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
                .filter(toy -> !quick || Settings.QUICK.isOf(toy))
                .toList();
    }

    /// Which of a toy's settings are asked for.
    private Settings settings() {
        return quick ? Settings.QUICK : paper ? Settings.PAPER : Settings.SHORT;
    }
}
