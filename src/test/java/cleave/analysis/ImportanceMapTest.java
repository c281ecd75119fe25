package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.ImportanceMap.Example;
import cleave.model.InductionTask;
import cleave.tensor.Scopes;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ImportanceMapTest {
    private static final InductionTask TASK =
            new InductionTask("induction", 6, Handmade.LENGTH, true);

    @Test
    void showsTokensMarksImportancesAndAttention() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade().fires("V0", 2, 7, 1)) {
                SubcomponentId shown = new SubcomponentId("V0", 2);
                List<SubcomponentId> off =
                        IntStream.range(0, Handmade.C)
                                .mapToObj(c -> new SubcomponentId("Q0", c))
                                .toList();
                ImportanceMap map =
                        ImportanceMap.of(made.decomposition(), TASK, List.of(shown), off, 3);
                assertThat(map.examples()).hasSize(3);
                for (Example example : map.examples()) {
                    int s1 = Objects.requireNonNull(example.marks().get("s1")).intValue();
                    assertThat(example.tokens().get(s1)).isEqualTo(7);
                    assertThat(example.importances().keySet())
                            .containsExactly("Q0", "K0", "V0", "Q1", "K1", "V1");
                    assertThat(example.importances().get("Q0")).isEmpty();
                    ImportanceMap.Row row =
                            Objects.requireNonNull(example.importances().get("V0")).getFirst();
                    assertThat(row.index()).isEqualTo(2);
                    for (int t = 0; t < 8; t++) {
                        assertThat(row.importance().get(t))
                                .isEqualTo(example.tokens().get(t) == 7 ? 1.0 : 0.0);
                    }
                    // Without queries every earlier position gets the same attention.
                    assertThat(example.suppressedAttention()).hasSize(2);
                    for (int query = 0; query < 8; query++) {
                        assertThat(example.suppressedAttention().get(0).get(query).get(0))
                                .isCloseTo(1.0 / (query + 1), within(1e-5));
                    }
                    assertThat(example.suppressedAttention().get(1)).hasSize(8);
                    assertThat(example.attention().get(1)).hasSize(8);
                }
            }
        });
    }
}
