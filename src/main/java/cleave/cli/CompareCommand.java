package cleave.cli;

import cleave.analysis.Census;
import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.command.RunCensus;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.harvest.Comparison;
import cleave.report.PointPicture;
import cleave.run.LoadedRun;
import cleave.sweep.Row;
import cleave.sweep.SweepRuns;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave compare`: which subcomponents of one run are which of others.
@Command(
        name = "compare",
        description =
                "Match subcomponents of one run with those of others, and draw pieces against KL.")
final class CompareCommand implements Callable<Integer> {
    private static final int SEQUENCES = 512;

    @Parameters(
            paramLabel = "RUN",
            arity = "1..*",
            description =
                    "Run directories on one target, or checkpoints as RUN/checkpoints/STEP; a sweep"
                            + " stands for its runs. The first is compared with each other.")
    private List<Path> runs = List.of();

    @Mixin private final AskedText asked = new AskedText();

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "" + Comparison.THRESHOLD,
            description =
                    "Importance above which a subcomponent is active; those that never are are left"
                            + " out. Default: ${DEFAULT-VALUE}.")
    private double threshold;

    @Option(
            names = "--front",
            paramLabel = "FILE",
            description =
                    "Draw each run's used subcomponents against the KL of its output under masks"
                            + " equal to the importance, as SVG.")
    private @Nullable Path front;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            description =
                    "With --front: sequences of the census of runs that are not of a sweep."
                            + " Default: 512.")
    private @Nullable Integer sequences;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "10",
            description = "Pairs to print of each comparison. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints.
    ///
    /// @param comparisons of the first run with each other
    /// @param runs what was drawn; empty without `--front`
    private record Result(List<Comparison> comparisons, List<Drawn> runs) {}

    /// A run of the front's picture.
    ///
    /// @param used subcomponents that count as used
    /// @param kl under masks equal to the importance, nats
    /// @param front whether no other run has fewer of them at less KL
    private record Drawn(String run, double used, double kl, boolean front) {}

    /// A run that is compared.
    ///
    /// @param row what its sweep keeps of it, where it is of one
    private record Compared(Path path, Optional<Row> row) {}

    @Override
    public Integer call() throws IOException {
        List<Compared> all = checked();
        List<Comparison> comparisons = new ArrayList<>();
        Path firstPath = all.getFirst().path();
        try (LoadedRun first = LoadedRun.openAt(firstPath)) {
            for (Compared each : all.subList(1, all.size())) {
                try (LoadedRun other = LoadedRun.openAt(each.path());
                        LiveLine line =
                                new LiveLine(
                                        command.commandLine().getErr(),
                                        "compare",
                                        "token",
                                        0,
                                        asked.choice().tokens())) {
                    comparisons.add(
                            Comparison.of(
                                    first,
                                    firstPath.toString(),
                                    other,
                                    each.path().toString(),
                                    asked.choice(),
                                    threshold,
                                    done -> line.show(done, "%d tokens".formatted(done))));
                }
            }
        }
        List<Drawn> drawn = List.of();
        if (front != null) {
            PointPicture picture = picture(all);
            List<PointPicture.Point> best = picture.front();
            drawn =
                    picture.points().stream()
                            .map(point ->
                                    new Drawn(
                                            point.title(),
                                            point.x(),
                                            point.y(),
                                            best.contains(point)))
                            .toList();
            AtomicFile.write(front, picture.svgWithFront());
        }
        if (json.enabled()) {
            json.print(new Result(comparisons, drawn));
        } else {
            for (Comparison comparison : comparisons) {
                json.text().println(text(comparison));
            }
            if (!drawn.isEmpty()) {
                json.text().print(text(drawn));
            }
        }
        return 0;
    }

    /// The runs, sweeps taken apart.
    private List<Compared> checked() {
        List<String> problems = new ArrayList<>(asked.choice().problems());
        if (!(threshold >= 0 && threshold < 1)) {
            problems.add("--threshold must be >= 0 and < 1, got " + threshold);
        }
        if (sequences != null && front == null) {
            problems.add("--sequences must come with --front, got it alone");
        }
        if (sequences != null && sequences < 1) {
            problems.add("--sequences must be >= 1, got " + sequences);
        }
        if (top < 0) {
            problems.add("--top must be >= 0, got " + top);
        }
        if (front != null && Files.isDirectory(front)) {
            problems.add("--front must be a file, got a folder (%s)".formatted(front));
        }
        List<Compared> all = new ArrayList<>();
        for (Path path : runs) {
            Optional<List<Row>> rows = SweepRuns.in(path);
            if (rows.isPresent()) {
                rows.get().stream()
                        .filter(Row::finished)
                        .forEach(row ->
                                all.add(new Compared(path.resolve(row.run()), Optional.of(row))));
            } else {
                all.add(new Compared(path, Optional.empty()));
            }
        }
        if (all.size() < 2) {
            problems.add(
                    "compare must have two runs or more, got %d\nhint: a sweep stands for its finished runs"
                            .formatted(all.size()));
        }
        problems.addAll(Comparison.problems(all.stream().map(Compared::path).toList()));
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return all;
    }

    private PointPicture picture(List<Compared> all) {
        List<PointPicture.Point> points = new ArrayList<>();
        for (Compared each : all) {
            double used;
            double kl;
            if (each.row().isPresent()) {
                used = figure(each.row().get(), "unique.all");
                kl = figure(each.row().get(), "kl.importance");
            } else {
                try (LoadedRun run = LoadedRun.openAt(each.path())) {
                    Census census =
                            RunCensus.of(run, threshold, sequences == null ? SEQUENCES : sequences);
                    used = census.sites().values().stream().mapToInt(site -> site.unique()).sum();
                    kl = census.losses().importanceReconstruction();
                }
            }
            Path name = each.path().getFileName();
            points.add(
                    new PointPicture.Point(
                            used, kl, name == null ? "" : name.toString(), each.path().toString()));
        }
        return new PointPicture("used subcomponents", "KL, nats", points);
    }

    private static double figure(Row row, String name) {
        Double value = row.figures().get(name);
        return value == null ? Double.NaN : value;
    }

    private static String text(List<Drawn> drawn) {
        Tables table = new Tables(List.of("run", "used", "KL", "front"));
        drawn.forEach(each ->
                table.row(
                        List.of(
                                each.run(),
                                "%.0f".formatted(each.used()),
                                Tables.loss(each.kl()),
                                each.front() ? "yes" : "")));
        return table.toString();
    }

    private String text(Comparison found) {
        Tables vectors =
                new Tables(
                        List.of(
                                "matched by vectors",
                                "pieces",
                                "vectors",
                                "shuffled",
                                "by chance",
                                "importances",
                                "shuffled"));
        Tables importances =
                new Tables(
                        List.of(
                                "matched by importances",
                                "importances",
                                "shuffled",
                                "by chance",
                                "vectors",
                                "shuffled",
                                "same pairs"));
        for (Comparison.SiteLikeness site : found.sites()) {
            add(site.site(), site.likeness(), vectors, importances);
        }
        add("all", found.all(), vectors, importances);
        Tables pairs = new Tables(List.of("piece", "partner", "vectors", "importances", "same"));
        for (Comparison.Piece piece : found.closest(top)) {
            pairs.row(
                    List.of(
                            piece.id(),
                            piece.byVectors() == null ? "-" : piece.byVectors(),
                            figure(piece.vectors()),
                            figure(piece.importances()),
                            piece.byVectors() != null
                                            && piece.byVectors().equals(piece.byImportances())
                                    ? "yes"
                                    : "no"));
        }
        return """
        %s
        with %s, over %d tokens

        %s
        %s
        %s\
        """
                .formatted(
                        found.first(),
                        found.other(),
                        found.positions(),
                        vectors,
                        importances,
                        pairs);
    }

    private static void add(
            String name, Comparison.Likeness alike, Tables vectors, Tables importances) {
        vectors.row(
                List.of(
                        name,
                        "%d/%d".formatted(alike.first(), alike.other()),
                        figure(alike.vectors().mean()),
                        figure(alike.vectors().shuffled()),
                        figure(alike.vectors().matched()),
                        figure(alike.importancesOfVectors().mean()),
                        figure(alike.importancesOfVectors().shuffled())));
        importances.row(
                List.of(
                        name,
                        figure(alike.importances().mean()),
                        figure(alike.importances().shuffled()),
                        figure(alike.importances().matched()),
                        figure(alike.vectorsOfImportances().mean()),
                        figure(alike.vectorsOfImportances().shuffled()),
                        Double.isNaN(alike.same())
                                ? "-"
                                : String.format(Locale.ROOT, "%.0f %%", 100 * alike.same())));
    }

    private static String figure(@Nullable Double value) {
        return value == null || Double.isNaN(value)
                ? "-"
                : String.format(Locale.ROOT, "%.3f", value);
    }
}
