package cleave.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// Files that appear whole or not at all, also after a power cut: the content goes to a temporary
/// file in the same folder, which is synced, renamed, and then the folder is synced.
///
/// The temporary name is fixed (`.NAME.tmp`), so what a killed process left is overwritten by the
/// next write; one file has one writer at a time.
public final class AtomicFile {
    private AtomicFile() {}

    /// Puts the content of a file through the channel it is given.
    @FunctionalInterface
    public interface Content {
        /// Writes everything; the channel is at position 0 of an empty file.
        void writeTo(FileChannel channel) throws IOException;
    }

    /// Writes UTF-8 text.
    public static void write(Path file, String text) throws IOException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /// Writes UTF-8 text to a file that several processes may write at once: it ends as one of
    /// theirs, whole. What a killed process left behind stays.
    public static void writeBesideOthers(Path file, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        write(
                file,
                "." + ProcessHandle.current().pid() + "-" + Thread.currentThread().threadId(),
                bytes.length,
                channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
    }

    /// Refuses a file that cannot be written, before the work whose result it would hold: one is
    /// begun beside it, and removed.
    ///
    /// @throws IOException that names the file and the reason
    public static void requireWritable(Path file) throws IOException {
        Path trial =
                file.resolveSibling(
                        "." + file.getFileName() + "." + ProcessHandle.current().pid() + ".trial");
        try {
            if (Files.isDirectory(file)) {
                throw new FileSystemException(file.toString(), null, "it is a folder");
            }
            FileChannel.open(trial, StandardOpenOption.CREATE, StandardOpenOption.WRITE).close();
            Files.delete(trial);
        } catch (IOException failure) {
            throw new IOException(
                    "%s could not be written: %s"
                            .formatted(
                                    file,
                                    switch (failure) {
                                        case NoSuchFileException _ -> "its folder does not exist";
                                        case AccessDeniedException _ -> "permission denied";
                                        default -> reason(failure);
                                    }),
                    failure);
        }
    }

    /// Writes bytes.
    public static void write(Path file, byte[] bytes) throws IOException {
        write(file, bytes.length, channel -> writeFully(channel, ByteBuffer.wrap(bytes)));
    }

    /// Writes streamed content; `size` is its length in bytes and serves the error message only. On
    /// failure the file is as it was, and the message names it with the bytes needed and usable.
    public static void write(Path file, long size, Content content) throws IOException {
        write(file, "", size, content);
    }

    private static void write(Path file, String mark, long size, Content content)
            throws IOException {
        Path temporary = file.resolveSibling("." + file.getFileName() + mark + ".tmp");
        try {
            try (FileChannel channel =
                    FileChannel.open(
                            temporary,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.TRUNCATE_EXISTING)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
            syncFolder(folderOf(file));
        } catch (IOException failure) {
            deleteQuietly(temporary, failure);
            throw new IOException(
                    "%s could not be written: %s (%d bytes needed, %s usable)"
                            .formatted(file, reason(failure), size, usable(folderOf(file))),
                    failure);
        }
    }

    /// Makes the names in a folder durable.
    public static void syncFolder(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static Path folderOf(Path file) {
        Path parent = file.getParent();
        return parent == null ? Path.of("") : parent;
    }

    private static String reason(IOException failure) {
        if (failure instanceof FileSystemException onFile && onFile.getReason() == null) {
            return failure.getClass().getSimpleName().replace("Exception", "");
        }
        String message = failure.getMessage();
        return message == null ? failure.getClass().getSimpleName() : message;
    }

    private static String usable(Path folder) {
        try {
            return Long.toString(Files.getFileStore(folder.toAbsolutePath()).getUsableSpace());
        } catch (IOException unknown) {
            return "an unknown number";
        }
    }

    private static void deleteQuietly(Path file, IOException failure) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException second) {
            failure.addSuppressed(second);
        }
    }
}
