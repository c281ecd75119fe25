package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Change;
import cleave.analysis.EachAlone;
import cleave.analysis.FirstOrder;
import cleave.analysis.Inquiry;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.analysis.WeightPart;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SetSearch.Harm;
import cleave.study.sports.SubjectReport.Again;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// On a GPT-2 of two blocks and width 8 with random weights.
class BaselinesTest {
    private static final String OUT = "h.1.mlp.c_proj";
    private static final Sentence ANNA = new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 3, 4);
    private static final Sentence BEN = new Sentence(List.of(5, 1, 4, 7), Sentence.UNKNOWN, 3, 4);

    private static Choosing choosing(Decomposition decomposition) {
        Map<String, Sentence> prompts = new LinkedHashMap<>();
        prompts.put("Anna", ANNA);
        prompts.put("Ben", BEN);
        return Choosing.of(
                decomposition.target(),
                prompts,
                List.of(Sentence.of(List.of(2, 1, 4), Sentence.UNKNOWN)),
                List.of(Sentence.of(List.of(8, 6), Sentence.UNKNOWN)),
                List.of(Sentence.of(List.of(6, 2, 8, 1, 5), Sentence.UNKNOWN)));
    }

    private static Tensor weight(Decomposition decomposition, String site) {
        return decomposition.target().weight(decomposition.site(site).site());
    }

    private static double logarithm(Decomposition decomposition, Map<String, Tensor> weights) {
        return Inquiry.of(
                        decomposition,
                        new QuestionGroup("edited", List.of(ANNA), LossesAt.ANSWER),
                        List.of(new Change.Edited(new TreeMap<>(weights))))
                .after()
                .getFirst()
                .getFirst()
                .logProbability();
    }

    /// The fall for each share of a part that is taken out, by differences on both sides.
    private static double slope(Decomposition decomposition, WeightPart part) {
        Tensor W = weight(decomposition, part.site());
        Tensor some = part.V().matmul(part.U()).t().mul(1e-5);
        return (logarithm(decomposition, Map.of(part.site(), W.add(some)))
                        - logarithm(decomposition, Map.of(part.site(), W.sub(some))))
                / 2e-5;
    }

    private static List<WeightPart> directions(Decomposition decomposition) {
        List<WeightPart> parts = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            Tensors.Svd svd = Tensors.svd(weight(decomposition, site.name()));
            for (int i = 0; i < svd.S().numel(); i++) {
                parts.add(WeightPart.singular(site.name(), svd, i));
            }
        }
        return parts;
    }

    @Test
    void toFirstOrderIsTheSlope() {
        TinyLanguage.with(decomposition -> {
            FirstOrder order = FirstOrder.of(decomposition, ANNA);
            for (DecomposedSite site : decomposition.sites()) {
                Tensors.Svd svd = Tensors.svd(weight(decomposition, site.name()));
                double[] falls = order.singular(site.name(), svd);
                for (int i = 0; i < falls.length; i += 3) {
                    assertThat(falls[i])
                            .isCloseTo(
                                    slope(decomposition, WeightPart.singular(site.name(), svd, i)),
                                    within(1e-5));
                }
                double[] entries = order.inputs(site.name(), weight(decomposition, site.name()));
                assertThat(entries[1])
                        .isCloseTo(
                                slope(
                                        decomposition,
                                        WeightPart.inputs(
                                                site.name(),
                                                weight(decomposition, site.name()),
                                                1,
                                                1,
                                                "neuron 1")),
                                within(1e-5));
            }
        });
    }

    @Test
    void partsTakenOutOneAtATimeAreEditsOfTheWeights() {
        TinyLanguage.with(decomposition -> {
            List<WeightPart> parts = directions(decomposition);
            double[] alone = EachAlone.parts(decomposition, ANNA, parts);
            for (int i = 0; i < parts.size(); i++) {
                WeightPart each = parts.get(i);
                Tensor rest = weight(decomposition, each.site()).sub(each.V().matmul(each.U()).t());

                assertThat(alone[i])
                        .isCloseTo(
                                logarithm(decomposition, Map.of(each.site(), rest)), within(1e-9));
            }
        });
    }

    @Test
    void theDirectionIsTheBestOfAll() {
        TinyLanguage.with(decomposition -> {
            Choosing choosing = choosing(decomposition);
            double best = Double.NEGATIVE_INFINITY;
            for (WeightPart each : directions(decomposition)) {
                best =
                        Math.max(
                                best,
                                worth(
                                        decomposition,
                                        choosing,
                                        WeightPart.without(decomposition.target(), List.of(each))));
            }
            Baselines.Chosen chosen =
                    new Baselines(decomposition, choosing, 300).singular("Anna", 1);

            assertThat(chosen.ids()).hasSize(1);
            assertThat(worth(decomposition, choosing, chosen.change()))
                    .isCloseTo(best, within(1e-9));
        });
    }

    private static double worth(Decomposition decomposition, Choosing choosing, Change change) {
        Harm harm = choosing.harms(decomposition, "Anna", List.of(change)).getFirst();
        return harm.worth();
    }

    /// By hand: a neuron is a column of the output matrix.
    @Test
    void theNeuronIsTheBestOfAll() {
        TinyLanguage.with(decomposition -> {
            Choosing choosing = choosing(decomposition);
            double best = Double.NEGATIVE_INFINITY;
            for (String site : List.of("h.0.mlp.c_proj", OUT)) {
                Tensor W = weight(decomposition, site); // [8, 12]
                for (int neuron = 0; neuron < 12; neuron++) {
                    Tensor column = Tensors.of(new long[] {neuron}, 1);
                    Tensor rest = W.index_fill(1, column, 0.0);
                    best =
                            Math.max(
                                    best,
                                    worth(
                                            decomposition,
                                            choosing,
                                            new Change.Edited(new TreeMap<>(Map.of(site, rest)))));
                }
            }
            Baselines.Chosen chosen = new Baselines(decomposition, choosing, 300).units("Anna", 1);

            assertThat(chosen.ids()).hasSize(1);
            assertThat(chosen.ids().getFirst()).matches("h\\.[01]\\.mlp\\.c_proj neuron [0-9]+");
            assertThat(worth(decomposition, choosing, chosen.change()))
                    .isCloseTo(best, within(1e-9));
        });
    }

    @Test
    void theFittedEditIsOfRankOneAndTakesTheAnswerAway() {
        TinyLanguage.with(decomposition -> {
            Choosing choosing = choosing(decomposition);
            Baselines.Chosen chosen = new RankOneEdit(decomposition, choosing, 60, 1).of("Anna");
            Change.Edited edited = (Change.Edited) chosen.change();
            String site = edited.weights().firstKey();
            double[] sizes =
                    Tensors.toDoubles(
                            Tensors.singularValues(
                                    Tensors.named(site, edited.weights())
                                            .sub(weight(decomposition, site))));

            assertThat(edited.weights()).hasSize(1);
            assertThat(site).endsWith("mlp.c_proj");
            assertThat(sizes[0]).isGreaterThan(1e-3);
            assertThat(sizes[1]).isLessThan(1e-9);
            Harm harm = choosing.harms(decomposition, "Anna", List.of(edited)).getFirst();
            assertThat(harm.fall()).isGreaterThan(1);
        });
    }

    /// In the run itself a piece comes again as itself; in other sites of its kind by chance alone.
    @Test
    void aPieceIsMetAgainWhereBothVectorsAreAlike() {
        TinyLanguage.with(decomposition -> {
            SubcomponentId piece = new SubcomponentId(OUT, 2);
            Again again = FullEvidence.again(decomposition, piece, "other", decomposition);
            var own = decomposition.subcomponents(decomposition.site(OUT));
            var others = decomposition.subcomponents(decomposition.site("h.0.mlp.c_proj"));
            double chance = 0;
            for (int c = 0; c < 3; c++) {
                double reads = cosine(own.V().select(1, 2), others.V().select(1, c));
                double writes = cosine(own.U().select(0, 2), others.U().select(0, c));
                chance = Math.max(chance, Math.min(reads, writes));
            }

            assertThat(again.match()).isEqualTo(piece.toString());
            assertThat(again.cosine()).isCloseTo(1, within(1e-9));
            assertThat(again.chance()).isCloseTo(chance, within(1e-9));
        });
    }

    private static double cosine(Tensor one, Tensor other) {
        return Math.abs(Tensors.number(one.mul(other).sum()))
                / Math.sqrt(
                        Tensors.number(one.square().sum()) * Tensors.number(other.square().sum()));
    }
}
