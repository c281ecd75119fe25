package cleave.cli;

import cleave.command.Logging;
import cleave.command.Tables;
import cleave.command.Version;
import cleave.command.Warnings;
import cleave.config.UserError;
import cleave.hub.Hub;
import cleave.study.Studies;
import cleave.study.Study;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/// The command `cleave`. Its exit code is 0, or 1 for a failure while running or a result that
/// fails, or 2 for wrong input, or 3 when another process of the same run is gone.
@Command(
        name = "cleave",
        description = "Takes a trained transformer apart in parameter space.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        scope = ScopeType.INHERIT,
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:The command did what it was asked to.",
            "1:It failed while running, or its result fails (a verdict, a check).",
            "2:An option, a configuration or a file is wrong; nothing was written.",
            "3:Another process of the same run is gone (decompose --ranks)."
        })
public final class Main implements Runnable {
    private static final String COMPLETION = "completion";

    /// Cleave's own commands, in the order in which they are listed.
    private static final List<String> NAMES =
            List.of(
                    "train",
                    "model",
                    "init",
                    "predict",
                    "decompose",
                    "sweep",
                    "census",
                    "verdict",
                    "suppress",
                    "concept",
                    "edit",
                    "export",
                    "import",
                    "harvest",
                    "attribute",
                    "explain",
                    "groups",
                    "qk",
                    "compare",
                    "explore",
                    "report",
                    "bench",
                    "doctor",
                    COMPLETION);

    @Option(
            names = "--stacktrace",
            scope = ScopeType.INHERIT,
            description = "Print the whole stack trace of a failure.")
    private boolean stacktrace;

    @Spec private CommandSpec command;

    private Main() {}

    /// Makes the command that the arguments name, or every command for the completion script, which
    /// describes them all, or only the names and descriptions of all where none is named.
    ///
    /// Reading the options of all commands would be most of a start.
    static SequencedMap<String, Object> subcommands(String... arguments) {
        SequencedMap<String, Supplier<Object>> all = new LinkedHashMap<>();
        for (String each : NAMES) {
            all.put(each, () -> core(each));
        }
        all = Studies.among(all);
        Map<String, Supplier<Object>> known = all;
        String name =
                Arrays.stream(arguments)
                        .filter(argument -> !argument.startsWith("-"))
                        .findFirst()
                        .orElse("");
        SequencedMap<String, Object> made = new LinkedHashMap<>();
        if (name.equals(COMPLETION)) {
            all.forEach((each, command) -> made.put(each, command.get()));
        } else if (known.containsKey(name)) {
            made.put(name, known.get(name).get());
        } else {
            all.forEach((each, command) -> made.put(each, described(command.get())));
        }
        return made;
    }

    /// Makes a command of Cleave's own. A branch, since a lambda for each would have to be made at
    /// every start.
    private static Object core(String name) {
        return switch (name) {
            case "train" -> new TrainCommand();
            case "model" -> new ModelCommand();
            case "init" -> new InitCommand();
            case "predict" -> new PredictCommand();
            case "decompose" -> new DecomposeCommand();
            case "sweep" -> SweepCommand.with(Studies.options(Study::sweepOption));
            case "census" -> new CensusCommand();
            case "verdict" -> new VerdictCommand();
            case "suppress" -> new SuppressCommand();
            case "concept" -> ConceptCommand.with(Studies.options(Study::conceptQuestions));
            case "edit" -> new EditCommand();
            case "export" -> new ExportCommand(Studies.files());
            case "import" -> new ImportCommand();
            case "harvest" -> new HarvestCommand();
            case "attribute" -> new AttributeCommand();
            case "explain" -> new ExplainCommand();
            case "groups" -> new GroupsCommand();
            case "qk" -> new QkCommand();
            case "compare" -> new CompareCommand();
            case "explore" -> new ExploreCommand();
            case "report" -> new ReportCommand(Studies.all());
            case "bench" -> new BenchCommand();
            case "doctor" -> new DoctorCommand();
            case COMPLETION -> new Completion();
            default -> throw new IllegalArgumentException("command must be known, got " + name);
        };
    }

    /// A command of which only the description is known.
    private static CommandSpec described(Object command) {
        CommandSpec spec = CommandSpec.create();
        if (command instanceof CommandSpec whole) {
            spec.usageMessage().description(whole.usageMessage().description());
        } else {
            Command annotation = command.getClass().getAnnotation(Command.class);
            spec.usageMessage().description(annotation.description());
        }
        return spec;
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
        try (Warnings _ = Warnings.collect()) {
            return commandLine(subcommands(arguments)).setOut(out).setErr(err).execute(arguments);
        } finally {
            Tables.printShown(out);
            out.flush();
            err.flush();
        }
    }

    static CommandLine commandLine(SequencedMap<String, Object> subcommands) {
        Main main = new Main();
        CommandLine commandLine = new CommandLine(main);
        subcommands.forEach(commandLine::addSubcommand);
        Failures failures = new Failures(() -> main.stacktrace);
        return commandLine
                .setExpandAtFiles(false) // an argument such as "@home" is text
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
        try {
            GivenText.require(parsed.originalArgs().toArray(new String[0]));
        } catch (UserError wrong) { // only what is wrapped is handled before a command begins
            throw new ExecutionException(
                    parsed.commandSpec().commandLine(), String.valueOf(wrong.getMessage()), wrong);
        }
        return new RunLast().execute(parsed);
    }

    @Override
    public void run() {
        throw new ParameterException(command.commandLine(), "missing command");
    }
}
