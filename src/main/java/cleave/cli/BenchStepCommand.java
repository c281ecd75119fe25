package cleave.cli;

import cleave.bench.StepBench;
import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.run.RunFile;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave bench step`: our step beside a plain one and the machine's matmul rate.
@Command(
        name = "step",
        description =
                "Time a training step beside the same step written plainly and beside the matmul"
                        + " rate of this machine (docs/performance.md). Each runs in a process of"
                        + " its own; they take turns.")
final class BenchStepCommand implements Callable<Integer> {
    private static final int WARM_UP = 3;
    private static final int PHASE_STEPS = 3;

    @Parameters(paramLabel = "CONFIG", description = "Configuration of a decomposition.")
    private Path config;

    @Option(
            names = "--batch",
            split = ",",
            paramLabel = "B",
            description = "Sequences per step of every stream. Default: the configuration's.")
    private List<Integer> batches = List.of();

    @Option(
            names = "--workers",
            split = ",",
            paramLabel = "N",
            description = "Numbers of workers. Default: 1 and the configuration's.")
    private List<Integer> workers = List.of();

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "20",
            description = "Least number of timed steps of each variant. Default: 20.")
    private int steps;

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
        requirePositive("--steps", List.of(steps));
        requirePositive("--batch", batches);
        requirePositive("--workers", workers);
        RunFile file = RunFile.read(config, settings);
        List<Integer> counts =
                workers.isEmpty()
                        ? List.copyOf(new TreeSet<>(List.of(1, file.machine().workers())))
                        : workers;
        PrintWriter err = command.commandLine().getErr();
        StepBench bench =
                StepBench.run(
                        new StepBench.Settings(
                                config,
                                settings,
                                batches,
                                counts,
                                WARM_UP,
                                warmUp.seconds(),
                                steps,
                                PHASE_STEPS),
                        text -> {
                            err.println(text);
                            err.flush();
                        });
        if (json.enabled()) {
            json.print(bench);
        } else {
            json.text().print(StepBenchText.of(bench));
        }
        return bench.runs().stream().allMatch(run -> run.fast().ms() != null) ? 0 : 1;
    }

    static void requirePositive(String option, List<Integer> values) {
        for (int value : values) {
            if (value < 1) {
                throw new UserError("%s must be >= 1, got %d".formatted(option, value));
            }
        }
    }
}
