package cleave.cli;

import cleave.bench.Plan;
import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.command.RankOptions;
import cleave.command.ShellWord;
import cleave.config.UserError;
import cleave.ranks.Exchange;
import cleave.run.RunDirectory;
import cleave.run.RunFile;
import cleave.run.RunSettings;
import cleave.tensor.Device;
import cleave.tensor.Devices;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave decompose`: runs a decomposition in a run directory.
@Command(
        name = "decompose",
        description = "Decompose a target model into subcomponents with causal importances.")
final class DecomposeCommand implements Callable<Integer> {
    private static final double PLAN_WARM_UP = 10; // seconds

    @Parameters(
            paramLabel = "CONFIG",
            arity = "0..1",
            description =
                    "Configuration (docs/reference/run-files.md); with --resume and --run it may be left out.")
    private @Nullable Path configuration;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Run directory. Default: runs/ and the configuration's name.")
    private @Nullable Path directory;

    @Option(
            names = "--resume",
            description =
                    "Continue the run in DIR from its last checkpoint, with the settings that it began with.")
    private boolean resume;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description =
                    "With --resume: go on to N steps in the place of the run's own number. Its"
                            + " schedules are stretched over the N; what that does is said.")
    private @Nullable Long steps;

    @Option(
            names = "--from",
            paramLabel = "RUN",
            description = "Start from the subcomponents and gates of another run.")
    private @Nullable Path from;

    @Option(names = "--seed", paramLabel = "N", description = "Same as --set seed=N.")
    private @Nullable Long seed;

    @Option(
            names = "--set",
            paramLabel = "KEY.PATH=VALUE",
            description = "Set a key of the configuration; may be repeated.")
    private List<String> settings = List.of();

    @Option(
            names = "--plan",
            description =
                    "Only say what memory, time and disk the run will need, from the configuration"
                            + " and twelve trial steps; nothing is written. A target without"
                            + " weights, a config.json alone, is planned from its shapes.")
    private boolean plan;

    @Option(
            names = "--while-input",
            hidden = true,
            description = "End, and save, when standard input closes.")
    private boolean whileInput;

    @Option(
            names = "--device",
            paramLabel = "DEVICE",
            defaultValue = "cpu",
            description =
                    "Where to compute: cpu, cuda or cuda:N. Default: ${DEFAULT-VALUE}. One that is"
                            + " not there is refused, but for --plan.")
    private String device = "cpu";

    @Mixin private final RankOptions ranks = new RankOptions();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints.
    ///
    /// @param resumedAt the step whose checkpoint the run went on from; null where it began
    private record Done(String run, long steps, boolean finished, @Nullable Long resumedAt) {}

    @Override
    public Integer call() throws IOException {
        Path config = configuration();
        Path run = directory == null ? defaultDirectory(config) : directory;
        List<String> all = new ArrayList<>();
        if (resume && configuration != null && RunDirectory.isBegun(run)) {
            all.addAll(RunSettings.of(run));
        }
        all.addAll(settings);
        if (seed != null) {
            all.add("seed=" + seed);
        }
        if (steps != null) {
            all.add(longer(steps));
        }
        Device where = Devices.parse(device);
        if (plan) {
            return plan(config, all, run, where);
        }
        requireTrainsOn(where);
        PrintWriter err = command.commandLine().getErr();
        RunFile file =
                configuration == null
                        ? RunSettings.file(run, all)
                        : RunFile.read(config, all, note -> err.println("note: " + note));
        if (whileInput) {
            endWithInput();
        }
        return ranks.run(
                Main.class,
                file.machine()::start,
                "the last checkpoint is whole; the same command with --resume goes on from it, with any number of ranks",
                exchange -> decompose(file, run, exchange));
    }

    private int decompose(RunFile file, Path run, Exchange exchange) throws IOException {
        Decomposing.Outcome outcome =
                Decomposing.follow(
                        file,
                        run,
                        Optional.ofNullable(from),
                        resume,
                        steps != null,
                        exchange,
                        command);
        if (!exchange.writes()) {
            return 0;
        }
        if (json.enabled()) {
            json.print(
                    new Done(
                            run.toString(),
                            file.steps(),
                            outcome.finished(),
                            resume ? outcome.first() : null));
        } else if (outcome.finished()) {
            json.text()
                    .println("run: %s\nnext: cleave census %s".formatted(run, ShellWord.of(run)));
        }
        return 0;
    }

    /// The setting that lengthens a resumed run.
    private String longer(long wanted) {
        if (!resume) {
            throw UserError.withHints(
                    "--steps must come with --resume, got none",
                    "a new run takes its number from the configuration, or from --set steps=%d"
                            .formatted(wanted));
        }
        return "steps=" + wanted;
    }

    /// The configuration; that of the run itself where a resumed run is given none.
    private Path configuration() {
        if (configuration != null) {
            return configuration;
        }
        if (!resume || directory == null) {
            throw new ParameterException(
                    command.commandLine(), "Missing required parameter: 'CONFIG'");
        }
        return RunDirectory.open(directory).configFile();
    }

    private static void requireTrainsOn(Device asked) {
        if (!asked.equals(Device.CPU)) {
            Devices.require(asked);
            throw new UserError(
                    "device of a decomposition must be cpu in this version, got " + asked);
        }
    }

    private int plan(Path config, List<String> all, Path run, Device where) {
        PrintWriter err = command.commandLine().getErr();
        Plan.Order order =
                new Plan.Order(config, all, run, where, ranks.size(), ranks.startedHere());
        Plan found = Plan.of(order, PLAN_WARM_UP, err::println);
        if (json.enabled()) {
            json.print(found);
        } else {
            json.keepValues(found);
            json.text().print(PlanText.of(found));
        }
        return found.problems().isEmpty() ? 0 : CommandLine.ExitCode.USAGE;
    }

    /// Ends this process as a signal would when whoever holds the other end of standard input is
    /// gone: a run that a sweep started does not outlive it.
    private static void endWithInput() {
        Thread.ofPlatform()
                .daemon()
                .name("cleave-end-with-input")
                .start(() -> {
                    try {
                        System.in.transferTo(OutputStream.nullOutputStream());
                    } catch (IOException broken) {
                        // As good as closed.
                    }
                    System.exit(CommandLine.ExitCode.SOFTWARE);
                });
    }

    static Path defaultDirectory(Path config) {
        String name = String.valueOf(config.getFileName());
        return Path.of("runs", name.replaceFirst("\\.ya?ml$", ""));
    }
}
