package cleave.run;

import cleave.config.Binder;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.hub.Model;
import cleave.tensor.AtomicFile;
import cleave.tensor.Scopes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// A run for others to read: its last checkpoint without what training needs and without the
/// parameters of merged subcomponents, and no path of the machine that it was made on in its
/// configuration. Everything but a resume works on it as on the run itself.
public final class ExportedRun {
    private ExportedRun() {}

    /// Writes a run's export.
    ///
    /// @param out a folder that does not exist or is empty
    /// @param card its README
    /// @param more names of records that are copied beside the run's own, where it has them
    /// @return its size in bytes
    /// @throws UserError when `out` is in use
    public static long write(LoadedRun run, Path out, String card, List<String> more) throws IOException {
        RunDirectory from = run.directory();
        String target = RunDirectory.TARGET + "/" + run.targetName();
        RunFile file = run.file().withCopies(target, RunDirectory.DATA);
        try (RunDirectory made =
                RunDirectory.createExported(
                        out,
                        YamlTree.write(Binder.toTree(file)),
                        to -> {
                            Model.copy(run.model().folder(), to.path().resolve(target));
                            run.file().copyData(to.dataFolder());
                            List<Path> records =
                                    new ArrayList<>(
                                            List.of(
                                                    from.provenanceFile(),
                                                    from.metricsFile(),
                                                    from.compactionsFile(),
                                                    from.twinsFile()));
                            more.forEach(name -> records.add(from.path().resolve(name)));
                            for (Path record : records) {
                                copyIfThere(record, to.path().resolve(record.getFileName()));
                            }
                            cutBackTo(to, run.checkpoint().step());
                            AtomicFile.write(to.path().resolve("README.md"), card);
                            save(run, to);
                        })) {
            Files.delete(made.path().resolve(RunLock.FILE)); // nobody else writes to it
            return bytes(made.path());
        }
    }

    /// Leaves out what was written after the checkpoint.
    private static void cutBackTo(RunDirectory run, long nextStep) throws IOException {
        MetricsLog.cutBackTo(run, nextStep - 1).close();
        for (Path events : List.of(run.compactionsFile(), run.twinsFile())) {
            EventLog.cutBackTo(run, events, nextStep);
        }
    }

    private static long bytes(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).mapToLong(ExportedRun::size).sum();
        }
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static void save(LoadedRun run, RunDirectory to) {
        Scopes.run(() -> {
            try {
                to.checkpoints()
                        .saveExported(
                                run.checkpoint().step(),
                                run.livingTensors(),
                                DecompositionFile.livingOnly(run.decomposition().sites()));
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    private static void copyIfThere(Path from, Path to) throws IOException {
        if (Files.exists(from)) {
            AtomicFile.write(to, Files.readAllBytes(from));
        }
    }
}
