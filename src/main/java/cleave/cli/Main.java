package cleave.cli;

import cleave.tensor.NativeRuntime;
import java.io.PrintWriter;
import java.util.List;
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
/// input.
@Command(
        name = "cleave",
        description = "Takes a trained transformer apart in parameter space.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND")
public final class Main implements Runnable {
    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "Print the whole stack trace of a failure.")
    private boolean stacktrace;

    @Spec private CommandSpec command;

    private Main() {}

    private static List<Object> subcommands() {
        return List.of(
                new DemoCommand(),
                new TrainCommand(),
                new PredictCommand(),
                new DecomposeCommand(),
                new SweepCommand(),
                new CensusCommand(),
                new CircuitCommand(),
                new VerdictCommand(),
                new SuppressCommand(),
                new ConceptCommand(),
                new FactsCommand(),
                new EditCommand(),
                new ExportCommand(),
                new ReportCommand(),
                new ToysCommand(),
                new BenchCommand(),
                new DoctorCommand(),
                new Completion());
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
        try {
            return commandLine(subcommands()).setOut(out).setErr(err).execute(arguments);
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

    // Libtorch is loaded once, on this thread, before a command uses it. `doctor` starts it itself,
    // to report what is wrong, and the rest use no tensors.
    private static int execute(ParseResult parsed) {
        Integer helpExitCode = CommandLine.executeHelpRequest(parsed);
        if (helpExitCode != null) {
            return helpExitCode;
        }
        CommandLine chosen = parsed.asCommandLineList().getLast();
        switch (chosen.getCommandSpec().userObject()) {
            case Main _, DoctorCommand _, Completion _, BenchCommand _ -> {}
            default -> NativeRuntime.start();
        }
        return new RunLast().execute(parsed);
    }

    @Override
    public void run() {
        throw new ParameterException(command.commandLine(), "missing command");
    }
}
