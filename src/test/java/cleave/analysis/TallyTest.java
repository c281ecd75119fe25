package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.loss.Divergence;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Meter;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

class TallyTest {
    private static final int PASSES = 20;
    private static final int TOKENS = 10_000;

    @Test
    void passesAreMadeOneAfterTheOther() {
        Scopes.run(() -> {
            Evaluation.Slice slice = slice();
            List<Long> live = new ArrayList<>();
            try (Meter meter = Meter.open()) {
                Supplier<Target.Forward> pass =
                        () -> {
                            Tensor outputs = Tensors.zeros(Type.FLOAT, 1, 1, TOKENS);
                            live.add(meter.live());
                            return new Target.Forward(outputs, List.of());
                        };
                new Tally().add(slice, Collections.nCopies(PASSES, pass), _ -> {});
            }
            // Each sees its own outputs alone, and not those of the passes before it.
            assertThat(live).hasSize(PASSES).containsOnly(4L * TOKENS);
        });
    }

    @Test
    void wideOutputsMakeSlicesOfFewerRows() {
        assertThat(Evaluation.rows(100, 64)).isEqualTo(64);
        assertThat(Evaluation.rows(1 << 20, 64)).isEqualTo(32); // of 2^25 numbers
        assertThat(Evaluation.rows(1L << 40, 64)).isEqualTo(1);
    }

    private static Evaluation.Slice slice() {
        Tensor outputs = Tensors.zeros(Type.FLOAT, 1, 1, TOKENS);
        return new Evaluation.Slice(
                0,
                new GivenTask(new long[][] {{0, 1}}, new long[] {1})
                        .examples(0, Draws.Purpose.EVALUATION, 0, 1),
                new Clean(outputs, new TreeMap<>(), List.of(), List.of()),
                Divergence.from(Target.Outputs.LOGITS, outputs, null));
    }
}
