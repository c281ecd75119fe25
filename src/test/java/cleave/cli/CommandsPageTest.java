package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

/// The page and the manual page about all commands are what the program says of itself;
/// `-Dcleave.write=true` writes them anew.
class CommandsPageTest {
    private static final Path FOLDER = Path.of("docs", "reference");
    private static final String HEAD =
            """
            # Commands

            This page is made from the program by `./mvnw -q test -Dtest=CommandsPageTest -Dcleave.write=true`, and a test holds it to the program.
            `cleave COMMAND --help` shows the same.

            """;
    private static final List<String> ENVIRONMENT =
            List.of(
                    "CLEAVE_JAVA_OPTS:Options for the JVM, split at spaces, such as -Xmx8g.",
                    "OMP_NUM_THREADS:Threads of one product of matrices; 1 where it is not set.",
                    "HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE, HF_ENDPOINT:The hub and its cache (docs/models.md).",
                    "HTTPS_PROXY, HTTP_PROXY, NO_PROXY:How to reach the hub.",
                    "NO_COLOR:No colours in help and messages, as on pipes.");

    private static CommandSpec root;

    @BeforeAll
    static void make() {
        root = Main.commandLine(Main.subcommands("completion")).getCommandSpec();
    }

    @Test
    void thePageIsWhatTheProgramSays() throws IOException {
        compare(FOLDER.resolve("commands.md"), page());
    }

    @Test
    void theManualPageIsWhatTheProgramSays() throws IOException {
        compare(FOLDER.resolve("cleave.1"), manual());
    }

    /// Help is for terminals of 80 columns; what does not fit is broken, words are not.
    @Test
    void helpFitsOneHundredColumns() {
        all().forEach(command ->
                assertThat(command.commandLine().getUsageMessage(Help.Ansi.OFF).lines())
                        .as(command.qualifiedName())
                        .allSatisfy(line -> assertThat(line.length()).isLessThanOrEqualTo(100)));
    }

    /// A program that reads results finds them as JSON and as CSV alike.
    @Test
    void everyCommandWithJsonHasCsv() {
        assertThat(all().filter(command -> command.findOption("--json") != null))
                .isNotEmpty()
                .allSatisfy(command -> assertThat(command.findOption("--csv")).isNotNull());
    }

    private static void compare(Path file, String made) throws IOException {
        if (Boolean.getBoolean("cleave.write")) {
            Files.createDirectories(FOLDER);
            Files.writeString(file, made);
        }
        assertThat(Files.readString(file)).isEqualTo(made);
    }

    private static Stream<CommandSpec> all() {
        List<CommandSpec> found = new ArrayList<>();
        add(root, found);
        return found.stream().skip(1);
    }

    private static void add(CommandSpec command, List<CommandSpec> found) {
        found.add(command);
        command.subcommands().values().stream()
                .map(CommandLine::getCommandSpec)
                .forEach(sub -> add(sub, found));
    }

    private static String page() {
        StringBuilder page = new StringBuilder(HEAD);
        page.append("## Every command\n\n");
        page.append(table("option", root, option -> code(names(option))));
        page.append("\n| exit code | meaning |\n|---|---|\n");
        root.usageMessage()
                .exitCodeList()
                .forEach((code, meaning) -> page.append("| %s | %s |\n".formatted(code, meaning)));
        page.append("\n| environment variable | meaning |\n|---|---|\n");
        for (String variable : ENVIRONMENT) {
            String[] parts = variable.split(":", 2);
            page.append("| `%s` | %s |\n".formatted(parts[0].replace(", ", "`, `"), parts[1]));
        }
        all().forEach(command -> {
            page.append("\n## %s\n\n".formatted(command.qualifiedName()));
            page.append(description(command)).append("\n\n");
            page.append("```\n%s```\n".formatted(synopsis(command)));
            String options = table("argument", command, option -> code(names(option)));
            page.append(options.isEmpty() ? "" : "\n" + options);
        });
        return page.toString();
    }

    private static String table(String head, CommandSpec command, Function<ArgSpec, String> name) {
        String rows =
                arguments(command)
                        .map(argument ->
                                "| %s | %s |\n"
                                        .formatted(
                                                name.apply(argument),
                                                meaning(argument).replace("|", "\\|")))
                        .collect(Collectors.joining());
        return rows.isEmpty() ? "" : "| %s | meaning |\n|---|---|\n%s".formatted(head, rows);
    }

    private static String manual() {
        StringBuilder page = new StringBuilder();
        page.append(".\\\" Made from the program; CommandsPageTest holds it to it.\n");
        page.append(".TH CLEAVE 1 \"\" Cleave\n.SH NAME\n");
        page.append("cleave \\- take a trained transformer apart in parameter space\n");
        page.append(".SH SYNOPSIS\n.B cleave\n[OPTIONS] COMMAND [ARGUMENTS]\n");
        page.append(".SH DESCRIPTION\n%s\n".formatted(troff(description(root))));
        page.append(".SH OPTIONS OF EVERY COMMAND\n");
        arguments(root).forEach(option -> page.append(item(names(option), meaning(option))));
        page.append(".SH COMMANDS\n");
        all().forEach(command -> {
            page.append(".SS %s\n".formatted(troff(command.qualifiedName())));
            page.append(troff(description(command))).append('\n');
            page.append(".PP\n.nf\n");
            synopsis(command).lines().forEach(line -> page.append(troff(line)).append('\n'));
            page.append(".fi\n");
            arguments(command).forEach(option -> page.append(item(names(option), meaning(option))));
        });
        page.append(".SH EXIT STATUS\n");
        root.usageMessage()
                .exitCodeList()
                .forEach((code, meaning) -> page.append(item(code, meaning)));
        page.append(".SH ENVIRONMENT\n");
        for (String variable : ENVIRONMENT) {
            String[] parts = variable.split(":", 2);
            page.append(item(parts[0], parts[1]));
        }
        return page.toString();
    }

    private static String item(String name, String meaning) {
        return ".TP\n.B %s\n%s\n".formatted(troff(name), troff(meaning));
    }

    /// Text for troff: hyphens are those of options, and no line is a request.
    private static String troff(String text) {
        return text.replace("\\", "\\e").replace("-", "\\-").replaceAll("(?m)^([.'])", "\\\\&$1");
    }

    /// Parameters, then options, without those of every command and hidden ones.
    private static Stream<ArgSpec> arguments(CommandSpec command) {
        List<String> common =
                command.equals(root)
                        ? List.of()
                        : root.options().stream().map(OptionSpec::longestName).toList();
        return Stream.concat(
                        command.positionalParameters().stream(),
                        command.options().stream()
                                .filter(option -> !common.contains(option.longestName())))
                .filter(argument -> !argument.hidden());
    }

    private static String names(ArgSpec argument) {
        return switch (argument) {
            case OptionSpec option ->
                    String.join(", ", option.names())
                            + (option.typeInfo().isBoolean() ? "" : " " + option.paramLabel());
            case PositionalParamSpec parameter -> parameter.paramLabel();
            default -> throw new IllegalStateException(argument.toString());
        };
    }

    private static String code(String names) {
        return "`" + names.replace("|", "\\|") + "`";
    }

    private static String meaning(ArgSpec argument) {
        return format(argument.description());
    }

    private static String description(CommandSpec command) {
        return format(command.usageMessage().description());
    }

    private static String format(String[] lines) {
        return Arrays.stream(lines)
                .map(line -> line.contains("%") ? line.formatted() : line)
                .collect(Collectors.joining(" "))
                .replaceAll("\\s+", " ")
                .strip();
    }

    private static String synopsis(CommandSpec command) {
        return new Help(command, Help.defaultColorScheme(Help.Ansi.OFF))
                .synopsis(0)
                .replace("\r", "");
    }
}
