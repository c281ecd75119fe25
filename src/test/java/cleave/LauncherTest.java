package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.text.R50k;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `bin/cleave` in a copy of the repository whose Maven and JDK are small scripts.
class LauncherTest {
    @TempDir private Path folder;

    private Path root;
    private Path jdk;

    private record Outcome(int exitCode, List<String> out, String err) {}

    @BeforeEach
    void copyTheRepository() throws IOException {
        root = folder.resolve("a clone");
        // The fake JDK prints its arguments, one a line, after the folder it runs in.
        jdk = folder.resolve("jdk of ours");
        script(jdk.resolve("bin/java"), "pwd; echo $OMP_NUM_THREADS; printf '%s\\n' \"$@\"");
        script(jdk.resolve("bin/javac"), "");
        write(jdk.resolve("release"), "JAVA_VERSION=\"25.0.1\"\n");
        // The fake Maven is noisy and slow, as the real one is.
        script(
                root.resolve("mvnw"),
                """
                echo noise
                echo "$JAVA_HOME" >>builds
                sleep 0.3
                touch target/cleave-1.jar
                echo "$PWD/mvnw:$PWD/pom.xml" >target/classpath.txt
                """);
        write(root.resolve("pom.xml"), "");
        write(root.resolve("src/main/java/A.java"), "");
        // Nothing that is installed here may be found.
        script(folder.resolve("path/java"), "");
        for (String name : List.of("cleave", "find-jdk")) {
            String text = Files.readString(Path.of("bin", name));
            script(
                    root.resolve("bin").resolve(name),
                    text.replace("/usr/lib/jvm/", folder + "/jvm/")
                            .replace("/opt/", folder + "/opt/"));
        }
    }

    @Test
    void startsJavaWithTheFlagsAndTheUsersArgumentsInTheUsersFolder() throws IOException {
        Outcome outcome = start(root.resolve("bin/cleave"), "census", "my run", "--json");
        assertThat(outcome.exitCode).isZero();
        assertThat(outcome.out)
                .startsWith(folder.toRealPath().toString(), "1")
                .contains(
                        "--enable-native-access=ALL-UNNAMED",
                        "-Djava.library.path=",
                        "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
                        "-Dcleave.home=" + root.toRealPath())
                .endsWith("cleave.cli.Main", "census", "my run", "--json")
                .doesNotContain("noise");
        assertThat(outcome.err).contains("cleave: building").contains("noise");
    }

    @Test
    void helpVersionsAndTheCompletionScriptStartWithoutTheKernelsModule() throws IOException {
        Path launcher = root.resolve("bin/cleave");
        for (String argument : List.of("--help", "-h", "--version", "-V", "completion")) {
            assertThat(start(launcher, argument).out)
                    .doesNotContain("jdk.incubator.vector")
                    .endsWith("cleave.cli.Main", argument);
        }
        assertThat(start(launcher).out).doesNotContain("jdk.incubator.vector");
        assertThat(start(launcher, "census", "--help").out).doesNotContain("jdk.incubator.vector");
        assertThat(start(launcher, "census", "--", "--help").out).contains("jdk.incubator.vector");
        assertThat(start(launcher, "census", "run").out).contains("jdk.incubator.vector");
    }

    @Test
    void usesTheCachesOfTheBuildWhereThereAreAny() throws IOException {
        Path launcher = root.resolve("bin/cleave");
        assertThat(start(launcher, "--help").out).noneMatch(flag -> flag.contains("AOTCache"));
        // This JDK makes the caches that it is asked for.
        script(
                jdk.resolve("bin/java"),
                """
                printf '%s\\n' "$@"
                for flag; do
                    case $flag in -XX:AOTCacheOutput=*) echo made >"${flag#*=}" ;; esac
                done
                """);
        Files.setLastModifiedTime(
                root.resolve("src/main/java/A.java"), FileTime.from(Instant.now().plusSeconds(2)));
        // The JVM refuses a cache together with any -Xshare flag.
        assertThat(start(launcher, "--help").out)
                .anyMatch(flag -> flag.matches("-XX:AOTCache=.*[.]plain[.]aot"))
                .noneMatch(flag -> flag.startsWith("-Xshare"));
        assertThat(start(launcher, "census", "run").out)
                .anyMatch(flag -> flag.matches("-XX:AOTCache=.*[.]kernels[.]aot"));
    }

    @Test
    void anArchiveStartsItsOwnRuntimeAndNeedsNeitherJdkNorMaven() throws IOException {
        Files.delete(root.resolve("mvnw"));
        Files.delete(root.resolve("pom.xml"));
        write(jdk.resolve("release"), "JAVA_VERSION=\"17.0.15\"\n");
        script(root.resolve("runtime/bin/java"), "echo own; printf '%s\\n' \"$@\"");
        write(root.resolve("lib/classpath"), "cleave.jar\nother.jar\n");
        write(root.resolve("lib/cleave.jar.kernels.aot"), "made\n");
        String lib = root.toRealPath().resolve("lib").toString();

        Outcome outcome = start(root.resolve("bin/cleave"), "census", "run");

        assertThat(outcome.exitCode).as(outcome.err).isZero();
        assertThat(outcome.err).isEmpty();
        assertThat(outcome.out)
                .startsWith("own")
                .contains(
                        "-Dcleave.home=" + root.toRealPath(),
                        lib + "/cleave.jar:" + lib + "/other.jar",
                        "-XX:AOTCache=" + lib + "/cleave.jar.kernels.aot")
                .endsWith("cleave.cli.Main", "census", "run");
        assertThat(start(root.resolve("bin/cleave"), "--help").out)
                .noneMatch(flag -> flag.contains("AOTCache"));
        assertThat(root.resolve("target")).doesNotExist();
    }

    @Test
    void worksThroughALink() throws IOException {
        Path link = folder.resolve("link");
        Files.createSymbolicLink(link, Path.of("a clone/bin/cleave"));
        assertThat(start(link).out).contains("-Dcleave.home=" + root.toRealPath());
    }

    @Test
    void buildsOnceUntilASourceIsNewer() throws IOException {
        start(root.resolve("bin/cleave"));
        Outcome second = start(root.resolve("bin/cleave"));
        assertThat(second.err).isEmpty();
        assertThat(builds()).isEqualTo(1);
        Files.setLastModifiedTime(
                root.resolve("src/main/java/A.java"), FileTime.from(Instant.now().plusSeconds(2)));
        start(root.resolve("bin/cleave"));
        assertThat(builds()).isEqualTo(2);
    }

    @Test
    void buildsAgainWhenASourceIsDeletedOrADependencyIsGone() throws IOException {
        start(root.resolve("bin/cleave"));
        Files.writeString(root.resolve("target/classpath.txt"), folder + "/gone.jar\n");
        start(root.resolve("bin/cleave"));
        assertThat(builds()).isEqualTo(2);
        Files.delete(root.resolve("src/main/java/A.java"));
        start(root.resolve("bin/cleave"));
        assertThat(builds()).isEqualTo(3);
    }

    @Test
    void buildsAgainWhereTheBuildIsOfAnotherFolder() throws IOException {
        start(root.resolve("bin/cleave"));
        Path moved = root.resolveSibling("another clone");
        Files.move(root, moved);
        root = moved;
        start(root.resolve("bin/cleave"));
        assertThat(builds()).isEqualTo(2);
        assertThat(start(root.resolve("bin/cleave")).err).isEmpty();
    }

    @Test
    void twoFirstStartsBuildOnce() throws IOException, InterruptedException {
        List<Outcome> outcomes = new ArrayList<>();
        Thread other = new Thread(() -> outcomes.add(uncheckedStart()));
        other.start();
        Outcome outcome = start(root.resolve("bin/cleave"));
        other.join();
        assertThat(outcome.exitCode).isZero();
        assertThat(outcomes).singleElement().extracting(Outcome::exitCode).isEqualTo(0);
        assertThat(builds()).isEqualTo(1);
    }

    private Outcome uncheckedStart() {
        try {
            return start(root.resolve("bin/cleave"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aFailedBuildStartsNothing() throws IOException {
        script(root.resolve("mvnw"), "echo broken; exit 1");
        Outcome outcome = start(root.resolve("bin/cleave"));
        assertThat(outcome.exitCode).isEqualTo(1);
        assertThat(outcome.out).isEmpty();
        assertThat(outcome.err).contains("broken", "the build failed");
    }

    @Test
    void withoutAJdkItSaysWhatToInstall() throws IOException {
        write(jdk.resolve("release"), "JAVA_VERSION=\"17.0.15\"\n");
        Outcome outcome = start(root.resolve("bin/cleave"));
        assertThat(outcome.exitCode).isEqualTo(2);
        assertThat(outcome.out).isEmpty();
        assertThat(outcome.err.lines()).singleElement().asString().contains("temurin-25-jdk");
    }

    /// The tokens of a prompt that is given to the real JVM, in the place of a command.
    static final class Prompt {
        private Prompt() {}

        /// Prints the tokens of the last argument.
        public static void main(String[] arguments) {
            String prompt = arguments[arguments.length - 1];
            System.out.println(Arrays.toString(new R50k().encode(prompt)) + prompt);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "C", "POSIX", "de_DE.UTF-8", "tr_TR.UTF-8", "none_such"})
    void aPromptIsTheSameInEveryLocale(String locale) throws IOException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        script(
                jdk.resolve("bin/java"),
                "for prompt; do :; done; exec '%s' -Xshare:auto -cp '%s' '%s' \"$prompt\""
                        .formatted(
                                java,
                                absolute(System.getProperty("java.class.path")),
                                Prompt.class.getName()));
        String prompt = "naïve İstanbul ıI 東京 👍🏽";
        Outcome outcome =
                start(Map.of("LC_ALL", locale), root.resolve("bin/cleave"), "predict", prompt);
        assertThat(outcome.out)
                .containsExactly(Arrays.toString(new R50k().encode(prompt)) + prompt);
    }

    private static String absolute(String classPath) {
        return Arrays.stream(classPath.split(File.pathSeparator, -1))
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(File.pathSeparator));
    }

    private int builds() throws IOException {
        return Files.readAllLines(root.resolve("builds")).size();
    }

    private Outcome start(Path launcher, String... arguments) throws IOException {
        return start(Map.of(), launcher, arguments);
    }

    private Outcome start(Map<String, String> environment, Path launcher, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(arguments));
        Path err = Files.createTempFile(folder, "err", ".txt");
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(folder.toFile()).redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().put("PATH", folder + "/path:/usr/bin:/bin");
        builder.environment().put("HOME", folder.toString());
        builder.environment().put("JAVA_HOME", jdk.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        List<String> out = process.inputReader(StandardCharsets.UTF_8).lines().toList();
        return new Outcome(process.onExit().join().exitValue(), out, Files.readString(err));
    }

    private static void script(Path file, String body) throws IOException {
        write(file, body.startsWith("#!") ? body : "#!/bin/sh\n" + body);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
