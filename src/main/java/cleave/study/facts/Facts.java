package cleave.study.facts;

import cleave.config.Default;
import cleave.config.NotEmpty;
import cleave.data.TextData;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.study.facts.Statement.About;
import cleave.text.Tokenizer;
import java.util.List;
import java.util.Optional;

/// The facts that come with Cleave (`docs/facts.md`).
///
/// @param about which kinds
/// @param part which of their phrasings
/// @param losses at which positions outputs are compared
public record Facts(@NotEmpty List<About> about, @Default("trained") Part part, LossesAt losses)
        implements TextData {

    /// Which phrasings of a fact.
    public enum Part {
        /// Those the facts model is trained on.
        TRAINED,
        /// Those kept out of its training.
        HELD_OUT,
        /// All.
        EVERY
    }

    @Override
    public List<Piece> pieces() {
        return statements().stream()
                .map(each ->
                        new Piece(each.prompt(), each.answer(), each.rest(), false, "facts.yaml"))
                .toList();
    }

    /// Held-out phrasings too, so that they can be asked.
    @Override
    public List<String> vocabulary() {
        return Statement.of(FactTable.shipped()).stream().map(Statement::text).toList();
    }

    private List<Statement> statements() {
        return Statement.of(FactTable.shipped()).stream()
                .filter(each -> about.contains(each.about()))
                .filter(each ->
                        switch (part) {
                            case TRAINED -> !each.heldOut();
                            case HELD_OUT -> each.heldOut();
                            case EVERY -> true;
                        })
                .toList();
    }

    @Override
    public Optional<Examination> examination(Target target, Tokenizer tokenizer) {
        return Optional.of(
                Recall.of(
                        target,
                        tokenizer,
                        Statement.of(FactTable.shipped()).stream()
                                .filter(Statement::heldOut)
                                .toList()));
    }
}
