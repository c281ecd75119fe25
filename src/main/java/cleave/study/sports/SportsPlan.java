package cleave.study.sports;

import cleave.bench.Plan;
import cleave.model.Sentence;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.text.Tokenizer;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import java.util.Locale;

/// What `cleave sports` will need: the training, and the finding and evidence after it.
///
/// @param training as `cleave decompose --plan` says it
/// @param questionSeconds of asking what the model knows, as it was measured now
/// @param evidenceSeconds of finding and evidence, from the time that a token of the questions took
record SportsPlan(@JsonUnwrapped Plan training, double questionSeconds, double evidenceSeconds) {
    /// Of all subcomponents those that are active on a prompt, as runs had them.
    private static final double ACTIVE = 0.06;

    /// Of all blocks those that a changed pass goes through, as it begins at the first changed one.
    private static final double BLOCKS = 0.6;

    private static final int CONTROLS = 3 * Controls.DRAWS;

    /// Changes that evidence is taken on: the pieces and the paper's rule.
    private static final int CHANGES = 2;

    /// Tokens that go through the target in finding and evidence, as passes through all its blocks.
    ///
    /// @param subcomponents of the decomposition
    /// @param choosing what finding looks at
    /// @param knowledge questions, of which evidence asks those in the phrasing of the prompts
    /// @param heldOut tokens of the held-out text
    static double tokens(
            long subcomponents,
            Choosing choosing,
            List<Question> knowledge,
            long heldOut,
            Tokenizer tokenizer) {
        int subjects = choosing.prompts().size();
        double prompts = length(choosing.prompts().values().stream().toList(), LossesAt.ANSWER);
        double beside =
                length(choosing.others(), LossesAt.ANSWER)
                        + length(choosing.lines(), LossesAt.ANSWER)
                        + length(choosing.texts(), LossesAt.ALL);
        double questions =
                knowledge.stream().mapToInt(each -> tokenizer.encode(each.prompt()).length).sum();
        double alone = ACTIVE * subcomponents * prompts * BLOCKS;
        double sets =
                (Finder.MEASURED + 4 * SetSearch.TRIED) * (prompts + beside) * BLOCKS + beside;
        double evidence =
                heldOut * (1 + CHANGES * BLOCKS)
                        + questions * (1 + BLOCKS)
                        + CONTROLS * prompts * BLOCKS;
        return subjects * (alone + sets + evidence);
    }

    private static double length(List<Sentence> sentences, LossesAt losses) {
        return sentences.stream().mapToInt(each -> TextTask.used(each, losses)).sum();
    }

    /// For people.
    String text() {
        Plan.Time time = training.time();
        return String.format(
                Locale.ROOT,
                "memory  %.0f MiB of the machine's %.0f%ntime    %s%ndisk    %.0f MiB of %.0f free",
                training.memory().predictedMib(),
                training.memory().machineMib(),
                time == null
                        ? "not measured"
                        : String.format(
                                Locale.ROOT,
                                "%.0f min: %.0f for %d steps of %.2f s, %.0f for finding and evidence",
                                (time.seconds() + questionSeconds + evidenceSeconds) / 60,
                                time.seconds() / 60,
                                time.steps(),
                                time.ms() / 1000,
                                (questionSeconds + evidenceSeconds) / 60),
                training.disk().neededMib(),
                training.disk().freeMib());
    }
}
