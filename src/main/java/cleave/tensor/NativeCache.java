package cleave.tensor;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// The folder into which JavaCPP unpacks native libraries, used by one process at a time.
///
/// JavaCPP lets a second process load a library that a first one is still writing, and that process
/// then dies in the dynamic loader: two first starts at once are enough.
final class NativeCache {
    /// The file whose lock stands for the folder.
    static final String LOCK = "cleave.lock";

    /// The system property that names the folder.
    private static final String PROPERTY = "org.bytedeco.javacpp.cachedir";

    private static final long UNPACKED = 450L << 20; // what libtorch and OpenBLAS take

    private NativeCache() {}

    /// Runs `load` while no other process does so with the same folder. Where no lock can be had,
    /// as in a folder that may only be read, everything has been unpacked before and `load` just
    /// runs.
    ///
    /// @param folder made where it is missing
    static void exclusively(Path folder, Runnable load) {
        try (FileChannel channel = open(folder)) {
            // Closing the channel gives the lock back.
            channel.lock();
            load.run();
        } catch (IOException notLockable) {
            load.run();
        }
    }

    /// The folder that JavaCPP unpacks into, where it could not make it and so does not name it.
    static Path configured() {
        String given = System.getProperty(PROPERTY);
        return given != null
                ? Path.of(given)
                : Path.of(System.getProperty("user.home", "."), ".javacpp", "cache");
    }

    /// Why libtorch could not be loaded from this folder: the file system takes no programs, it is
    /// full, or what the loader said.
    static UserError refused(Path folder, Throwable failure) {
        String said = String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
        Throwable cause = failure.getCause();
        if (cause != null && cause.getMessage() != null) {
            said = cause.getMessage().lines().findFirst().orElse(said);
        }
        String reason = reason(folder, said) + (said.isEmpty() ? "" : ": " + said);
        return UserError.withHints(
                "folder of native libraries must be one that libtorch can be unpacked to and loaded from, got %s (%s)"
                        .formatted(reason, folder),
                "-D%s=DIR names another folder: CLEAVE_JAVA_OPTS=-D%s=DIR bin/cleave ..."
                        .formatted(PROPERTY, PROPERTY));
    }

    private static String reason(Path folder, String said) {
        Path there = folder.toAbsolutePath();
        while (!Files.isDirectory(there) && there.getParent() != null) {
            if (Files.exists(there)) {
                return "a file in its place";
            }
            there = there.getParent();
        }
        if (isWithoutPrograms(there) || said.contains("failed to map segment")) {
            return "a file system that runs no programs (noexec)";
        }
        if (!Files.isWritable(there)) {
            return "a folder that cannot be written";
        }
        long free = there.toFile().getUsableSpace();
        if (free < UNPACKED) {
            return "%d MiB free of the %d MiB that the libraries take"
                    .formatted(free >> 20, UNPACKED >> 20);
        }
        return "a failure";
    }

    /// Whether a folder's file system is mounted noexec, where the system tells.
    private static boolean isWithoutPrograms(Path folder) {
        try {
            return isWithoutPrograms(
                    folder.toRealPath(), Files.readAllLines(Path.of("/proc/mounts")));
        } catch (IOException notLinux) {
            return false;
        }
    }

    /// Whether the file system that holds a folder is mounted noexec.
    ///
    /// @param mounts the lines of `/proc/mounts`: device, folder, kind, options
    static boolean isWithoutPrograms(Path folder, List<String> mounts) {
        String best = "";
        boolean without = false;
        for (String line : mounts) {
            String[] words = line.split(" ", -1);
            if (words.length > 3
                    && folder.startsWith(words[1])
                    && words[1].length() >= best.length()) {
                best = words[1];
                without = List.of(words[3].split(",", -1)).contains("noexec");
            }
        }
        return without;
    }

    private static FileChannel open(Path folder) throws IOException {
        Files.createDirectories(folder);
        return FileChannel.open(
                folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }
}
