import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/// Makes the archive that runs without JDK and Maven: `Archive.java ROOT TARGET NAME CLASSIFIER TIME`.
///
/// It takes the jar and the class path of a build in TARGET, links a runtime of the modules that
/// these need, adds models, configurations and licences, and packs all as `TARGET/NAME.tar.gz`, or
/// `.zip` on Windows. Everything in it has the time TIME.
final class Archive {
    /// Modules that no class names: the kernels, the native library's memory, `https`, and files
    /// within jars.
    private static final List<String> UNNAMED =
            List.of(
                    "jdk.incubator.vector",
                    "jdk.unsupported",
                    "jdk.crypto.ec",
                    "jdk.zipfs",
                    "java.logging",
                    "java.management",
                    "java.net.http",
                    "jdk.httpserver",
                    "jdk.management");

    /// Folders of natives within jars that hold those of every platform, as their makers name ours.
    private static final List<String> FOLDERS = List.of("native/lib/", "org/jline/nativ/");

    private final Path root;
    private final Path target;
    private final Path out;
    private final String classifier;
    private final Path tools = Path.of(System.getProperty("java.home"), "bin");

    private Archive(Path root, Path target, String name, String classifier) {
        this.root = root;
        this.target = target;
        this.out = target.resolve("archive").resolve(name);
        this.classifier = classifier;
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Archive archive =
                new Archive(
                        Path.of(arguments[0]), Path.of(arguments[1]), arguments[2], arguments[3]);
        archive.make(FileTime.from(Instant.parse(arguments[4])));
    }

    private boolean windows() {
        return classifier.startsWith("windows");
    }

    private void make(FileTime time) throws IOException, InterruptedException {
        delete(out);
        Path lib = Files.createDirectories(out.resolve("lib"));
        List<String> names = new ArrayList<>(List.of("cleave.jar"));
        Files.copy(jar(), lib.resolve("cleave.jar"));
        for (String entry :
                Files.readString(target.resolve("classpath.txt"))
                        .strip()
                        .split(System.getProperty("path.separator"))) {
            names.add(library(Path.of(entry), lib));
        }
        Files.write(lib.resolve("classpath"), names);
        run(
                out,
                tools.resolve("jlink").toString(),
                "--add-modules",
                String.join(",", modules(names)),
                "--strip-java-debug-attributes",
                "--no-header-files",
                "--no-man-pages",
                "--output",
                out.resolve("runtime").toString());
        copyAll();
        licences(lib);
        setTimes(time); // before the caches are made, for they keep those of the jars
        train();
        setTimes(time);
        pack();
    }

    private Path jar() throws IOException {
        try (Stream<Path> files = Files.list(target)) {
            return files.filter(file -> file.getFileName().toString().matches("cleave-.*\\.jar"))
                    .filter(file ->
                            !file.getFileName().toString().matches(".*-(sources|javadoc)\\.jar"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /// Copies a library, without natives of other platforms; the name that it has then.
    private String library(Path from, Path lib) throws IOException, InterruptedException {
        String name = from.getFileName().toString();
        if (name.startsWith("picocli-")) {
            name = name.replace(".jar", "-newer.jar"); // as the launcher of a checkout does
            run(
                    out,
                    tools.resolve("java").toString(),
                    root.resolve("bin/Modernise.java").toString(),
                    from.toString(),
                    lib.resolve(name).toString());
            return name;
        }
        try (JarFile jar = new JarFile(from.toFile())) {
            if (jar.stream().noneMatch(entry -> isOfAnotherPlatform(entry.getName()))) {
                Files.copy(from, lib.resolve(name));
                return name;
            }
            name = name.replace(".jar", "-" + classifier + ".jar");
            try (OutputStream file = Files.newOutputStream(lib.resolve(name));
                    JarOutputStream less = new JarOutputStream(file)) {
                for (JarEntry entry : Collections.list(jar.entries())) {
                    if (!isOfAnotherPlatform(entry.getName())) {
                        less.putNextEntry(new JarEntry(entry.getName()));
                        try (InputStream in = jar.getInputStream(entry)) {
                            in.transferTo(less);
                        }
                    }
                }
            }
        }
        return name;
    }

    private boolean isOfAnotherPlatform(String entry) {
        for (String folder : FOLDERS) {
            int begin = entry.indexOf(folder);
            if (begin >= 0 && !entry.endsWith(".class") && !entry.endsWith(".properties")) {
                String rest = entry.substring(begin + folder.length());
                return rest.contains("/") && !ours().contains(platform(rest));
            }
        }
        return false;
    }

    private Set<String> ours() {
        return switch (classifier) {
            case "linux-x86_64" -> Set.of("linux-x86_64", "Linux/x86_64");
            case "macosx-arm64" -> Set.of("osx-aarch64", "Mac/arm64");
            case "windows-x86_64" -> Set.of("win-x86_64", "Windows/x86_64");
            default -> throw new IllegalArgumentException("no archive for " + classifier);
        };
    }

    private static String platform(String rest) {
        String[] parts = rest.split("/");
        return parts[0].contains("-") || parts.length < 2 ? parts[0] : parts[0] + "/" + parts[1];
    }

    /// The modules that the classes need, as jdeps finds them, and those that it cannot find.
    private Set<String> modules(List<String> names) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                tools.resolve("jdeps").toString(),
                                "--print-module-deps",
                                "--ignore-missing-deps",
                                "--multi-release",
                                "25",
                                "--add-modules",
                                "jdk.incubator.vector",
                                "--module-path",
                                ".")); // some libraries are modules, which require others
        // The natives' jars have no classes.
        names.stream()
                .filter(name -> !name.contains(classifier) || name.startsWith("tokenizers"))
                .forEach(command::add);
        Path said = Files.createTempFile(target, "jdeps", ".txt");
        Process jdeps =
                new ProcessBuilder(command)
                        .directory(out.resolve("lib").toFile())
                        .redirectOutput(said.toFile())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        String text;
        if (jdeps.waitFor() != 0 || (text = Files.readString(said).strip()).isEmpty()) {
            throw new IOException("jdeps failed: " + Files.readString(said));
        }
        Files.delete(said);
        Set<String> modules = new TreeSet<>(UNNAMED);
        for (String module : text.lines().toList().getLast().split(",")) {
            if (module.startsWith("java.") || module.startsWith("jdk.")) {
                modules.add(module);
            }
        }
        return modules;
    }

    private void copyAll() throws IOException {
        for (String name :
                List.of("LICENSE", "README.md", "CHANGELOG.md", "models", "configs", "python")) {
            copy(root.resolve(name), out.resolve(name));
        }
        Files.createDirectories(out.resolve("bin"));
        String launcher = windows() ? "bin/cleave.cmd" : "bin/cleave";
        copy(root.resolve(launcher), out.resolve(launcher));
        Path manual = root.resolve("docs/reference/cleave.1");
        if (Files.exists(manual)) {
            copy(manual, out.resolve("share/man/man1/cleave.1"));
        }
    }

    /// The list of what is inside with its licences, and their texts: those that lie in the jars,
    /// and those that their makers keep elsewhere. The runtime has its own under `runtime/legal`.
    private void licences(Path lib) throws IOException {
        copy(
                target.resolve("generated-sources/license/THIRD-PARTY.txt"),
                out.resolve("THIRD-PARTY.txt"));
        copy(root.resolve("src/archive/licences"), out.resolve("licences"));
        try (Stream<Path> jars = Files.list(lib)) {
            for (Path file : jars.filter(each -> each.toString().endsWith(".jar")).toList()) {
                try (JarFile jar = new JarFile(file.toFile())) {
                    for (JarEntry entry : Collections.list(jar.entries())) {
                        String name = entry.getName().replaceFirst(".*/", "");
                        if (name.matches("(?i).*(licen[cs]e|notice).*") && !name.endsWith(".class")) {
                            Path to =
                                    out.resolve("licences")
                                            .resolve(
                                                    file.getFileName()
                                                            .toString()
                                                            .replace(".jar", ""))
                                            .resolve(name);
                            Files.createDirectories(to.getParent());
                            try (InputStream in = jar.getInputStream(entry)) {
                                Files.copy(in, to, StandardCopyOption.REPLACE_EXISTING);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Makes the caches of loaded classes, as the launcher of a checkout does. A start without them
    /// is only slower.
    private void train() throws IOException, InterruptedException {
        if (windows()) {
            return;
        }
        tryRun("-XX:AOTCacheOutput=lib/cleave.jar.plain.aot", "completion");
        tryRun("-XX:AOTCacheOutput=lib/cleave.jar.kernels.aot", "decompose", "/nonexistent.yaml");
    }

    private void tryRun(String option, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(out.resolve("bin/cleave").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .directory(out.toFile())
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("CLEAVE_JAVA_OPTS", option);
        builder.start().waitFor();
    }

    private void pack() throws IOException, InterruptedException {
        String name = out.getFileName().toString();
        Path packed = target.resolve(name + (windows() ? ".zip" : ".tar.gz"));
        Files.deleteIfExists(packed);
        run(
                out.getParent(),
                "tar",
                windows() ? "-acf" : "-czf",
                packed.toString(),
                name);
        System.out.printf(
                "archive: %s (%.0f MB, unpacked %.0f MB)%n",
                packed, Files.size(packed) / 1e6, size(out) / 1e6);
    }

    private static long size(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).mapToLong(file -> file.toFile().length()).sum();
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path copied = to.resolve(from.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(copied);
                } else {
                    Files.createDirectories(copied.getParent());
                    Files.copy(file, copied, StandardCopyOption.COPY_ATTRIBUTES);
                }
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Collections.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private void setTimes(FileTime time) throws IOException {
        Files.walkFileTree(
                out,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
                            throws IOException {
                        if (!attributes.isSymbolicLink()) {
                            Files.setLastModifiedTime(file, time);
                        }
                        return FileVisitResult.CONTINUE;
                    }
                });
    }

    private static void run(Path folder, String... command)
            throws IOException, InterruptedException {
        int code =
                new ProcessBuilder(command).directory(folder.toFile()).inheritIO().start().waitFor();
        if (code != 0) {
            throw new IOException("%s ended with %d".formatted(command[0], code));
        }
    }
}
