package cleave.run;

import cleave.config.UserError;
import cleave.hub.Sha256;
import cleave.tensor.AtomicFile;
import cleave.tensor.Safetensors;
import cleave.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The saved states of a run, one folder per step, each whole or absent.
///
/// A save is written to `checkpoints/.STEP.partial` and becomes `checkpoints/STEP` by one rename,
/// when all of it is on disk. The newest two are kept.
public final class Checkpoints {
    private static final int KEPT = 2;
    private static final String DECOMPOSITION = "decomposition.safetensors";
    private static final String TRAINING = "training.safetensors";
    private static final String CHECKSUMS = "checksums.json";
    private static final String PARTIAL = ".partial";
    private static final JsonMapper JSON = new JsonMapper();

    private final RunDirectory run;
    private final Path folder;

    Checkpoints(RunDirectory run) {
        this.run = run;
        this.folder = run.path().resolve("checkpoints");
    }

    /// A saved state: the decomposition itself, and what training needs to go on from it, which an
    /// exported run has not.
    public record Checkpoint(long step, Path decomposition, Optional<Path> training) {}

    /// The files of a saved state in the making.
    @FunctionalInterface
    private interface Content {
        void write(Path folder) throws IOException;
    }

    /// Makes the folder that checkpoints come to lie in.
    void begin() throws IOException {
        Files.createDirectories(folder);
    }

    /// Saves the state at `step`. Checkpoints of later steps belong to a course the run has left
    /// (it went back behind a damaged one), and are deleted with the older ones.
    ///
    /// When this fails the earlier checkpoints are as they were.
    public void save(
            long step, SortedMap<String, Tensor> decomposition, SortedMap<String, Tensor> training)
            throws IOException {
        save(
                step,
                folder -> {
                    Safetensors.write(folder.resolve(DECOMPOSITION), decomposition, Map.of());
                    Safetensors.write(folder.resolve(TRAINING), training, Map.of());
                    writeChecksums(folder, DECOMPOSITION, TRAINING);
                });
    }

    /// Saves a state that is only read, never trained on.
    ///
    /// @param metadata of the decomposition's file
    void saveExported(
            long step, SortedMap<String, Tensor> decomposition, Map<String, String> metadata)
            throws IOException {
        save(
                step,
                folder -> {
                    Safetensors.write(folder.resolve(DECOMPOSITION), decomposition, metadata);
                    writeChecksums(folder, DECOMPOSITION);
                });
    }

    private void save(long step, Content content) throws IOException {
        run.checkWritable();
        if (step < 0) {
            throw new IllegalArgumentException(
                    "checkpoint step must be >= 0, got %d (%s)".formatted(step, run.path()));
        }
        Files.createDirectories(folder);
        AtomicFile.syncFolder(run.path());
        clearPartial();
        Path partial = partial(step);
        try {
            Files.createDirectory(partial);
            content.write(partial);
            Path saved = folder.resolve(Long.toString(step));
            if (Files.exists(saved)) {
                setAside(step);
            }
            Files.move(partial, saved, StandardCopyOption.ATOMIC_MOVE);
            AtomicFile.syncFolder(folder);
        } catch (IOException | RuntimeException failure) {
            try {
                delete(partial);
            } catch (IOException second) {
                failure.addSuppressed(second);
            }
            throw failure;
        }
        for (long later : steps().stream().filter(other -> other > step).toList()) {
            setAside(later);
        }
        for (long old : steps().stream().skip(KEPT).toList()) {
            setAside(old);
        }
        clearPartial();
    }

    /// The newest checkpoint whose checksums hold. A damaged one is said and passed over.
    ///
    /// @param say takes one line for each damaged checkpoint
    public Optional<Checkpoint> latest(Consumer<String> say) {
        List<String> damaged = new ArrayList<>();
        for (long step : steps()) {
            Path saved = folder.resolve(Long.toString(step));
            @Nullable String damage = damage(saved);
            if (damage == null) {
                return Optional.of(
                        new Checkpoint(
                                step,
                                saved.resolve(DECOMPOSITION),
                                Optional.of(saved.resolve(TRAINING)).filter(Files::exists)));
            }
            if (Files.isDirectory(saved)) { // else a writer deleted it just now, as too old
                damaged.add(damage);
                say.accept(
                        "checkpoint %d is damaged, trying the one before: %s"
                                .formatted(step, damage));
            }
        }
        if (!damaged.isEmpty()) {
            throw new UserError(
                    "run must have an undamaged checkpoint, got %d damaged (%s)\n%s"
                            .formatted(damaged.size(), folder, String.join("\n", damaged)));
        }
        return Optional.empty();
    }

    /// The checkpoint of a step.
    ///
    /// @throws UserError when there is none, or it is damaged
    Checkpoint at(long step) {
        Path saved = folder.resolve(Long.toString(step));
        if (!steps().contains(step)) {
            throw new UserError(
                    "checkpoint must be one of %s, got %d (%s)".formatted(steps(), step, folder));
        }
        @Nullable String damage = damage(saved);
        if (damage != null) {
            throw new UserError("checkpoint must be undamaged, got one where " + damage);
        }
        return new Checkpoint(
                step,
                saved.resolve(DECOMPOSITION),
                Optional.of(saved.resolve(TRAINING)).filter(Files::exists));
    }

    private static void writeChecksums(Path folder, String... names) throws IOException {
        Map<String, String> checksums = new TreeMap<>();
        for (String name : names) {
            checksums.put(name, Sha256.of(folder.resolve(name)));
        }
        AtomicFile.write(folder.resolve(CHECKSUMS), JSON.writeValueAsString(checksums) + "\n");
    }

    /// What is wrong with a saved state; null when nothing is.
    private static @Nullable String damage(Path saved) {
        Path file = saved.resolve(CHECKSUMS);
        try {
            JsonNode checksums = JSON.readTree(Files.readAllBytes(file));
            for (String name : List.of(DECOMPOSITION, TRAINING)) {
                file = saved.resolve(name);
                if (name.equals(TRAINING) && !checksums.has(name) && !Files.exists(file)) {
                    continue; // an exported run
                }
                String expected = checksums.path(name).asString("none");
                String actual = Sha256.of(file);
                if (!actual.equals(expected)) {
                    return "%s must have sha-256 %s, got %s".formatted(file, expected, actual);
                }
            }
            return null;
        } catch (IOException | JacksonException unreadable) {
            return "%s must be readable, got %s".formatted(file, unreadable);
        }
    }

    /// The steps with a saved state, newest first.
    private List<Long> steps() {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> name.matches("0|[1-9][0-9]{0,17}"))
                    .map(Long::valueOf)
                    .sorted(Comparator.reverseOrder())
                    .toList();
        } catch (IOException failure) {
            throw new UserError(
                    "checkpoints must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), folder),
                    failure);
        }
    }

    /// Takes a saved state from under its number by one rename, to be deleted as a partial one: a
    /// half-deleted state would look damaged.
    private void setAside(long step) throws IOException {
        Files.move(
                folder.resolve(Long.toString(step)),
                folder.resolve("." + step + ".discarded" + PARTIAL),
                StandardCopyOption.ATOMIC_MOVE);
    }

    private void clearPartial() throws IOException {
        List<Path> leftovers;
        try (Stream<Path> entries = Files.list(folder)) {
            leftovers =
                    entries.filter(entry ->
                                    entry.getFileName().toString().startsWith(".")
                                            && entry.toString().endsWith(PARTIAL))
                            .toList();
        }
        for (Path leftover : leftovers) {
            delete(leftover);
        }
    }

    private Path partial(long step) {
        return folder.resolve("." + step + PARTIAL);
    }

    private static void delete(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        List<Path> deepestFirst;
        try (Stream<Path> entries = Files.walk(root)) {
            deepestFirst = entries.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path entry : deepestFirst) {
            Files.deleteIfExists(entry);
        }
    }
}
