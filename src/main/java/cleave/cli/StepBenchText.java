package cleave.cli;

import cleave.bench.Spread;
import cleave.bench.StepBench;
import cleave.bench.StepBench.Ceiling;
import cleave.bench.StepBench.Measured;
import cleave.bench.StepBench.Run;
import cleave.command.Tables;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Measured steps as text.
final class StepBenchText {
    private StepBenchText() {}

    static String of(StepBench bench) {
        SequencedMap<Integer, List<Run>> byBatch =
                bench.runs().stream()
                        .collect(
                                Collectors.groupingBy(
                                        Run::batch, LinkedHashMap::new, Collectors.toList()));
        return "%s, %d cores, %s%n%s"
                .formatted(
                        bench.machine().processor(),
                        bench.machine().threads(),
                        bench.date(),
                        byBatch.values().stream()
                                .map(StepBenchText::batch)
                                .collect(Collectors.joining()));
    }

    private static String batch(List<Run> runs) {
        Run first = runs.getFirst();
        StringBuilder text = new StringBuilder();
        text.append(
                "%nbatch %d: %d positions a step, %s; products of 1024 x 1024: %s%n"
                        .formatted(
                                first.batch(),
                                first.positions(),
                                number("%.1f", first.gigaoperations())
                                        + "e9 operations in matrix products",
                                runs.getLast().ceilings().stream()
                                        .map(StepBenchText::ceiling)
                                        .collect(Collectors.joining("; "))));
        Tables table =
                new Tables(
                        List.of(
                                "step",
                                "ms",
                                "quartiles",
                                "positions/s",
                                "of ceiling",
                                "growth MiB",
                                "plain/this"));
        for (Measured plain : first.plainAt()) {
            table.row(row("plain, " + count(plain.threads(), "thread"), plain, null));
        }
        for (Run run : runs) {
            table.row(row("fast, " + count(run.workers(), "worker"), run.fast(), run.ratio()));
        }
        text.append(table);
        for (Run run : runs) {
            if (run.workers() > 1 && run.workerScaling() != null) {
                text.append(
                        "%d workers: %s times one worker; matrix products %s times one thread%n"
                                .formatted(
                                        run.workers(),
                                        number("%.2f", run.workerScaling()),
                                        number("%.2f", run.matmulScaling())));
            }
        }
        return text.append(phases(runs)).toString();
    }

    private static String ceiling(Ceiling ceiling) {
        return ceiling.threads() == 1
                ? number("%.0f GFLOP/s on one thread", ceiling.insideGflops())
                : "%s on %d threads, %s side by side"
                        .formatted(
                                number("%.0f", ceiling.insideGflops()),
                                ceiling.threads(),
                                number("%.0f", ceiling.sideBySideGflops()));
    }

    private static List<String> row(String name, Measured step, @Nullable Double ratio) {
        Spread spread = step.spread();
        if (spread == null) {
            return List.of(name, "failed: " + step.failure());
        }
        return List.of(
                name,
                number("%.1f", step.ms()),
                number("%.1f", spread.lowerQuartile())
                        + " - "
                        + number("%.1f", spread.upperQuartile()),
                number("%.0f", step.positionsPerSecond()),
                step.ceilingShare() == null ? "" : number("%.1f %%", 100 * step.ceilingShare()),
                number("%.0f", step.peakGrowthMib()),
                number("%.2f", ratio));
    }

    /// Where the time goes: one column for each variant, thread-milliseconds of a step.
    private static String phases(List<Run> runs) {
        SequencedMap<String, Measured> columns = new LinkedHashMap<>();
        runs.getFirst()
                .plainAt()
                .forEach(plain -> columns.put("plain, " + count(plain.threads(), "thread"), plain));
        runs.forEach(run -> columns.put("fast, " + count(run.workers(), "worker"), run.fast()));
        List<String> names =
                columns.values().stream()
                        .flatMap(column -> column.phasesMs().keySet().stream())
                        .distinct()
                        .toList();
        if (names.isEmpty()) {
            return "";
        }
        List<String> head = new ArrayList<>(List.of("ms of all workers"));
        head.addAll(columns.keySet());
        Tables table = new Tables(head);
        for (String name : names) {
            List<String> row = new ArrayList<>(List.of(name));
            for (Map.Entry<String, Measured> column : columns.entrySet()) {
                row.add(number("%.1f", column.getValue().phasesMs().get(name)));
            }
            table.row(row);
        }
        return table.toString();
    }

    private static String count(int count, String what) {
        return count == 1 ? "1 " + what : count + " " + what + "s";
    }

    private static String number(String format, @Nullable Double value) {
        return value == null ? "" : String.format(Locale.ROOT, format, value);
    }
}
