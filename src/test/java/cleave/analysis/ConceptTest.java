package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Concept.Active;
import cleave.decomposition.Decomposition;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Activation;
import cleave.model.Batch;
import cleave.model.Generation;
import cleave.model.Gpt2;
import cleave.model.Gpt2.Shape;
import cleave.model.RandomTokens;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class ConceptTest {
    private static final Shape SHAPE =
            new Shape(9, Toy.LENGTH, 8, 2, 2, 12, Activation.GELU_NEW, 1e-5, true);
    private static final Sentence PROMPT =
            new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 3, 4);
    private static final SubcomponentId Q = new SubcomponentId("h.0.attn.c_attn.q", 1);
    private static final SubcomponentId V = new SubcomponentId("h.0.attn.c_attn.v", 2);
    private static final SubcomponentId FC = new SubcomponentId("h.1.mlp.c_fc", 0);

    private static void with(BiConsumer<Decomposition, Gpt2> test) {
        Scopes.run(() -> {
            SortedMap<String, Tensor> weights = new TreeMap<>();
            SHAPE.initial(3)
                    .forEach((name, weight) ->
                            weights.put(
                                    name,
                                    weight.to(Type.DOUBLE).mul(name.endsWith("weight") ? 8 : 1)));
            Gpt2 target = new Gpt2(SHAPE, weights, () -> {});
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, Q.site(), V.site(), "h.0.mlp.c_proj", FC.site()),
                            Toy.SEQUENCE,
                            Leak.SIGN_GATED,
                            1)) {
                test.accept(problem.decomposition(), target);
            }
        });
    }

    private static double largest(Tensor x) {
        return Tensors.number(x.abs().max());
    }

    private static SortedMap<SubcomponentId, Double> scales() {
        return new TreeMap<>(java.util.Map.of(Q, 0.0, V, 0.5, FC, 0.0));
    }

    @Test
    void masksEverywhereEqualEditedWeightsAndAModelOfTheEditedWeights() {
        with((decomposition, target) -> {
            Questions prompt = Questions.of(decomposition, Concept.group(PROMPT), false);
            Tensor masked = prompt.outputs(new Change.Masked(scales(), Change.At.EVERYWHERE, 0.5));
            SortedMap<String, Tensor> sites = WeightEdit.sites(decomposition, scales());
            Tensor edited = prompt.outputs(new Change.Edited(sites));
            Gpt2 other = new Gpt2(SHAPE, WeightEdit.stored(target, sites), () -> {});
            Tensor whole = other.clean(prompt.pass().batch()).outputs();

            assertThat(largest(masked.sub(prompt.pass().clean().outputs()))).isGreaterThan(1e-3);
            assertThat(largest(masked.sub(edited))).isLessThan(1e-10);
            assertThat(largest(masked.sub(whole))).isLessThan(1e-10);
            other.close();
        });
    }

    /// W - u v by hand: entry [o, i] loses U[c, o] V[i, c].
    @Test
    void anEditOfAPartLeavesTheRestOfItsWeight() {
        with((decomposition, target) -> {
            SortedMap<SubcomponentId, Double> one = new TreeMap<>(java.util.Map.of(V, 0.0));
            SortedMap<String, Tensor> edited =
                    WeightEdit.stored(target, WeightEdit.sites(decomposition, one));
            String name = "h.0.attn.c_attn.weight";
            double[] before = Tensors.toDoubles(Tensors.named(name, target.weights())); // [8, 24]
            double[] after = Tensors.toDoubles(Tensors.named(name, edited));
            var parts = decomposition.subcomponents(decomposition.site(V.site()));
            double[] reads = Tensors.toDoubles(parts.V()); // [8, 3]
            double[] writes = Tensors.toDoubles(parts.U()); // [3, 8]
            for (int in = 0; in < 8; in++) {
                for (int out = 0; out < 24; out++) {
                    double lost = out < 16 ? 0 : reads[in * 3 + 2] * writes[2 * 8 + out - 16];
                    assertThat(after[in * 24 + out])
                            .isCloseTo(before[in * 24 + out] - lost, within(1e-12));
                }
            }
            assertThat(edited.get("h.0.mlp.c_fc.weight"))
                    .isSameAs(target.weights().get("h.0.mlp.c_fc.weight"));
        });
    }

    @Test
    void aConceptRanksEachAloneAndSuppressesThoseThatLowerTheAnswer() {
        with((decomposition, target) -> {
            Concept concept =
                    Concept.of(
                            decomposition,
                            PROMPT,
                            List.of(
                                    new QuestionGroup(
                                            "again", List.of(PROMPT, PROMPT), LossesAt.ANSWER)),
                            List.of(),
                            new RandomTokens("evaluation", 9, 5),
                            new Concept.Settings(0.2, 2, Change.At.EVERYWHERE, List.of(), 1, 4));

            assertThat(concept.tokens()).containsExactly(3, 1, 4);
            assertThat(concept.active()).isNotEmpty();
            assertThat(concept.active())
                    .isSortedAccordingTo(java.util.Comparator.comparingDouble(Active::effect));
            for (Active each : concept.active()) {
                SortedMap<SubcomponentId, Double> alone =
                        new TreeMap<>(java.util.Map.of(each.subcomponent(), 0.0));
                Questions prompt = Questions.of(decomposition, Concept.group(PROMPT), false);
                Tensor edited =
                        prompt.outputs(new Change.Edited(WeightEdit.sites(decomposition, alone)));
                assertThat(Math.log(concept.before()) + each.effect())
                        .isCloseTo(
                                prompt.answers(edited).getFirst().logProbability(), within(1e-9));
            }
            assertThat(concept.chosen())
                    .isEqualTo(
                            concept.active().stream()
                                    .filter(each -> each.effect() < -1e-5)
                                    .limit(2)
                                    .map(Active::subcomponent)
                                    .toList());
            assertThat(concept.maskedToEdited()).isLessThan(1e-10);
            assertThat(concept.after().everywhere())
                    .isCloseTo(concept.after().edited(), within(1e-10));
            AnswerEffect own = concept.effects().getFirst();
            AnswerEffect again = concept.effects().get(1);
            assertThat(own.before()).isCloseTo(concept.before(), within(1e-12));
            assertThat(own.after()).isCloseTo(concept.after().everywhere(), within(1e-10));
            assertThat(again.questions()).isEqualTo(2);
            assertThat(again.after()).isCloseTo(own.after(), within(1e-10));
            assertThat(again.kl()).isCloseTo(own.kl(), within(1e-10));
            if (!concept.chosen().isEmpty()) {
                assertThat(concept.controls()).hasSize(2 * Concept.DRAWS + 1);
            }
        });
    }

    @Test
    void onlyThoseActiveOnFewOtherPromptsAreChosen() {
        with((decomposition, target) -> {
            RandomTokens others = new RandomTokens("evaluation", 9, 5);
            Function<Double, Concept> chosenUpTo =
                    rare ->
                            Concept.of(
                                    decomposition,
                                    PROMPT,
                                    List.of(),
                                    List.of(),
                                    others,
                                    new Concept.Settings(
                                            0.2, 9, Change.At.EVERYWHERE, List.of(), rare, 5));
            Concept all = chosenUpTo.apply(1.0);
            for (Active each : all.active()) {
                int on = 0;
                for (long sequence = 0; sequence < 5; sequence++) {
                    Batch one = others.examples(0, Draws.Purpose.EVALUATION, sequence, 1).batch();
                    Tensor g =
                            Importances.of(decomposition, target.clean(one), one)
                                    .get(place(decomposition, each.subcomponent().site()));
                    Tensor own = g.select(2, each.subcomponent().index());
                    on += Tensors.number(own.max()) > 0.2 ? 1 : 0;
                }
                assertThat(each.share()).isCloseTo(on / 5.0, within(1e-12));
            }
            assertThat(all.active()).extracting(Active::share).contains(1.0);
            assertThat(all.chosen()).isNotEmpty();
            Concept rare = chosenUpTo.apply(0.8);
            assertThat(rare.chosen())
                    .isNotEqualTo(all.chosen())
                    .isEqualTo(
                            all.active().stream()
                                    .filter(each -> each.effect() < -1e-5 && each.share() <= 0.8)
                                    .map(Active::subcomponent)
                                    .toList());
        });
    }

    private static int place(Decomposition decomposition, String site) {
        return decomposition.sites().stream()
                .map(Decomposition.DecomposedSite::name)
                .toList()
                .indexOf(site);
    }

    @Test
    void anAnswerThatDoesNotEndTheSentenceIsRefused() {
        assertThatThrownBy(() ->
                        Concept.group(new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 2, 3)))
                .hasMessage("answer must be the last tokens of the sentence, got tokens 2..3 of 4");
        assertThatThrownBy(() -> Concept.group(Sentence.of(List.of(3, 1), Sentence.UNKNOWN)))
                .hasMessage("answer must be the last tokens of the sentence, got tokens 2..2 of 2");
    }

    /// The probability of 4 after 3, 1, times that of 2 after 3, 1, 4, from two calls of the
    /// target.
    @Test
    void anAnswerOfTwoTokensHasTheProbabilityOfTheWhole() {
        with((decomposition, target) -> {
            Sentence two = new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 2, 4);
            Concept concept =
                    Concept.of(
                            decomposition,
                            two,
                            List.of(),
                            List.of(),
                            new RandomTokens("evaluation", 9, 5),
                            new Concept.Settings(0, 2, Change.At.EVERYWHERE, List.of(), 1, 4));
            double expected =
                    probability(Generation.logits(target, 3, 1), 4)
                            * probability(Generation.logits(target, 3, 1, 4), 2);
            assertThat(concept.before()).isCloseTo(expected, within(1e-12));
            assertThat(concept.tokens()).containsExactly(3, 1);
            assertThat(concept.answer()).isEqualTo(4);
            assertThat(concept.answerTokens()).containsExactly(4, 2);
            assertThat(concept.active())
                    .anyMatch(each -> each.positions().contains(2))
                    .noneMatch(each -> each.positions().contains(3));
            assertThat(concept.after().everywhere())
                    .isCloseTo(concept.after().edited(), within(1e-12));
        });
    }

    private static double probability(double[] logits, int token) {
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit - logits[token]);
        }
        return 1 / sum;
    }

    @Test
    void effectsAreMeansSharesAndTheMedianRatio() {
        var before =
                List.of(
                        new AnswerEffect.Answer(Math.log(0.8), List.of(1L), true),
                        new AnswerEffect.Answer(Math.log(0.4), List.of(2L), false));
        var after =
                List.of(
                        new AnswerEffect.Answer(Math.log(0.2), List.of(3L), false),
                        new AnswerEffect.Answer(Math.log(0.4), List.of(2L), false));
        AnswerEffect effect = AnswerEffect.of("two", before, after, 0.5);
        assertThat(effect.before()).isCloseTo(0.6, within(1e-12));
        assertThat(effect.after()).isCloseTo(0.3, within(1e-12));
        assertThat(effect.ratio()).isCloseTo(0.625, within(1e-12)); // of 1/4 and 1
        assertThat(effect.rightBefore()).isEqualTo(0.5);
        assertThat(effect.rightAfter()).isZero();
        assertThat(effect.unchanged()).isEqualTo(0.5);
    }
}
