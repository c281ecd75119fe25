package cleave.run;

import cleave.tensor.Scopes;
import cleave.training.CompactionReceipt;
import cleave.training.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// What a run leaves behind as it goes: metrics, events and checkpoints. Of several ranks one
/// writes; the others have `NONE`.
interface Records extends AutoCloseable {

    /// Writes nothing.
    Records NONE =
            new Records() {
                @Override
                public void step(Trainer.Report report, long nanoseconds) {}

                @Override
                public void compaction(CompactionReceipt receipt) {}

                @Override
                public void handovers(List<TwinHandover> handovers) {}

                @Override
                public void save(DecompositionState training) {}

                @Override
                public void close() {}
            };

    /// Those in a run directory, without what is there of `next` and later steps.
    static Records in(RunDirectory run, long next) throws IOException {
        EventLog compactions = EventLog.cutBackTo(run, run.compactionsFile(), next);
        EventLog twins = EventLog.cutBackTo(run, run.twinsFile(), next);
        MetricsLog metrics = MetricsLog.cutBackTo(run, next - 1);
        return new Records() {
            @Override
            public void step(Trainer.Report report, long nanoseconds) throws IOException {
                metrics.append(report.step(), numbers(report, nanoseconds));
            }

            @Override
            public void compaction(CompactionReceipt receipt) throws IOException {
                compactions.append(receipt);
            }

            @Override
            public void handovers(List<TwinHandover> handovers) throws IOException {
                for (TwinHandover each : handovers) {
                    twins.append(each);
                }
            }

            @Override
            public void save(DecompositionState training) throws IOException {
                metrics.sync(); // lines before a checkpoint are never written again
                checkpoint(run, training);
            }

            @Override
            public void close() throws IOException {
                metrics.close();
            }
        };
    }

    /// Logs a step.
    ///
    /// @param nanoseconds since this session's first step began
    void step(Trainer.Report report, long nanoseconds) throws IOException;

    /// Logs a merging of dead subcomponents.
    void compaction(CompactionReceipt receipt) throws IOException;

    /// Logs handovers between twins.
    void handovers(List<TwinHandover> handovers) throws IOException;

    /// Saves the state before the next step.
    void save(DecompositionState training) throws IOException;

    @Override
    void close() throws IOException;

    /// Writes a checkpoint of the state before the next step.
    static void checkpoint(RunDirectory run, DecompositionState training) {
        Trainer trainer = training.trainer();
        Scopes.run(() -> {
            try {
                run.checkpoints().save(trainer.nextStep(), training.toSave(), trainer.state());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    private static Map<String, Double> numbers(Trainer.Report report, long nanoseconds) {
        Map<String, Double> metrics = new LinkedHashMap<>();
        metrics.put("total", report.outcome().total());
        metrics.putAll(report.outcome().terms());
        metrics.put("active_per_sequence", report.outcome().activePerSequence());
        metrics.put("learning_rate", report.learningRate());
        metrics.put("gradient_norm_subcomponents", report.subcomponentNorm());
        metrics.put("gradient_norm_gates", report.gateNorm());
        metrics.put(MetricsLog.SECONDS, nanoseconds / 1e9);
        return metrics;
    }
}
