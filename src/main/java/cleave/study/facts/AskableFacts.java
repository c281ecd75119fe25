package cleave.study.facts;

import cleave.analysis.Change;
import cleave.analysis.Concept;
import cleave.analysis.Gpt2Run;
import cleave.config.UserError;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.study.facts.FactEffects.FactEffect;
import cleave.study.facts.Statement.About;
import cleave.text.CompactVocabulary;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The facts that come with Cleave, as a run can be asked them.
final class AskableFacts {
    private AskableFacts() {}

    /// The statements of the facts that come with Cleave, where the target has tokens for them;
    /// none otherwise.
    static List<Statement> of(Gpt2Run run) {
        return facts(run.tokenizer());
    }

    /// Why the facts cannot be asked; empty where they can.
    static Optional<String> problem(Gpt2Run run, Change.At at) {
        int context = run.loaded().model().target().maximumLength();
        return problem(run.tokenizer(), context)
                .or(() -> {
                    int needed = longest(of(run), run.tokenizer());
                    return needed <= run.longest(at)
                            ? Optional.empty()
                            : Optional.of(
                                    "importance.positions must be >= %d to ask the facts with --at active, got %d"
                                            .formatted(needed, run.longest(at)));
                });
    }

    /// Why the facts cannot be asked of any run of a target.
    ///
    /// @param context the most tokens that the target takes
    static Optional<String> problem(Tokenizer tokenizer, int context) {
        List<Statement> facts = facts(tokenizer);
        if (facts.isEmpty()) {
            return Optional.of("target must have tokens for the facts, got others");
        }
        int needed = longest(facts, tokenizer);
        return needed <= context
                ? Optional.empty()
                : Optional.of(
                        "target's context must be >= %d tokens to ask the facts, got %d"
                                .formatted(needed, context));
    }

    private static int longest(List<Statement> facts, Tokenizer tokenizer) {
        return facts.stream().mapToInt(each -> used(each, tokenizer)).max().orElse(0);
    }

    private static int used(Statement statement, Tokenizer tokenizer) {
        LossesAt losses = statement.about() == About.KNOWLEDGE ? LossesAt.ALL : LossesAt.ANSWER;
        return TextTask.used(statement.sentence(tokenizer), losses);
    }

    /// The statements of the facts, for a tokenizer that has exactly their tokens, or any that cuts
    /// them so that every answer begins and ends between tokens; none for others.
    private static List<Statement> facts(Tokenizer tokenizer) {
        List<Statement> all = Statement.of(FactTable.shipped());
        List<String> texts = new ArrayList<>();
        all.forEach(each -> texts.add(each.text()));
        if (tokenizer instanceof CompactVocabulary
                && CompactVocabulary.of(texts).size() != tokenizer.size()) {
            return List.of();
        }
        try {
            all.forEach(each -> each.sentence(tokenizer));
            return all;
        } catch (UserError other) {
            return List.of();
        }
    }

    /// What suppressing the facts asked about does.
    ///
    /// @param each is told of every fact when it is done
    static FactEffects effects(
            Gpt2Run run,
            List<Neighbours> asked,
            Concept.Settings settings,
            boolean atName,
            Consumer<FactEffect> each) {
        return FactEffects.of(
                run.loaded().decomposition(),
                asked,
                run.tokenizer(),
                run.loaded().task(),
                settings,
                atName,
                each);
    }

    /// The athletes' sports that a run's target knows.
    ///
    /// @param at where what they rest on is suppressed
    /// @param only part of an athlete's name, or a sport
    /// @throws UserError when there is none
    static List<Neighbours> asked(Gpt2Run run, Path folder, Change.At at, @Nullable String only) {
        problem(run, at)
                .ifPresent(problem -> {
                    throw new UserError("%s (%s)".formatted(problem, folder));
                });
        List<Statement> all = of(run);
        List<Statement> asked =
                all.stream()
                        .filter(each -> each.about() == About.FORWARD && each.phrasing() == 0)
                        .filter(each ->
                                only == null
                                        || each.subject().contains(only)
                                        || each.topic().equals(only))
                        .toList();
        if (asked.isEmpty()) {
            throw new UserError("--only must be part of an athlete's name or a sport, got " + only);
        }
        return asked.stream().map(each -> Neighbours.of(all, each)).toList();
    }
}
