package cleave.cli;

import cleave.config.UserError;
import cleave.ranks.RankLost;
import cleave.training.NonFiniteLoss;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/// Turns an exception into a few lines on standard error and an exit code.
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
    private final BooleanSupplier stacktrace;

    Failures(BooleanSupplier stacktrace) {
        this.stacktrace = stacktrace;
    }

    private record Failure(int exitCode, String message) {}

    @Override
    public int handleParseException(ParameterException exception, String[] arguments) {
        CommandLine command = exception.getCommandLine();
        PrintWriter err = command.getErr();
        err.println(UserError.visible(firstLine(String.valueOf(exception.getMessage()))));
        err.println("hint: " + hint(exception));
        printTrace(exception, err);
        return CommandLine.ExitCode.USAGE;
    }

    private static String hint(ParameterException exception) {
        CommandSpec command = exception.getCommandLine().getCommandSpec();
        if (!(exception instanceof UnmatchedArgumentException unmatched)) {
            return "see `%s --help`".formatted(command.qualifiedName());
        }
        List<String> nearest = unmatched.getSuggestions();
        if (nearest.isEmpty()) {
            return "the options of `%s` are %s"
                    .formatted(
                            command.qualifiedName(),
                            command.options().stream()
                                    .filter(option -> !option.hidden())
                                    .map(OptionSpec::longestName)
                                    .collect(Collectors.joining(", ")));
        }
        return "did you mean %s?".formatted(String.join(" or ", nearest));
    }

    @Override
    public int handleExecutionException(
            Exception exception, CommandLine command, ParseResult parsed) {
        Failure failure = describe(exception);
        command.getErr().println(UserError.visible(failure.message));
        printTrace(exception, command.getErr());
        return failure.exitCode;
    }

    private void printTrace(Exception exception, PrintWriter err) {
        if (stacktrace.getAsBoolean()) {
            exception.printStackTrace(err);
        }
        err.flush();
    }

    private static Failure describe(Exception exception) {
        return switch (exception) {
            case UncheckedIOException unchecked ->
                    describeIo(Objects.requireNonNull(unchecked.getCause()));
            case IOException io -> describeIo(io);
            case NonFiniteLoss diverged ->
                    new Failure(
                            CommandLine.ExitCode.SOFTWARE, String.valueOf(diverged.getMessage()));
            case RankLost lost ->
                    new Failure(RankLost.EXIT_CODE, String.valueOf(lost.getMessage()));
            case UserError wrong -> wrongInput(String.valueOf(wrong.getMessage()));
            case InvalidPathException path ->
                    wrongInput("path must be one, got " + path.getMessage());
            // libtorch's errors are plain RuntimeExceptions: one useful line, then native frames.
            case RuntimeException libtorch
                    when libtorch.getClass() == RuntimeException.class
                            && libtorch.getMessage() != null ->
                    new Failure(CommandLine.ExitCode.SOFTWARE, firstLine(libtorch.getMessage()));
            case IllegalStateException bug when bug.getMessage() != null ->
                    new Failure(
                            CommandLine.ExitCode.SOFTWARE,
                            bug.getMessage() + "\nplease report this, with --stacktrace");
            default ->
                    new Failure(
                            CommandLine.ExitCode.SOFTWARE,
                            "internal error: %s\nplease report this, with --stacktrace"
                                    .formatted(exception));
        };
    }

    private static Failure describeIo(IOException exception) {
        return switch (exception) {
            case NoSuchFileException missing ->
                    wrongInput("cannot read %s: no such file".formatted(missing.getFile()));
            case FileNotFoundException missing -> wrongInput("cannot open " + missing.getMessage());
            case AccessDeniedException denied ->
                    wrongInput(
                            "cannot %s %s: permission denied"
                                    .formatted(
                                            Files.isReadable(Path.of(denied.getFile()))
                                                    ? "write"
                                                    : "read",
                                            denied.getFile()));
            case FileAlreadyExistsException there ->
                    failed("cannot write %s: it exists".formatted(there.getFile()));
            case FileSystemException file when file.getFile() != null ->
                    failed("cannot write %s: %s".formatted(file.getFile(), reason(file)));
            default -> failed("cannot read or write: %s".formatted(exception.getMessage()));
        };
    }

    private static String reason(FileSystemException exception) {
        return exception.getReason() == null
                ? exception.getClass().getSimpleName()
                : exception.getReason();
    }

    private static Failure wrongInput(String message) {
        return new Failure(CommandLine.ExitCode.USAGE, message);
    }

    private static Failure failed(String message) {
        return new Failure(CommandLine.ExitCode.SOFTWARE, message);
    }

    private static String firstLine(String message) {
        return message.lines().findFirst().orElse("");
    }
}
