package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        return Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
    }

    /// Runs `cleave example` with a body of the test's own.
    private int runExample(Callable<@Nullable Object> body, String... arguments) {
        return Main.commandLine(new LinkedHashMap<>(Map.of("example", new Example(body))))
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(
                        Stream.concat(Stream.of("example"), Stream.of(arguments))
                                .toArray(String[]::new));
    }

    /// A command whose result is that of its body, if any.
    @Command(name = "example")
    private static final class Example implements Callable<Integer> {
        private final Callable<@Nullable Object> body;

        @Mixin private final JsonOutput output = new JsonOutput();

        @Option(names = "--threshold")
        private double threshold;

        @Option(names = "--text")
        private String text = "";

        Example(Callable<@Nullable Object> body) {
            this.body = body;
        }

        @Override
        public Integer call() throws Exception {
            output.text().println("working at " + threshold + text);
            output.text().flush();
            Object result = body.call();
            if (output.enabled() && result != null) {
                output.print(result);
            }
            return 0;
        }
    }

    @Test
    void versionIsThatOfTheBuild() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString()).matches("cleave \\d+\\.\\d+\\.\\d+\\S*\\R");
    }

    @Test
    void helpListsTheSubcommands() {
        assertThat(run("--help")).isZero();
        assertThat(out.toString())
                .contains("doctor", "completion", "--stacktrace")
                .contains("Exit codes:", "2   An option, a configuration or a file is wrong")
                .doesNotContain("\u001b"); // no colours but on a terminal
    }

    @Test
    void everySubcommandHasHelp() {
        assertThat(run("doctor", "--help")).isZero();
        assertThat(out.toString()).contains("cleave doctor", "--json", "--stacktrace");
    }

    @Test
    void completionIsAScriptForCleave() {
        assertThat(run("completion")).isZero();
        assertThat(out.toString()).contains("complete -F _complete_cleave", "doctor");
    }

    @Test
    void aMissingCommandIsWrongInput() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString().lines())
                .containsExactly("missing command", "hint: see `cleave --help`");
    }

    @Test
    void anUnknownCommandNamesTheNearest() {
        assertThat(run("docter")).isEqualTo(2);
        assertThat(err.toString().lines()).hasSize(2).last().asString().contains("doctor");
    }

    @Test
    void anUnknownOptionNamesTheNearest() {
        assertThat(runExample(() -> null, "--thershold=1")).isEqualTo(2);
        assertThat(err.toString().lines())
                .containsExactly(
                        "Unknown option: '--thershold=1'", "hint: did you mean --threshold?");
    }

    @Test
    void anUnknownOptionWithoutANearOneListsThem() {
        assertThat(runExample(() -> null, "--yaml")).isEqualTo(2);
        assertThat(err.toString().lines())
                .hasSize(2)
                .last()
                .asString()
                .startsWith("hint: the options of `cleave example` are ")
                .contains("--json", "--threshold", "--stacktrace");
    }

    @ParameterizedTest
    @ValueSource(strings = {"@home", "@@x", "@", "@/etc/hostname", "-5 is", "\"a\"", "a,b"})
    void anArgumentIsTextWhateverItBeginsWith(String text) {
        assertThat(runExample(() -> null, "--text", text)).isZero();
        assertThat(out.toString()).contains("working at 0.0" + text + System.lineSeparator());
    }

    @Test
    void aWrongTypeIsWrongInput() {
        assertThat(runExample(() -> null, "--threshold", "high")).isEqualTo(2);
        assertThat(err.toString()).contains("--threshold", "high").doesNotContain("\tat ");
    }

    static Stream<Arguments> failures() {
        return Stream.of(
                Arguments.of(
                        new UserError("a must be > 0, got -1\nb must be > 0, got -2"),
                        2,
                        "a must be > 0, got -1\nb must be > 0, got -2"),
                Arguments.of(
                        UserError.withHints("a must be > 0, got -1", "leave it out"),
                        2,
                        "a must be > 0, got -1\nhint: leave it out"),
                Arguments.of(
                        new InvalidPathException("a\0b", "Nul character not allowed"),
                        2,
                        "path must be one, got Nul character not allowed: a\\u0000b"),
                Arguments.of(
                        new IllegalArgumentException("a must be > 0, got -1"),
                        1,
                        "internal error: java.lang.IllegalArgumentException: a must be > 0, got -1\n"
                                + "please report this, with --stacktrace"),
                Arguments.of(
                        new NoSuchFileException("run/config.yaml"),
                        2,
                        "cannot read run/config.yaml: no such file"),
                Arguments.of(
                        new UncheckedIOException(new NoSuchFileException("x")),
                        2,
                        "cannot read x: no such file"),
                Arguments.of(
                        new AccessDeniedException("no/such"),
                        2,
                        "cannot read no/such: permission denied"),
                Arguments.of(
                        new AccessDeniedException("."), 2, "cannot write .: permission denied"),
                Arguments.of(
                        new FileSystemException("x", null, "No space left on device"),
                        1,
                        "cannot write x: No space left on device"),
                Arguments.of(
                        new IOException("Input/output error"),
                        1,
                        "cannot read or write: Input/output error"),
                Arguments.of(new RuntimeException("no memory\nframe #0: c10"), 1, "no memory"),
                Arguments.of(
                        new IllegalStateException("mask lost"),
                        1,
                        "mask lost\nplease report this, with --stacktrace"),
                Arguments.of(
                        new NullPointerException(),
                        1,
                        "internal error: java.lang.NullPointerException\n"
                                + "please report this, with --stacktrace"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void aFailureIsAFewLinesAndAnExitCode(Exception failure, int exitCode, String message) {
        int actual =
                runExample(() -> {
                    throw failure;
                });
        assertThat(actual).isEqualTo(exitCode);
        assertThat(err.toString()).isEqualToNormalizingNewlines(message + "\n");
    }

    @Test
    void anErrorOfLibtorchIsItsFirstLine() {
        int exitCode =
                runExample(() -> {
                    try (Scopes.Scope _ = Scopes.open()) {
                        return Tensors.ones(Type.FLOAT, 2, 3)
                                .matmul(Tensors.ones(Type.FLOAT, 2, 3))
                                .shape();
                    }
                });
        assertThat(exitCode).isEqualTo(1);
        assertThat(err.toString().lines()).hasSize(1).first().asString().contains("2x3");
    }

    @Test
    void stacktracePrintsTheTraceBehindTheSubcommandToo() {
        int exitCode =
                runExample(
                        () -> {
                            throw new UserError("wrong");
                        },
                        "--stacktrace");
        assertThat(exitCode).isEqualTo(2);
        assertThat(err.toString()).startsWith("wrong").contains("\tat cleave.cli.MainTest");
    }

    private record Result(double meanLoss, List<Double> perSite, Map<String, Double> sites) {}

    @Test
    void jsonIsAloneOnStandardOutput() {
        Map<String, Double> sites = new LinkedHashMap<>();
        sites.put("blockOne.Q", Double.POSITIVE_INFINITY);
        Result result = new Result(0.5, List.of(1.0, Double.NaN), sites);
        assertThat(runExample(() -> result, "--json")).isZero();
        JsonNode expected =
                JsonMapper.shared()
                        .readTree(
                                """
                                {"mean_loss": 0.5, "per_site": [1.0, null], "sites": {"blockOne.Q": null}}
                                """);
        assertThat(JsonMapper.shared().readTree(out.toString())).isEqualTo(expected);
        assertThat(err.toString().strip()).isEqualTo("working at 0.0");
    }

    @Test
    void textGoesToStandardOutputWithoutJson() {
        assertThat(runExample(() -> null, "--threshold", "0.5")).isZero();
        assertThat(out.toString().strip()).isEqualTo("working at 0.5");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void doctorFindsThisMachineSound() {
        assertThat(run("doctor", "--json")).as("%s", out).isZero();
        JsonNode diagnosis = JsonMapper.shared().readTree(out.toString());
        assertThat(diagnosis.get("ok").asBoolean()).isTrue();
        assertThat(diagnosis.get("libtorch").get("version").asString()).isEqualTo("2.10.0");
        assertThat(diagnosis.get("libtorch").get("devices").get(0).asString()).isEqualTo("cpu");
        assertThat(diagnosis.get("self_test").get("gradient_error").asDouble()).isZero();
        assertThat(diagnosis.get("self_test").get("matmul_gigaflops").asDouble()).isPositive();
    }
}
