package cleave.cli;

import cleave.analysis.Evaluation;
import cleave.command.JsonOutput;
import cleave.command.RankOptions;
import cleave.command.RunCensus;
import cleave.command.Tables;
import cleave.study.SweepOption;
import cleave.sweep.Row;
import cleave.sweep.Seeds;
import cleave.sweep.Summary;
import cleave.sweep.SummaryText;
import cleave.sweep.Sweep;
import cleave.sweep.SweepPlan;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave sweep`: one configuration with several seeds and values, and a table of what came out.
@Command(
        name = "sweep",
        description =
                "Run a configuration with several seeds and values of keys, and tabulate the"
                        + " figures of every run. The same command goes on where a sweep was"
                        + " interrupted; more seeds and values may be added.")
final class SweepCommand implements Callable<Integer> {
    @Parameters(paramLabel = "CONFIG", description = "Configuration (docs/reference/run-files.md).")
    private Path config;

    @Option(
            names = "--seeds",
            paramLabel = "SEEDS",
            required = true,
            description = "Seeds: 0-4, 0,3,7 or 5.")
    private String seeds = "";

    @Option(
            names = "--vary",
            paramLabel = "KEY.PATH=A,B,C",
            description =
                    "A key and its values; may be repeated, and every combination is run. Values"
                            + " are YAML.")
    private List<String> variations = List.of();

    @Option(
            names = "--ablate",
            paramLabel = "KEY.PATH=A,B,C",
            description =
                    "Run the configuration as it is, and again with this one change, a run for each"
                            + " value; may be repeated, and each change is made alone. Not together"
                            + " with --vary.")
    private List<String> ablations = List.of();

    @Option(
            names = "--set",
            paramLabel = "KEY.PATH=VALUE",
            description = "Set a key of the configuration in every run; may be repeated.")
    private List<String> settings = List.of();

    @Option(
            names = "--jobs",
            paramLabel = "N",
            defaultValue = "1",
            description =
                    "Runs at a time, each with the configuration's machine.workers. Default: 1.")
    private int jobs;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            defaultValue = "2048",
            description = "Sequences of each run's census. Default: 2048.")
    private int sequences;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description =
                    "Directory of the sweep. Default: runs/ and the configuration's name and"
                            + " -sweep.")
    private @Nullable Path directory;

    @Option(
            names = "--plot",
            paramLabel = "X,Y[,LABEL]",
            description =
                    "Also draw figure Y by figure X, a point for each run with LABEL beside it,"
                            + " such as unique.all,kl.importance,faithfulness; may be repeated. The"
                            + " picture is X-Y.svg or X-Y-LABEL.svg in the directory of the sweep.")
    private List<String> plots = List.of();

    @Mixin private final RankOptions ranks = new RankOptions();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    private final List<SweepOption> studies;

    private SweepCommand(List<SweepOption> studies) {
        this.studies = studies;
    }

    /// The command with the options of the studies.
    static CommandSpec with(List<SweepOption> studies) {
        CommandSpec command = CommandSpec.forAnnotatedObject(new SweepCommand(studies));
        studies.forEach(option ->
                command.addMixin(option.family(), CommandSpec.forAnnotatedObject(option)));
        return command;
    }

    /// What `--json` prints.
    private record Done(String sweep, int failed, int missing, Summary summary, List<Row> rows) {}

    @Override
    public Integer call() throws IOException {
        RunCensus.requireSequences(sequences);
        List<SweepPlot> pictures =
                plots.stream()
                        .map(names ->
                                SweepPlot.parse(
                                        names, studies.stream().map(SweepOption::family).toList()))
                        .toList();
        SweepPlan plan =
                SweepPlan.read(config, settings, variations, ablations, Seeds.parse(seeds));
        plan.cells()
                .forEach(cell ->
                        Evaluation.requireCountable(
                                sequences, cell.file().streams().getFirst().length()));
        List<Sweep.Measure> measures =
                studies.stream().flatMap(option -> option.measure(plan).stream()).toList();
        Path out = directory == null ? defaultDirectory(config) : directory;
        PrintWriter err = command.commandLine().getErr();
        Sweep.Order order =
                new Sweep.Order(
                        plan,
                        out,
                        jobs,
                        sequences,
                        Main.class,
                        run -> RunCensus.of(run, 0.5, sequences),
                        measures);
        Optional<Sweep.Outcome> whole =
                ranks.run(
                        Main.class,
                        () -> {}, // the plan has loaded libtorch
                        "runs that ended are kept, and those under way are saved; the same command goes on, with any number of ranks",
                        exchange -> {
                            Sweep.Outcome outcome =
                                    Sweep.run(
                                            order,
                                            exchange,
                                            line -> {
                                                err.println(line);
                                                err.flush();
                                            });
                            return Optional.of(outcome).filter(_ -> exchange.writes());
                        });
        return whole.isPresent() ? tell(whole.get(), out, pictures) : CommandLine.ExitCode.OK;
    }

    private int tell(Sweep.Outcome outcome, Path out, List<SweepPlot> pictures) throws IOException {
        Summary summary = Summary.of(outcome.rows());
        String text = text(summary, outcome);
        AtomicFile.write(out.resolve("summary.txt"), text);
        if (json.enabled()) {
            json.print(
                    new Done(
                            out.toString(),
                            outcome.failed(),
                            outcome.missing(),
                            summary,
                            outcome.rows()));
        } else {
            json.text().print(text);
            json.text().println("rows: %s".formatted(out.resolve("rows.csv")));
        }
        for (SweepPlot picture : pictures) {
            AtomicFile.write(out.resolve(picture.file()), picture.svg(outcome.rows()));
        }
        return outcome.failed() + outcome.missing() > 0
                ? CommandLine.ExitCode.SOFTWARE
                : CommandLine.ExitCode.OK;
    }

    private static Path defaultDirectory(Path config) {
        Path run = DecomposeCommand.defaultDirectory(config);
        return run.resolveSibling(run.getFileName() + "-sweep");
    }

    private static String text(Summary summary, Sweep.Outcome outcome) {
        List<List<String>> cells = SummaryText.table(summary, outcome.rows());
        Tables table = new Tables(cells.getFirst());
        cells.stream().skip(1).forEach(table::row);
        StringBuilder text =
                new StringBuilder("Mean +- standard deviation over seeds" + System.lineSeparator());
        text.append(table);
        outcome.rows().stream()
                .filter(row -> !row.finished())
                .forEach(row -> text.append("failed: %s: %s%n".formatted(row.run(), row.error())));
        return text.toString();
    }
}
