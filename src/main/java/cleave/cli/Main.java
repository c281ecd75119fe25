package cleave.cli;

import cleave.command.Logging;
import cleave.command.Version;
import cleave.hub.Hub;
import cleave.study.Studies;
import cleave.study.Study;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The command `cleave`. Its exit code is 0, or 1 for a failure while running, or 2 for wrong
/// input, or 3 when another process of the same run is gone.
@Command(
        name = "cleave",
        description = "Takes a trained transformer apart in parameter space.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
    private static final String COMPLETION = "completion";

    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "Print the whole stack trace of a failure.")
    private boolean stacktrace;

    @Spec private CommandSpec command;

    private Main() {}

    /// Makes the command of this name, or every command where the name is none.
    ///
    /// Reading the options of all commands is most of a start, and one that names its command needs
    /// no other; the completion script describes them all.
    private static List<Object> subcommands(String name) {
        SequencedMap<String, Supplier<Object>> all = new LinkedHashMap<>();
        all.put("train", TrainCommand::new);
        all.put("model", ModelCommand::new);
        all.put("predict", PredictCommand::new);
        all.put("decompose", DecomposeCommand::new);
        all.put("sweep", () -> SweepCommand.with(Studies.options(Study::sweepOption)));
        all.put("census", CensusCommand::new);
        all.put("verdict", VerdictCommand::new);
        all.put("suppress", SuppressCommand::new);
        all.put("concept", () -> ConceptCommand.with(Studies.options(Study::conceptQuestions)));
        all.put("edit", EditCommand::new);
        all.put("export", () -> new ExportCommand(Studies.files()));
        all.put("harvest", HarvestCommand::new);
        all.put("explore", ExploreCommand::new);
        all.put("report", () -> new ReportCommand(Studies.all()));
        all.put("bench", BenchCommand::new);
        all.put("doctor", DoctorCommand::new);
        all.put(COMPLETION, Completion::new);
        all = Studies.among(all);
        Supplier<Object> named = name.equals(COMPLETION) ? null : all.get(name);
        return named == null
                ? all.values().stream().map(Supplier::get).toList()
                : List.of(named.get());
    }

    /// Runs the command line and ends the process with its exit code.
    public static void main(String[] arguments) {
        Logging.toStandardError();
        System.exit(
                run(
                        new PrintWriter(System.out, true, System.out.charset()),
                        new PrintWriter(System.err, true, System.err.charset()),
                        arguments));
    }

    /// Runs the command line, prints to the given writers and returns the exit code.
    public static int run(PrintWriter out, PrintWriter err, String... arguments) {
        Hub.listen(new DownloadLine(err));
        try {
            return commandLine(subcommands(arguments.length == 0 ? "" : arguments[0]))
                    .setOut(out)
                    .setErr(err)
                    .execute(arguments);
        } finally {
            out.flush();
            err.flush();
        }
    }

    static CommandLine commandLine(List<Object> subcommands) {
        Main main = new Main();
        CommandLine commandLine = new CommandLine(main);
        subcommands.forEach(commandLine::addSubcommand);
        Failures failures = new Failures(() -> main.stacktrace);
        return commandLine
                .setExecutionStrategy(Main::execute)
                .setParameterExceptionHandler(failures)
                .setExecutionExceptionHandler(failures);
    }

    // Libtorch is loaded by the first command that needs a tensor, once it knows which arithmetic
    // the run that it reads asks for.
    private static int execute(ParseResult parsed) {
        Integer helpExitCode = CommandLine.executeHelpRequest(parsed);
        if (helpExitCode != null) {
            return helpExitCode;
        }
        return new RunLast().execute(parsed);
    }

    @Override
    public void run() {
        throw new ParameterException(command.commandLine(), "missing command");
    }
}
