package cleave.cli;

import cleave.bench.ScalingBench;
import cleave.bench.ScalingBench.Axis;
import cleave.bench.ScalingBench.Point;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.config.UserError;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave bench scaling`: how the cost of a step grows.
@Command(
        name = "scaling",
        description =
                "Time a training step at several values of batch, length, C, number of sites,"
                        + " D_gate and workers around those of the configuration.")
final class BenchScalingCommand implements Callable<Integer> {
    private static final int WARM_UP = 2;

    @Parameters(paramLabel = "CONFIG", description = "Configuration of a decomposition.")
    private Path config;

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "10",
            description = "Least number of timed steps of each point. Default: 10.")
    private int steps;

    @Option(
            names = "--only",
            split = ",",
            paramLabel = "QUANTITY",
            description = "Some of batch, length, C, sites, D_gate, workers. Default: all.")
    private List<String> only = List.of();

    @Option(
            names = "--set",
            paramLabel = "KEY.PATH=VALUE",
            description = "Set a key of the configuration; may be repeated.")
    private List<String> settings = List.of();

    @Mixin private final WarmUp warmUp = new WarmUp();

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() {
        BenchStepCommand.requirePositive("--steps", List.of(steps));
        if (!ScalingBench.names().containsAll(only)) {
            throw new UserError(
                    "--only must be some of %s, got %s".formatted(ScalingBench.names(), only));
        }
        PrintWriter err = command.commandLine().getErr();
        ScalingBench bench =
                ScalingBench.run(
                        new ScalingBench.Settings(
                                config, settings, WARM_UP, warmUp.seconds(), steps, only),
                        text -> {
                            err.println(text);
                            err.flush();
                        });
        if (json.enabled()) {
            json.print(bench);
        } else {
            json.text().print(text(bench));
        }
        return 0;
    }

    private static String text(ScalingBench bench) {
        StringBuilder text =
                new StringBuilder(
                        "%s, %d cores, %s%n"
                                .formatted(
                                        bench.machine().processor(),
                                        bench.machine().threads(),
                                        bench.date()));
        for (Axis axis : bench.axes()) {
            Tables table =
                    new Tables(
                            List.of(axis.name(), "ms", "quartiles", "us/position", "growth MiB"));
            for (Point point : axis.points()) {
                table.row(row(point));
            }
            text.append(System.lineSeparator())
                    .append(table)
                    .append(
                            axis.exponent() == null
                                    ? ""
                                    : "time ~ %s^%s%n"
                                            .formatted(
                                                    axis.name(), number("%.2f", axis.exponent())));
        }
        return text.toString();
    }

    private static List<String> row(Point point) {
        String value = point.value() + (point.configured() ? " *" : "");
        if (point.spread() == null) {
            return List.of(value, "failed: " + point.failure());
        }
        return List.of(
                value,
                number("%.1f", point.ms()),
                number("%.1f", point.spread().lowerQuartile())
                        + " - "
                        + number("%.1f", point.spread().upperQuartile()),
                number("%.1f", point.microsecondsPerPosition()),
                number("%.0f", point.peakGrowthMib()));
    }

    private static String number(String format, @Nullable Double value) {
        return value == null ? "" : String.format(Locale.ROOT, format, value);
    }
}
