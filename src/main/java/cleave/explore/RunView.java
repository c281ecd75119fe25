package cleave.explore;

import cleave.config.UserError;
import cleave.harvest.Groups;
import cleave.harvest.HarvestFolder;
import cleave.hub.Sha256;
import cleave.run.Checkpoints.Checkpoint;
import cleave.run.RunDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/// A run on the page, or a harvest alone.
///
/// @param key its name in addresses, `r0`, `r1`, ...
/// @param name of its folder
/// @param path of the folder
/// @param step of the last checkpoint; null for a harvest alone
/// @param canRun whether its model can be loaded
/// @param metrics what its training records, which may not be there yet; null for a harvest alone
/// @param report its report, which may not be there; null for a harvest alone
/// @param fresh whether the harvest is of the last checkpoint
/// @param decomposition SHA-256 of the last checkpoint's file, or what a harvest alone is of; empty
///   where there is neither
/// @param folders where a file of groups may lie, the harvest's before the run's
/// @param index what the harvest is; null where there is none
record RunView(
        String key,
        String name,
        Path path,
        @Nullable Long step,
        boolean canRun,
        boolean fresh,
        @Nullable Path metrics,
        @Nullable Path report,
        String decomposition,
        List<Path> folders,
        HarvestFolder.@Nullable Index index,
        @Nullable HarvestView harvest) {

    RunView {
        folders = List.copyOf(folders);
    }

    /// What the page is told.
    record Summary(
            String key,
            String name,
            String path,
            @Nullable Long step,
            boolean canRun,
            boolean trains,
            boolean hasReport,
            boolean fresh,
            boolean hasGroups,
            HarvestFolder.@Nullable Index harvest) {}

    /// What `cleave groups` found.
    ///
    /// @param fresh whether it is of the last checkpoint
    record Grouped(Groups groups, boolean fresh) {}

    /// Opens a run or a harvest.
    ///
    /// @param harvests folders of harvests that lie elsewhere; the one of the run's last checkpoint
    ///   is taken
    /// @throws UserError when it is neither
    static RunView open(String key, Path path, List<Path> harvests) {
        Path absolute = path.toAbsolutePath().normalize();
        Path last = absolute.getFileName();
        String name = last == null ? absolute.toString() : last.toString();
        if (Files.isRegularFile(path.resolve(HarvestFolder.INDEX))) {
            HarvestView harvest = new HarvestView(path);
            return new RunView(
                    key,
                    name,
                    absolute,
                    null,
                    false,
                    true,
                    null,
                    null,
                    harvest.index().settings().decomposition(),
                    List.of(absolute),
                    harvest.index(),
                    harvest);
        }
        RunDirectory directory = RunDirectory.open(path);
        Optional<Checkpoint> checkpoint =
                directory.checkpoints().latest(LoggerFactory.getLogger(RunView.class)::warn);
        String digest = checkpoint.map(each -> digest(each.decomposition())).orElse("");
        Optional<Path> folder =
                harvests.stream()
                        .filter(each ->
                                HarvestFolder.open(each).settings().decomposition().equals(digest))
                        .findFirst()
                        .or(() -> HarvestFolder.in(path));
        HarvestView harvest = folder.map(HarvestView::new).orElse(null);
        return new RunView(
                key,
                name,
                absolute,
                checkpoint.map(Checkpoint::step).orElse(null),
                checkpoint.isPresent(),
                harvest == null || harvest.index().settings().decomposition().equals(digest),
                directory.metricsFile(),
                directory.reportFile(),
                digest,
                Stream.concat(folder.stream(), Stream.of(absolute)).toList(),
                harvest == null ? null : harvest.index(),
                harvest);
    }

    private static String digest(Path file) {
        try {
            return Sha256.of(file);
        } catch (IOException failure) {
            throw new UserError(
                    "checkpoint must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
    }

    Summary summary() {
        return new Summary(
                key,
                name,
                path.toString(),
                step,
                canRun,
                metrics != null,
                report != null && Files.isRegularFile(report),
                fresh,
                folders.stream().anyMatch(each -> Files.isRegularFile(each.resolve(Groups.FILE))),
                index);
    }

    /// The groups that lie in the harvest's folder or in the run's; empty where there are none.
    ///
    /// @throws UserError when the file cannot be read
    Optional<Grouped> groups() {
        return folders.stream()
                .flatMap(folder -> Groups.in(folder).stream())
                .findFirst()
                .map(found ->
                        new Grouped(found, found.settings().decomposition().equals(decomposition)));
    }
}
