package cleave.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import cleave.config.UserError;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/// The native half of Hugging Face's tokenizers, loaded when the first of them is needed.
///
/// It comes in the jar of DJL's bindings and is unpacked once, to `cleave` in the user's folder for
/// caches (`$XDG_CACHE_HOME`, or else `~/.cache`), or where that cannot be written to the folder
/// for temporary files. DJL's own classes above the bindings, which can fetch files and report to
/// its makers, are left out: what is here opens no connection.
final class NativeTokenizers {
    private static final String ROOT = "/native/lib/";

    private static @Nullable TokenizersLibrary loaded;

    private NativeTokenizers() {}

    /// The bindings, their native half loaded.
    ///
    /// @throws UserError when there is no native half for this machine, or it cannot be loaded
    static synchronized TokenizersLibrary library() {
        TokenizersLibrary library = loaded == null ? load() : loaded;
        loaded = library;
        return library;
    }

    /// The native files of a machine, in the order in which they are loaded.
    record Native(String folder, List<String> files) {

        /// Those of a machine.
        ///
        /// @param system as in the property `os.name`
        /// @param machine as in the property `os.arch`
        /// @throws UserError when there are none
        static Native of(String system, String machine) {
            String name = system.toLowerCase(Locale.ROOT);
            boolean arm = machine.equals("aarch64") || machine.equals("arm64");
            boolean intel = machine.equals("amd64") || machine.equals("x86_64");
            if (name.startsWith("linux") && (arm || intel)) {
                return new Native(
                        arm ? "linux-aarch64" : "linux-x86_64", List.of("libtokenizers.so"));
            }
            if (name.startsWith("mac") && arm) {
                return new Native("osx-aarch64", List.of("libtokenizers.dylib"));
            }
            if (name.startsWith("windows") && intel) {
                return new Native(
                        "win-x86_64",
                        List.of(
                                "libwinpthread-1.dll",
                                "libgcc_s_seh-1.dll",
                                "libstdc++-6.dll",
                                "tokenizers.dll"));
            }
            throw new UserError(
                    "tokenizers must run on Linux (x86-64, aarch64), macOS (arm64) or Windows (x86-64), got %s on %s\nhint: give tokens with --ids where a command takes them"
                            .formatted(system, machine));
        }
    }

    private static TokenizersLibrary load() {
        Native files =
                Native.of(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
        String caches = caches(System.getenv(), System.getProperty("user.home", ""));
        List<String> reasons = new ArrayList<>();
        for (Path parent :
                List.of(Path.of(caches), Path.of(System.getProperty("java.io.tmpdir")))) {
            try {
                load(files, parent.resolve("cleave"));
                return TokenizersLibrary.LIB;
            } catch (IOException | UnsatisfiedLinkError failure) {
                reasons.add(String.valueOf(failure.getMessage()));
            }
        }
        throw new UserError(
                "tokenizer library must load, got %s\nhint: give tokens with --ids where a command takes them"
                        .formatted(String.join("; ", reasons)));
    }

    /// The user's folder for caches. The rule of XDG is that a relative path is as good as none.
    static String caches(Map<String, String> environment, String home) {
        String given = environment.getOrDefault("XDG_CACHE_HOME", "");
        return Path.of(given).isAbsolute() ? given : Path.of(home, ".cache").toString();
    }

    @SuppressWarnings("restricted") // bin/cleave allows native access
    private static void load(Native files, Path parent) throws IOException {
        Path folder = parent.resolve("tokenizers-%s-%s".formatted(version(), files.folder()));
        Files.createDirectories(folder);
        for (String file : files.files()) {
            System.load(unpacked(files.folder(), file, folder).toString());
        }
    }

    /// The version of the library and of its bindings.
    private static String version() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = resource(ROOT + "tokenizers.properties").openStream()) {
            properties.load(in);
        }
        return properties.getProperty("version", "unknown");
    }

    /// A native file in a folder, unpacked where it is not there in full. Several processes may
    /// unpack it at once: each has a file of its own until it is whole.
    static Path unpacked(String machine, String file, Path folder) throws IOException {
        URL packed = resource(ROOT + machine + "/cpu/" + file);
        Path path = folder.resolve(file).toAbsolutePath();
        long size = packed.openConnection().getContentLengthLong();
        if (Files.isRegularFile(path) && Files.size(path) == size) {
            return path;
        }
        Path own = Files.createTempFile(folder, file, ".tmp");
        try (InputStream in = packed.openStream()) {
            Files.copy(in, own, StandardCopyOption.REPLACE_EXISTING);
            return Files.move(own, path, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(own);
        }
    }

    private static URL resource(String name) throws IOException {
        URL found = TokenizersLibrary.class.getResource(name);
        if (found == null) {
            throw new IOException("nothing named " + name);
        }
        return found;
    }
}
