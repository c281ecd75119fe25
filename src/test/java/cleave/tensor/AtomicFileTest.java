package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir private Path folder;

    @Test
    void replacesAFileAndLeavesNothingElse() throws IOException {
        Path file = folder.resolve("note.txt");
        AtomicFile.write(file, "first");
        Files.writeString(folder.resolve(".note.txt.tmp"), "left by a killed process, and longer");

        AtomicFile.write(file, "größer");

        assertThat(file).hasBinaryContent(new byte[] {'g', 'r', -61, -74, -61, -97, 'e', 'r'});
        assertThat(names()).containsExactly("note.txt");
    }

    @Test
    void aFailedWriteKeepsTheOldFileAndSaysWhatWasNeeded() throws IOException {
        Path file = folder.resolve("note.txt");
        AtomicFile.write(file, "first");

        assertThatThrownBy(() ->
                        AtomicFile.write(
                                file,
                                42,
                                _ -> {
                                    throw new IOException("No space left on device");
                                }))
                .isInstanceOf(IOException.class)
                .hasMessageMatching(
                        ".*note\\.txt could not be written: No space left on device"
                                + " \\(42 bytes needed, \\d+ usable\\)");

        assertThat(file).hasContent("first");
        assertThat(names()).containsExactly("note.txt");
    }

    @Test
    void aMissingFolderIsAnInputOutputFailureThatNamesTheFile() {
        assertThatThrownBy(() -> AtomicFile.write(folder.resolve("no/such/file"), "text"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("no/such/file could not be written: NoSuchFile");
    }

    private Stream<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).toList().stream();
        }
    }
}
