package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCacheTest {
    @TempDir private Path folder;

    @Test
    void theLockIsHeldWhileLibrariesAreLoadedAndGivenBackAfterwards() throws IOException {
        Path cache = folder.resolve("not").resolve("there").resolve("yet");
        NativeCache.exclusively(
                cache,
                () ->
                        assertThatThrownBy(() -> lockAndRelease(cache))
                                .isInstanceOf(OverlappingFileLockException.class));
        assertThat(lockAndRelease(cache)).isTrue();
    }

    @Test
    void theLockIsGivenBackWhenLoadingFails() throws IOException {
        assertThatThrownBy(() ->
                        NativeCache.exclusively(
                                folder,
                                () -> {
                                    throw new UnsatisfiedLinkError("no such library");
                                }))
                .isInstanceOf(UnsatisfiedLinkError.class);
        assertThat(lockAndRelease(folder)).isTrue();
    }

    @Test
    void whatCannotBeLockedIsLoadedOnce() throws IOException {
        Path file = Files.createFile(folder.resolve("file"));
        List<String> loaded = new ArrayList<>();
        NativeCache.exclusively(file.resolve("cache"), () -> loaded.add("libtorch"));
        assertThat(loaded).containsExactly("libtorch");
    }

    @Test
    void aFolderThatLibrariesCannotBeLoadedFromIsNamedWithTheReasonAndTheProperty()
            throws IOException {
        UnsatisfiedLinkError mapped =
                new UnsatisfiedLinkError(
                        "no jnijavacpp in java.library.path\nfailed to map segment from shared object");
        assertThat(NativeCache.refused(folder, mapped))
                .hasMessageContaining("(%s)".formatted(folder))
                .hasMessageContaining("no jnijavacpp in java.library.path")
                .hasMessageContaining("hint: -Dorg.bytedeco.javacpp.cachedir=DIR names another");
        assertThat(
                        NativeCache.refused(
                                folder,
                                new UnsatisfiedLinkError("x.so: failed to map segment from it")))
                .hasMessageContaining("a file system that runs no programs (noexec)");
        Path file = Files.createFile(folder.resolve("file"));
        assertThat(NativeCache.refused(file.resolve("cache"), new IOException("no folder")))
                .hasMessageContaining("a file in its place");
    }

    @Test
    void theInnermostMountSaysWhetherProgramsRun() {
        List<String> mounts =
                List.of(
                        "/dev/vda / ext4 rw,relatime 0 0",
                        "tmpfs /data tmpfs rw,nosuid,noexec 0 0",
                        "tmpfs /data/programs tmpfs rw,nosuid 0 0");
        assertThat(NativeCache.isWithoutPrograms(Path.of("/data/cache"), mounts)).isTrue();
        assertThat(NativeCache.isWithoutPrograms(Path.of("/data/programs/x"), mounts)).isFalse();
        assertThat(NativeCache.isWithoutPrograms(Path.of("/database"), mounts)).isFalse();
    }

    private static boolean lockAndRelease(Path cache) throws IOException {
        try (FileChannel channel =
                FileChannel.open(cache.resolve(NativeCache.LOCK), StandardOpenOption.WRITE)) {
            return channel.tryLock() != null;
        }
    }
}
