package cleave.study.induction;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.Census;
import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.command.Logging;
import cleave.command.RunCensus;
import cleave.report.Report;
import cleave.run.LoadedRun;
import cleave.run.RunFile;
import cleave.verdict.Evidence;
import cleave.verdict.Thresholds;
import cleave.verdict.Verdict;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `cleave demo`: the shipped induction transformer, decomposed and checked, in minutes.
@Command(
        name = "demo",
        description =
                "Decompose the shipped induction transformer, count its subcomponents, check the"
                        + " circuit and write a report. Continues a demo that was interrupted.")
public final class DemoCommand implements Callable<Integer> {
    private static final int SEQUENCES = 2048;
    private static final int ADVERSARIAL_SEQUENCES = 256;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Run directory. Default: runs/demo, or runs/demo-N with --seed N.")
    private @Nullable Path run;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of the decomposition. Default: 0.")
    private @Nullable Long seed;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    /// What `--json` prints.
    ///
    /// @param circuit whether the induction circuit is shown
    /// @param used how many of `all` pieces are used
    /// @param accuracy with these on everywhere and all others off
    private record Done(
            String run,
            String report,
            boolean circuit,
            String verdict,
            int used,
            int all,
            double accuracy,
            double targetAccuracy) {}

    @Override
    public Integer call() throws IOException {
        Path home = Path.of(System.getProperty("cleave.home", "."));
        RunFile file =
                RunFile.read(
                        home.resolve("configs/induction-sharp.yaml"),
                        seed == null ? List.of() : List.of("seed=" + seed));
        Path folder = folder();
        boolean resume = Files.exists(folder.resolve("config.yaml"));
        try (Logging.Quiet _ = Logging.warningsOnly()) {
            if (!Decomposing.run(file, folder, Optional.empty(), resume, command)) {
                return 1;
            }
        }
        PrintWriter out = json.text();
        try (LoadedRun loaded = LoadedRun.open(folder)) {
            Census census = RunCensus.of(loaded, 0.5, SEQUENCES);
            Circuit circuit = CircuitCommand.of(loaded, census);
            Path report =
                    Report.write(
                            loaded,
                            census,
                            List.of(InductionPage.of(loaded, census, Optional.of(circuit))));
            Verdict verdict =
                    Verdict.of(
                            Evidence.of(
                                    loaded,
                                    census,
                                    Optional.of(adversarial(loaded)),
                                    Optional.empty()),
                            Thresholds.DEFAULT);
            String ending = DemoEnding.of(census, circuit, verdict, folder, report);
            if (json.enabled()) {
                json.print(
                        new Done(
                                folder.toString(),
                                report.toString(),
                                circuit.verdict().holds(),
                                verdict.status().toString(),
                                DemoEnding.used(census),
                                DemoEnding.all(census),
                                census.positionFree().accuracy(),
                                census.accuracies().target()));
            } else {
                out.println();
                out.print(ending);
                out.flush();
            }
        }
        return 0;
    }

    private Path folder() {
        if (run != null) {
            return run;
        }
        return Path.of("runs", seed == null ? "demo" : "demo-" + seed);
    }

    private static AdversarialReconstruction adversarial(LoadedRun loaded) {
        return AdversarialReconstruction.of(
                loaded.decomposition(),
                loaded.task(),
                new AdversarialReconstruction.Settings(
                        ADVERSARIAL_SEQUENCES,
                        CircuitCommand.SLICE_ROWS,
                        loaded.file().streams().getFirst().weightDelta()));
    }
}
