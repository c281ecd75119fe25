package cleave.study.facts;

import cleave.analysis.Change;
import cleave.analysis.Concept;
import cleave.analysis.Quartiles;
import cleave.analysis.TextRun;
import cleave.config.UserError;
import cleave.hub.Model;
import cleave.run.LoadedRun;
import cleave.study.SweepOption;
import cleave.study.facts.FactEffects.FactEffect;
import cleave.sweep.Sweep;
import cleave.sweep.SweepPlan;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// `cleave sweep --facts`: every run is also asked about every athlete. Its figures are
/// `facts.FIGURE` and `kl.other_text`.
final class FactsSweepOption implements SweepOption {
    @Option(
            names = "--facts",
            paramLabel = "SHARE",
            description =
                    "Also ask each run about every athlete, as cleave facts RUN --rare SHARE"
                            + " --sequences 512 does; medians become figures facts.fall and others."
                            + " Only for the facts model and other GPT-2s that can be asked.")
    private @Nullable Double facts;

    @Override
    public String family() {
        return "facts";
    }

    @Override
    public Optional<Sweep.Measure> measure(SweepPlan plan) {
        if (facts == null) {
            return Optional.empty();
        }
        double rare = facts;
        if (!(rare >= 0 && rare <= 1)) {
            throw new UserError("--facts must be >= 0 and <= 1, got " + facts);
        }
        plan.cells().stream()
                .map(cell -> Path.of(cell.file().target()))
                .distinct()
                .forEach(FactsSweepOption::requireFacts);
        return Optional.of(new Sweep.Measure("facts", rare, run -> figures(asked(run, rare))));
    }

    private static void requireFacts(Path target) {
        try (Model model = Model.load(target, Type.FLOAT)) {
            Optional<String> problem =
                    model.tokenizer()
                            .map(tokenizer ->
                                    AskableFacts.problem(tokenizer, model.target().maximumLength()))
                            .orElse(Optional.of("target must have a tokenizer, got none"));
            problem.ifPresent(text -> {
                throw new UserError("--facts: %s (%s)".formatted(text, target));
            });
        }
    }

    private static FactEffects asked(LoadedRun run, double rare) {
        Concept.Settings settings =
                new Concept.Settings(0.5, 10, Change.At.EVERYWHERE, List.of(), rare, 512);
        Path folder = run.directory().path();
        TextRun opened = TextRun.of(run, folder);
        FactEffects effects =
                AskableFacts.effects(
                        opened,
                        AskableFacts.asked(opened, folder, settings.at(), null),
                        settings,
                        false,
                        _ -> {});
        try {
            FactsFile.write(run, effects, settings, false);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return effects;
    }

    /// Medians over the facts, and the shares of them that leave everything else as it was.
    private static SequencedMap<String, @Nullable Double> figures(FactEffects effects) {
        FactEffects.Summary summary = effects.summary();
        SequencedMap<String, @Nullable Double> figures = new LinkedHashMap<>();
        put(figures, "facts.fall", summary.fall().median());
        put(figures, "facts.suppressed", summary.chosen().median());
        put(figures, "facts.other_sports", median(effects, FactEffect::otherSports));
        put(figures, "facts.other_athletes", summary.specificity().median());
        put(figures, "facts.athletes_wholly", summary.wholly());
        put(figures, "facts.reverse", summary.reverse().median());
        put(figures, "facts.reverse_wholly", summary.reverseWholly());
        put(figures, "kl.other_text", summary.sideEffect().median());
        put(figures, "facts.elsewhere", summary.elsewhere().median());
        put(figures, "facts.inactive", summary.inactive().median());
        put(figures, "facts.singular", summary.singular().median());
        return figures;
    }

    private static double median(FactEffects effects, ToDoubleFunction<FactEffect> figure) {
        return Quartiles.of(effects.facts().stream().mapToDouble(figure).boxed().toList()).median();
    }

    private static void put(
            SequencedMap<String, @Nullable Double> figures, String name, double value) {
        figures.put(name, Double.isFinite(value) ? value : null);
    }
}
