package cleave.study.induction;

import static cleave.report.Markup.note;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.analysis.Census;
import cleave.analysis.ImportanceMap;
import cleave.analysis.SubcomponentId;
import cleave.model.InductionTask;
import cleave.model.Task;
import cleave.report.Addition;
import cleave.report.ChartValues;
import cleave.report.Published;
import cleave.report.Report;
import cleave.report.ReportData;
import cleave.report.ReportData.Example;
import cleave.run.LoadedRun;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What the page about a run says of the induction circuit and of its paper's table.
///
/// @param task of the run
/// @param circuit the causal check; empty where it does not apply
/// @param attention patterns before and after suppression; empty without a circuit
/// @param published the paper's table; empty for other sites
public record InductionPage(
        Task task,
        Optional<Circuit> circuit,
        Optional<AttentionMaps> attention,
        Optional<Published> published)
        implements Addition {

    /// Attention on one sequence.
    ///
    /// @param example the sequence
    /// @param conditions the target first
    public record AttentionMaps(Example example, List<AttentionCondition> conditions) {}

    /// Attention under one condition.
    ///
    /// @param name of the condition
    /// @param suppressed how many subcomponents are off
    /// @param layers patterns `[query][key]`
    public record AttentionCondition(
            String name, int suppressed, List<List<List<Double>>> layers) {}

    /// What is said of a run. Checks the circuit where that can be done.
    public static InductionPage of(LoadedRun run, Census census) {
        return of(
                run,
                census,
                Circuit.applies(run.decomposition(), run.task())
                        ? Optional.of(CircuitCommand.of(run, census))
                        : Optional.empty());
    }

    /// What is said of a run whose circuit was checked, or cannot be. Measures attention.
    public static InductionPage of(LoadedRun run, Census census, Optional<Circuit> circuit) {
        return new InductionPage(
                run.task(),
                circuit,
                circuit.map(found -> attention(run, found)),
                Paper.published(census));
    }

    private static AttentionMaps attention(LoadedRun run, Circuit circuit) {
        List<AttentionCondition> conditions = new ArrayList<>();
        ImportanceMap.Example target = example(run, List.of());
        conditions.add(new AttentionCondition("target", 0, target.attention()));
        // The copying step comes last and moves no pattern.
        for (SuppressedGroup step : circuit.steps().subList(0, circuit.steps().size() - 1)) {
            conditions.add(
                    new AttentionCondition(
                            "without " + step.name(),
                            step.suppressed().size(),
                            example(run, step.suppressed()).suppressedAttention()));
        }
        return new AttentionMaps(
                Example.of(target, token -> name(run.task(), token).orElse(Long.toString(token))),
                conditions);
    }

    private static ImportanceMap.Example example(LoadedRun run, List<SubcomponentId> off) {
        return ImportanceMap.of(run.decomposition(), run.task(), List.of(), off, 1)
                .examples()
                .getFirst();
    }

    @Override
    public String headline() {
        return circuit.map(
                        found -> {
                            CircuitVerdict verdict = found.verdict();
                            return tag(
                                    "p",
                                    tag(
                                                    "a",
                                                    text(
                                                            verdict.holds()
                                                                    ? "✓ Circuit"
                                                                    : "✗ Circuit"),
                                                    "href",
                                                    "#circuit")
                                            + text(": " + verdict.words() + "."),
                                    "class",
                                    verdict.holds() ? "verdict good" : "verdict bad");
                        })
                .orElse(
                        note(
                                "The causal check of the induction circuit does not apply to this run."));
    }

    @Override
    public List<Report.Part> parts(ReportData data, ChartValues figures) {
        return List.of(
                new Report.Part("Circuit", CircuitSection.html(circuit, attention, figures)));
    }

    @Override
    public Map<String, @Nullable Object> data() {
        Map<String, @Nullable Object> data = new LinkedHashMap<>();
        data.put("circuit", circuit.orElse(null));
        return data;
    }

    @Override
    public List<String> commands(String path) {
        return circuit.isPresent() ? List.of("bin/cleave circuit " + path) : List.of();
    }

    @Override
    public Optional<String> token(long token) {
        return name(task, token);
    }

    private static Optional<String> name(Task task, long token) {
        if (task instanceof InductionTask induction) {
            if (token == 0) {
                return Optional.of("BOS");
            }
            if (token == induction.special()) {
                return Optional.of("s");
            }
        }
        return Optional.empty();
    }
}
