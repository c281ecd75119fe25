package cleave.tensor;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The folder into which JavaCPP unpacks native libraries, used by one process at a time.
///
/// JavaCPP lets a second process load a library that a first one is still writing, and that process
/// then dies in the dynamic loader: two first starts at once are enough.
final class NativeCache {
    /// The file whose lock stands for the folder.
    static final String LOCK = "cleave.lock";

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

    private static FileChannel open(Path folder) throws IOException {
        Files.createDirectories(folder);
        return FileChannel.open(
                folder.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    }
}
