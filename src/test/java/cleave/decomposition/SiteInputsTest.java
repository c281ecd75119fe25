package cleave.decomposition;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Batch;
import cleave.model.InductionTransformer;
import cleave.model.Site;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Toy;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SiteInputsTest {
    /// Token by token: the first valid positions of the training examples, padding left out.
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theyAreThoseOfTheFirstTrainingExamples(boolean padded) {
        PaddedTask task = new PaddedTask("train", Toy.TOKENS, Toy.LENGTH, padded);
        Scopes.run(() -> {
            try (InductionTransformer target = Toy.target(Type.DOUBLE)) {
                check(target, task);
            }
        });
    }

    private static void check(InductionTransformer target, PaddedTask task) {
        Site site = target.site("V1");
        int width = (int) site.dIn();
        Tensor inputs = new SiteInputs(target, task, 5).apply(site);
        assertThat(inputs.shape()).containsExactly(SiteInputs.COUNT, width);
        int next = 0;
        for (int example = 0; next < SiteInputs.COUNT; example++) {
            Batch batch = task.examples(5, Purpose.DATA, example, 1).batch();
            double[] all = Tensors.toDoubles(Tensors.named("V1", target.clean(batch).inputs()));
            long length = Math.round(batch.positions());
            for (int t = 0; t < length && next < SiteInputs.COUNT; t++, next++) {
                if (example < 3 || next == SiteInputs.COUNT - 1) {
                    assertThat(Tensors.toDoubles(inputs.select(0, next)))
                            .containsExactly(Arrays.copyOfRange(all, t * width, (t + 1) * width));
                }
            }
        }
    }
}
