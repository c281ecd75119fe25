package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Change;
import cleave.analysis.Inquiry;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.analysis.WeightEdit;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SubjectReport.Control;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class ControlsTest {
    private static final SubcomponentId PIECE = new SubcomponentId("h.0.mlp.c_proj", 0);
    private static final Sentence PROMPT =
            new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 3, 4);

    /// Of those that are left one is of another kind of matrix, one of no size, one not allowed.
    @Test
    void aPieceIsMatchedByOneOfTheSameKindOfMatrix() {
        SubcomponentId elsewhere = new SubcomponentId("h.1.mlp.c_proj", 4);
        SubcomponentId forbidden = new SubcomponentId("h.1.mlp.c_proj", 5);
        Map<SubcomponentId, Double> norms = new HashMap<>();
        norms.put(PIECE, 2.0);
        norms.put(elsewhere, 9.0);
        norms.put(forbidden, 2.0);
        norms.put(new SubcomponentId("h.1.mlp.c_proj", 6), 0.0);
        norms.put(new SubcomponentId("h.1.mlp.c_fc", 0), 2.0);

        assertThat(
                        Controls.matched(
                                norms,
                                List.of(PIECE),
                                id -> !id.equals(PIECE) && !id.equals(forbidden),
                                "inactive",
                                0))
                .containsExactly(elsewhere);
    }

    /// Sizes 1, 2, ... 30 by ratio to 4: the twenty nearest are 1 to 20 (1 is as far as 16).
    @Test
    void itIsOneOfTheTwentyOfNearestSizeAndNoneTwice() {
        Map<SubcomponentId, Double> norms = new HashMap<>();
        norms.put(PIECE, 4.0);
        SubcomponentId second = new SubcomponentId("h.0.mlp.c_proj", 1);
        norms.put(second, 4.0);
        for (int c = 1; c <= 30; c++) {
            norms.put(new SubcomponentId("h.1.mlp.c_proj", c), (double) c);
        }
        Set<SubcomponentId> met = new HashSet<>();
        for (int draw = 0; draw < 200; draw++) {
            List<SubcomponentId> matched =
                    Controls.matched(
                            norms,
                            List.of(PIECE, second),
                            id -> id.site().equals("h.1.mlp.c_proj"),
                            "inactive",
                            draw);
            assertThat(matched).hasSize(2).doesNotHaveDuplicates();
            met.add(matched.getFirst());
        }
        assertThat(met).hasSize(20).allMatch(id -> id.index() <= 20);
    }

    @Test
    void theFirstDrawTakesTheLargestDirections() {
        assertThat(Controls.directions(8, 3, "site", 0)).containsExactly(0, 1, 2);
        for (int draw = 1; draw < 20; draw++) {
            assertThat(Controls.directions(100, 3, "site", draw))
                    .hasSize(3)
                    .doesNotHaveDuplicates()
                    .allMatch(each -> each < 20);
        }
        assertThat(Controls.directions(2, 3, "site", 5)).containsExactlyInAnyOrder(0, 1);
    }

    private static Function<List<Change>, Inquiry> ask(Decomposition decomposition) {
        return changes ->
                Inquiry.of(
                        decomposition,
                        new QuestionGroup("prompt", List.of(PROMPT), LossesAt.ANSWER),
                        changes);
    }

    private static double fall(Decomposition decomposition, Change change) {
        Inquiry asked = ask(decomposition).apply(List.of(change));
        return asked.before().getFirst().logProbability()
                - asked.after().getFirst().getFirst().logProbability();
    }

    /// Each fall again by edited weights; the largest singular direction by the eigenvectors of
    /// `W^T W`.
    @Test
    void everyControlIsMeasuredOnTheAnswer() {
        TinyLanguage.with(decomposition -> {
            SubcomponentId there = new SubcomponentId("h.1.mlp.c_proj", 2);
            List<Control> controls =
                    new Controls(decomposition)
                            .of(
                                    List.of(PIECE),
                                    List.of(PIECE, new SubcomponentId("h.0.mlp.c_proj", 1)),
                                    Set.of(there),
                                    ask(decomposition));

            assertThat(controls).hasSize(30);
            for (Control each : controls) {
                assertThat(each.ids()).hasSize(1);
                String id = each.ids().getFirst();
                switch (each.kind()) {
                    case "inactive" -> {
                        assertThat(id)
                                .isIn("h.0.mlp.c_proj:2", "h.1.mlp.c_proj:0", "h.1.mlp.c_proj:1");
                        SubcomponentId parsed = SubcomponentId.parse(id, decomposition).getFirst();
                        assertThat(each.fall())
                                .isCloseTo(without(decomposition, parsed), within(1e-9));
                    }
                    case "active_elsewhere" -> {
                        assertThat(id).isEqualTo(there.toString());
                        assertThat(each.fall())
                                .isCloseTo(without(decomposition, there), within(1e-9));
                    }
                    default -> assertThat(id).startsWith("h.0.mlp.c_proj direction ");
                }
            }
            Control largest =
                    controls.stream()
                            .filter(each -> each.kind().equals("singular"))
                            .toList()
                            .getFirst();
            Tensor W = decomposition.target().weight(decomposition.target().site("h.0.mlp.c_proj"));
            Tensors.Eigen eigen = Tensors.eigen(W.t().matmul(W));
            Tensor v = eigen.vectors().narrow(1, W.size(1) - 1, 1); // [d_in, 1]
            Tensor rest = W.sub(W.matmul(v).matmul(v.t()));

            assertThat(largest.ids()).containsExactly("h.0.mlp.c_proj direction 0");
            assertThat(largest.fall())
                    .isCloseTo(
                            fall(
                                    decomposition,
                                    new Change.Edited(new TreeMap<>(Map.of(PIECE.site(), rest)))),
                            within(1e-9));
            assertThat(largest.after())
                    .isCloseTo(
                            Math.exp(
                                    ask(decomposition)
                                                    .apply(List.of())
                                                    .before()
                                                    .getFirst()
                                                    .logProbability()
                                            - largest.fall()),
                            within(1e-9));
        });
    }

    private static double without(Decomposition decomposition, SubcomponentId id) {
        return fall(
                decomposition,
                new Change.Edited(WeightEdit.sites(decomposition, new TreeMap<>(Map.of(id, 0.0)))));
    }

    @Test
    void whereNothingWasFoundThereIsNothingToControl() {
        TinyLanguage.with(decomposition ->
                assertThat(
                                new Controls(decomposition)
                                        .of(List.of(), List.of(), Set.of(), ask(decomposition)))
                        .isEmpty());
    }
}
