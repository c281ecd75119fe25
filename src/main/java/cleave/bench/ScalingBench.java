package cleave.bench;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.PerSite;
import cleave.run.PreparedRun;
import cleave.run.Provenance;
import cleave.run.RunFile;
import cleave.run.RunFile.SitePattern;
import cleave.run.RunFile.StreamFile;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// How the cost of our step grows with each quantity around a configuration's own values.
///
/// @param machine where
/// @param date when
/// @param axes one quantity each, the others as configured
public record ScalingBench(Provenance.Machine machine, Instant date, List<Axis> axes) {
    private static final double MEBIBYTE = 1 << 20;
    private static final int SHORTEST = 6;

    /// One quantity.
    ///
    /// @param name of the quantity
    /// @param points in growing order
    /// @param exponent k of the power law `time ~ value^k` that fits best (least squares of
    ///   logarithms); null with fewer than two times
    public record Axis(String name, List<Point> points, @Nullable Double exponent) {}

    /// One value of a quantity.
    ///
    /// @param configured whether it is the configuration's own
    /// @param ms median time of a step; null after a failure, like all that follows from it
    /// @param microsecondsPerPosition time of a step by positions
    /// @param peakGrowthMib most resident memory over that before the first step; null where the
    ///   system does not say
    /// @param failure why there is no time
    public record Point(
            int value,
            boolean configured,
            @Nullable Double ms,
            @Nullable Spread spread,
            @Nullable Double microsecondsPerPosition,
            @Nullable Double peakGrowthMib,
            @Nullable String failure) {}

    /// What to measure.
    ///
    /// @param config configuration of a decomposition
    /// @param settings changes of it
    /// @param warmUp steps of each point before the first timed one, at least
    /// @param warmUpSeconds time that they take, at least
    /// @param steps least number of timed steps of each point
    /// @param only names of quantities; empty for all
    public record Settings(
            Path config,
            List<String> settings,
            int warmUp,
            double warmUpSeconds,
            int steps,
            List<String> only) {}

    /// Measures; the points of an axis take turns.
    ///
    /// @param say hears of progress
    public static ScalingBench run(Settings options, Consumer<String> say) {
        RunFile file = RunFile.read(options.config(), options.settings());
        List<DecomposedSite> sites;
        try (PreparedRun run = PreparedRun.of(file)) {
            sites = run.sites();
        }
        List<Axis> axes =
                quantities(file, sites).stream()
                        .filter(quantity -> quantity.among(options.only()))
                        .filter(quantity -> quantity.values().size() > 1)
                        .map(quantity ->
                                new Measurement(options, quantity)
                                        .axis(text -> say.accept(quantity.name() + ": " + text)))
                        .toList();
        return new ScalingBench(Provenance.Machine.here(cores()), Instant.now(), axes);
    }

    private static int cores() {
        return Runtime.getRuntime().availableProcessors();
    }

    /// A quantity and the settings that give it a value.
    record Quantity(
            String name, int configured, List<Integer> values, IntFunction<List<String>> settings) {

        Quantity(
                String name,
                int configured,
                List<Integer> values,
                IntFunction<List<String>> settings) {
            this.name = name;
            this.configured = configured;
            this.values = List.copyOf(new TreeSet<>(values));
            this.settings = settings;
        }

        /// Whether it is one of these, or none is named.
        boolean among(List<String> names) {
            return names.isEmpty() || names.contains(name);
        }
    }

    private static List<Integer> around(int value, double... factors) {
        return Arrays.stream(factors).mapToObj(factor -> scaled(value, factor)).toList();
    }

    private static int scaled(int value, double factor) {
        return Math.max(1, (int) Math.round(value * factor));
    }

    /// The quantities' names, in order.
    public static List<String> names() {
        return List.of("batch", "length", "C", "sites", "D_gate", "workers");
    }

    /// Every quantity. Where several keys hold one, each keeps its proportion to the first.
    /// `D_gate` is left out where the gates of a site read more than that site.
    static List<Quantity> quantities(RunFile file, List<DecomposedSite> sites) {
        List<StreamFile> streams = file.streams();
        int batch = streams.getFirst().batch();
        int length = streams.getFirst().length();
        int C = file.sites().getFirst().subcomponents();
        int workers = file.machine().workers();
        List<Quantity> quantities = new ArrayList<>();
        Collections.addAll(
                quantities,
                new Quantity(
                        "batch",
                        batch,
                        around(batch, 0.25, 1, 4, 16),
                        value -> batches(streams, (double) value / batch)),
                new Quantity(
                        "length",
                        length,
                        around(length, 0.25, 0.5, 1).stream()
                                .map(value -> Math.max(SHORTEST, value))
                                .toList(),
                        value -> lengths(streams, (double) value / length)),
                new Quantity(
                        "C",
                        C,
                        around(C, 0.25, 0.5, 1, 2),
                        value -> counts(file.sites(), (double) value / C)),
                new Quantity(
                        "sites",
                        sites.size(),
                        around(sites.size(), 0, 0.5, 1),
                        value -> List.of("sites=" + patterns(sites.subList(0, value)))));
        int hidden = file.importance() instanceof PerSite function ? function.hidden() : 0;
        if (hidden > 0) {
            quantities.add(
                    new Quantity(
                            "D_gate",
                            hidden,
                            around(hidden, 0.25, 0.5, 1, 2),
                            value -> List.of("importance.hidden=" + value)));
        }
        quantities.add(
                new Quantity(
                        "workers",
                        workers,
                        workers(workers),
                        value -> List.of("machine.workers=" + value)));
        return quantities;
    }

    private static List<String> batches(List<StreamFile> streams, double factor) {
        return IntStream.range(0, streams.size())
                .mapToObj(i ->
                        "streams[%d].batch=%d".formatted(i, scaled(streams.get(i).batch(), factor)))
                .toList();
    }

    private static List<String> lengths(List<StreamFile> streams, double factor) {
        return IntStream.range(0, streams.size())
                .mapToObj(i ->
                        "streams[%d].length=%d"
                                .formatted(
                                        i,
                                        Math.max(
                                                SHORTEST, scaled(streams.get(i).length(), factor))))
                .toList();
    }

    private static List<String> counts(List<SitePattern> patterns, double factor) {
        return IntStream.range(0, patterns.size())
                .mapToObj(i ->
                        "sites[%d].subcomponents=%d"
                                .formatted(i, scaled(patterns.get(i).subcomponents(), factor)))
                .toList();
    }

    private static String patterns(List<DecomposedSite> sites) {
        return sites.stream()
                .map(site ->
                        "{pattern: \"%s\", subcomponents: %d}".formatted(site.name(), site.count()))
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /// The configured number and the powers of two up to the number of cores.
    private static List<Integer> workers(int configured) {
        List<Integer> workers = new ArrayList<>(List.of(configured, cores()));
        for (int count = 1; count < cores(); count *= 2) {
            workers.add(count);
        }
        return workers;
    }

    /// One axis being measured.
    private record Measurement(Settings options, Quantity quantity) {

        Axis axis(Consumer<String> say) {
            SequencedMap<Turns.Job, Turns.Times> times =
                    Turns.measure(
                            quantity.values().stream().map(this::job).toList(),
                            options.config(),
                            new Turns.Effort(
                                    options.warmUp(), options.warmUpSeconds(), options.steps(), 0),
                            say);
            List<Point> points =
                    quantity.values().stream()
                            .map(value ->
                                    point(value, Objects.requireNonNull(times.get(job(value)))))
                            .toList();
            return new Axis(quantity.name(), points, exponent(points));
        }

        private List<String> settings(int value) {
            List<String> settings = new ArrayList<>(options.settings());
            settings.addAll(quantity.settings().apply(value));
            return settings;
        }

        private RunFile file(int value) {
            return RunFile.read(options.config(), settings(value));
        }

        private Turns.Job job(int value) {
            return new Turns.Job(
                    new Variant.Fast(file(value).machine().workers()), settings(value));
        }

        private Point point(int value, Turns.Times times) {
            boolean own = value == quantity.configured();
            if (times.milliseconds().isEmpty()) {
                return new Point(value, own, null, null, null, null, times.failure());
            }
            Spread spread = Spread.of(times.milliseconds());
            double positions =
                    file(value).streams().stream()
                            .mapToDouble(stream -> (double) stream.batch() * stream.length())
                            .sum();
            return new Point(
                    value,
                    own,
                    spread.median(),
                    spread,
                    spread.median() * 1e3 / positions,
                    times.growth() == null ? null : times.growth() / MEBIBYTE,
                    null);
        }
    }

    /// The slope of the straight line through the logarithms.
    static @Nullable Double exponent(List<Point> points) {
        double[][] logarithms =
                points.stream()
                        .filter(point -> point.ms() != null)
                        .map(point -> new double[] {Math.log(point.value()), Math.log(point.ms())})
                        .toArray(double[][]::new);
        int count = logarithms.length;
        if (count < 2) {
            return null;
        }
        double meanX = 0;
        double meanY = 0;
        for (double[] point : logarithms) {
            meanX += point[0] / count;
            meanY += point[1] / count;
        }
        double covariance = 0;
        double variance = 0;
        for (double[] point : logarithms) {
            covariance += (point[0] - meanX) * (point[1] - meanY);
            variance += (point[0] - meanX) * (point[0] - meanX);
        }
        return covariance / variance;
    }
}
