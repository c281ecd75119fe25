package cleave.bench;

import cleave.training.Phases;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The process of one variant. It loads, says so, and then repeats the variant as often as each
/// line of standard input says, until there are no more lines: `steps N`, or `phases N` to be told
/// where the time goes.
///
/// Arguments: the variant, the configuration, and settings `key.path=value`.
public final class Child {
    private final Workload workload;
    private final @Nullable Long before;

    private Child(Workload workload) {
        this.workload = workload;
        ResidentMemory.forgetPeak();
        before = ResidentMemory.now();
    }

    /// Runs until standard input ends.
    public static void main(String[] arguments) throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<String> words = List.of(arguments);
        try (Workload workload =
                Workload.of(
                        Variant.parse(words.getFirst()),
                        Path.of(words.get(1)),
                        words.subList(2, words.size()))) {
            Child child = new Child(workload);
            out.println(Answer.ready().line());
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                out.println(child.answer(line.split(" ")).line());
            }
        } catch (RuntimeException | OutOfMemoryError failure) {
            // Libtorch reports exhausted memory as an exception.
            out.println(Answer.failed(firstLine(failure)).line());
        }
    }

    private static String firstLine(Throwable failure) {
        String text = Objects.requireNonNullElse(failure.getMessage(), failure.toString());
        return text.lines().findFirst().orElse("");
    }

    private Answer answer(String[] request) {
        int count = Integer.parseInt(request[1]);
        return switch (request[0]) {
            case "steps" -> answer(times(count), Map.of());
            case "phases" -> {
                PhaseTimes phases = new PhaseTimes();
                workload.listen(phases);
                List<Double> times = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    times.addAll(times(1));
                    phases.enter(Phases.WAITING);
                }
                workload.listen(Phases.NONE);
                yield answer(times, phases.milliseconds());
            }
            default -> throw new IllegalArgumentException("unknown request " + request[0]);
        };
    }

    private List<Double> times(int count) {
        List<Double> times = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            long begin = System.nanoTime();
            workload.run();
            times.add((System.nanoTime() - begin) / 1e6);
        }
        return times;
    }

    private Answer answer(List<Double> times, Map<String, Double> phases) {
        return new Answer(times, before, ResidentMemory.peak(), phases, null);
    }
}
