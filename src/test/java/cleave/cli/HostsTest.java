package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import cleave.testing.Child;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `bench/hosts.sh` in short: ranks on two hosts, which are network namespaces, lose each other and
/// go on. It needs root on Linux, and is left out elsewhere.
class HostsTest {
    private static final long MINUTES = 10;

    @TempDir private Path folder;

    @Test
    void hostsThatAreKilledOrCutOffEndAndGoOn() throws Exception {
        assumeThat(System.getProperty("os.name")).isEqualTo("Linux");
        assumeThat(output("id", "-u").strip()).isEqualTo("0");
        assumeThat(Files.isExecutable(Path.of("/usr/sbin/ip"))).isTrue();
        Path cleave = folder.resolve("cleave");
        Files.writeString(
                cleave,
                "#!/bin/sh\nexec %s \"$@\"\n".formatted(String.join(" ", Child.brief(Main.class))));
        assertThat(cleave.toFile().setExecutable(true)).isTrue();
        Path said = folder.resolve("said.txt");
        ProcessBuilder script =
                new ProcessBuilder(
                                Path.of("bench/hosts.sh").toAbsolutePath().toString(),
                                folder.resolve("out").toString())
                        .redirectErrorStream(true)
                        .redirectOutput(said.toFile());
        script.environment().put("CLEAVE", cleave.toString());
        script.environment().put("KILLS", "1");
        script.environment().put("CUTS", "1");
        script.environment().put("STEPS", "100");
        Process process = script.start();
        assertThat(process.waitFor(MINUTES, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(said)).isZero();
        List<String> rows = Files.readAllLines(folder.resolve("out/hosts.csv"));
        assertThat(rows.getFirst()).startsWith("fault,number,rank");
        assertThat(rows).anyMatch(row -> row.startsWith("kill,1,")).hasSizeGreaterThanOrEqualTo(3);
    }

    private static String output(String... command) throws IOException {
        return new String(
                new ProcessBuilder(command).start().getInputStream().readAllBytes(),
                StandardCharsets.UTF_8);
    }
}
