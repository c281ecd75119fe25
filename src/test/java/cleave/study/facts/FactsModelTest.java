package cleave.study.facts;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.hub.Model;
import cleave.model.Target;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The shipped model knows what its card says.
class FactsModelTest {
    private static final List<Statement> HELD_OUT =
            Statement.of(FactTable.shipped()).stream().filter(Statement::heldOut).toList();

    @Test
    void itCompletesHeldOutPhrasingsAndFreshWeightsDoNot() {
        try (Model model = Model.load(Path.of("models/facts-gpt2"), Type.FLOAT)) {
            Recall recall = Recall.of(model.target(), model.tokenizer().orElseThrow(), HELD_OUT);
            assertThat(recall.forward().of()).isEqualTo(144);
            assertThat(recall.reverse().of()).isEqualTo(248);
            assertThat(recall.forward().percent()).isGreaterThanOrEqualTo(99);
            assertThat(recall.reverse().percent()).isGreaterThanOrEqualTo(99);
            assertThat(recall.knowledge().percent()).isGreaterThanOrEqualTo(99);

            Scopes.run(() -> {
                try (Target fresh = model.spec().over(model.spec().initial(0), () -> {})) {
                    Recall nothing = Recall.of(fresh, model.tokenizer().orElseThrow(), HELD_OUT);
                    assertThat(nothing.reverse().right()).isZero();
                    assertThat(nothing.forward().percent()).isLessThan(30);
                    assertThat(nothing.wrong())
                            .contains("Kobe Bryant is famous for playing basketball.");
                }
            });
        }
    }
}
