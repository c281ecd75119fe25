package cleave.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class GoldenTest {
    @Test
    void everyFileIsTheOneItsManifestLists() throws IOException {
        Map<String, String> listed =
                Files.readAllLines(Golden.FOLDER.resolve("SHA256SUMS")).stream()
                        .map(line -> List.of(line.split("  ", -1)))
                        .collect(Collectors.toMap(List::getLast, List::getFirst));
        Map<String, String> found = new TreeMap<>();
        try (Stream<Path> files = Files.list(Golden.FOLDER)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".json")).toList()) {
                found.put(file.getFileName().toString(), sha256(file));
            }
        }
        assertThat(found).as(Golden.HINT).isEqualTo(listed);
    }

    private static String sha256(Path file) throws IOException {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException("every JDK has SHA-256", impossible);
        }
    }

    @Test
    void aDifferenceIsRelativeToTheLargestExpectedNumberAndNamesItsHint() {
        Differences differences = new Differences("subject", 1e-3, "run this");
        differences.check("close", new double[] {1000, 0.5}, new double[] {1000, 0});
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(() -> differences.check("far", 1, 1.1))
                .withMessageContaining("subject: far[0] must be 1.1")
                .withMessageEndingWith("hint: run this");
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(() -> differences.check("no number", Double.NaN, 1));
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(() -> differences.check("short", new double[1], new double[2]));
    }
}
