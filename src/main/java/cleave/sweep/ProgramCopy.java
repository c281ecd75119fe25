package cleave.sweep;

import cleave.run.ChildJvm;
import cleave.tensor.AtomicFile;
import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/// This program as a command line for more processes of it. Its jar is copied first, so that all
/// runs of a sweep that goes on for days are made by one build, whatever is built meanwhile.
final class ProgramCopy {
    private static final String COPY = "program.jar";

    private ProgramCopy() {}

    /// The beginning of the command line.
    ///
    /// @param folder takes the copy
    /// @param main has the method that is run
    /// @param writes whether to make the copy; else it is there
    static List<String> command(Path folder, Class<?> main, boolean writes) throws IOException {
        return ChildJvm.command(classPath(folder, main, writes), main, List.of());
    }

    private static String classPath(Path folder, Class<?> main, boolean writes) throws IOException {
        String classPath = System.getProperty("java.class.path");
        Path code = code(main);
        if (!Files.isRegularFile(code)) {
            return classPath; // a folder of classes, as in a development environment
        }
        Path copy = folder.resolve(COPY);
        if (writes) {
            AtomicFile.write(copy, Files.readAllBytes(code));
        }
        return Arrays.stream(classPath.split(File.pathSeparator, -1))
                .map(entry -> entry.equals(code.toString()) ? copy.toString() : entry)
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static Path code(Class<?> main) {
        try {
            return Path.of(main.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException malformed) {
            throw new IllegalStateException("a class path entry is a path", malformed);
        }
    }
}
