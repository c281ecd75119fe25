package cleave.cli;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.Census;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.command.Version;
import cleave.run.LoadedRun;
import cleave.run.Provenance;
import cleave.verdict.Basis;
import cleave.verdict.Evidence;
import cleave.verdict.Limit;
import cleave.verdict.Line;
import cleave.verdict.Status;
import cleave.verdict.Thresholds;
import cleave.verdict.Verdict;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave verdict`: whether a run may be believed, check by check.
@Command(
        name = "verdict",
        description = {
            "Check a finished run: convergence, faithfulness, reconstruction under every kind of"
                    + " mask and under the worst masks found, importances and counts.",
            "Every check passes, warns or fails, and says what to do. The exit code is 1 when one"
                    + " fails."
        })
final class VerdictCommand implements Callable<Integer> {
    /// Sources shared by more sequences are weaker; the worst of 256 is found in seconds.
    private static final int ADVERSARIAL_SEQUENCES = 256;

    private static final int SLICE_ROWS = 64;

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            description =
                    "Sequences of the evaluation stream; the adversary sees the first 256 of them."
                            + " Default: 2048, or 64 for each sentence of a data file that has"
                            + " fewer than 32.")
    private @Nullable Integer sequences;

    @Option(
            names = "--ladder",
            description =
                    "Let the adversary go on to 320 and 1280 steps, to see where it levels off."
                            + " Minutes.")
    private boolean ladder;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    private record Result(
            Status verdict,
            long seed,
            long step,
            int sequences,
            int adversarialSequences,
            Provenance.Program program,
            SortedMap<String, String> sha256,
            List<Judged> lines) {}

    private record Judged(
            String check,
            Status status,
            double figure,
            Optional<Limit> limit,
            String measured,
            Optional<String> whatToDo,
            Basis basis) {
        static Judged of(Line line) {
            return new Judged(
                    line.check().toString(),
                    line.status(),
                    line.figure(),
                    line.limit(),
                    line.measured(),
                    line.whatToDo(),
                    line.basis());
        }
    }

    @Override
    public Integer call() throws IOException {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            int taken = RunCensus.sequences(sequences, loaded.task());
            Census census = RunCensus.of(loaded, 0.5, taken);
            AdversarialReconstruction adversarial = adversarial(loaded, taken);
            Verdict verdict =
                    Verdict.of(
                            Evidence.of(loaded, census, Optional.of(adversarial), Optional.empty()),
                            Thresholds.DEFAULT);
            if (json.enabled()) {
                json.print(result(loaded, verdict, taken, adversarial.sequences()));
            } else {
                json.text().print(VerdictText.of(verdict));
            }
            return verdict.status() == Status.FAIL ? 1 : 0;
        }
    }

    private AdversarialReconstruction adversarial(LoadedRun loaded, int sequences) {
        return AdversarialReconstruction.of(
                loaded.decomposition(),
                loaded.task(),
                new AdversarialReconstruction.Settings(
                        Math.min(sequences, ADVERSARIAL_SEQUENCES),
                        SLICE_ROWS,
                        loaded.file().streams().getFirst().weightDelta(),
                        ladder
                                ? AdversarialReconstruction.LADDER
                                : AdversarialReconstruction.STEPS));
    }

    private Result result(
            LoadedRun loaded, Verdict verdict, int sequences, int adversarialSequences)
            throws IOException {
        return new Result(
                verdict.status(),
                loaded.file().seed(),
                loaded.checkpoint().step(),
                sequences,
                adversarialSequences,
                Version.program(),
                loaded.digests(),
                verdict.lines().stream().map(Judged::of).toList());
    }
}
