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
import cleave.study.sports.Finder.Candidate;
import cleave.study.sports.SetSearch.Harm;
import cleave.study.sports.SetSearch.Measured;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// On a GPT-2 of two blocks and width 8 with random weights.
class FinderTest {
    private static final Sentence ANNA = new Sentence(List.of(3, 1, 4, 2), Sentence.UNKNOWN, 3, 4);
    private static final Sentence BEN = new Sentence(List.of(5, 1, 4, 7), Sentence.UNKNOWN, 3, 4);
    private static final Sentence TEXT = Sentence.of(List.of(6, 2, 8, 1, 5), Sentence.UNKNOWN);

    private static Map<String, Sentence> prompts() {
        Map<String, Sentence> prompts = new LinkedHashMap<>();
        prompts.put("Anna", ANNA);
        prompts.put("Ben", BEN);
        return prompts;
    }

    private static Choosing choosing(Decomposition decomposition) {
        return Choosing.of(
                decomposition.target(),
                prompts(),
                List.of(
                        Sentence.of(List.of(2, 1, 4), Sentence.UNKNOWN),
                        Sentence.of(List.of(7, 1, 4), Sentence.UNKNOWN)),
                List.of(Sentence.of(List.of(8, 6), Sentence.UNKNOWN)),
                List.of(TEXT));
    }

    /// The log-probability of an answer with edited weights: another way than masks.
    private static double edited(
            Decomposition decomposition, Sentence sentence, List<SubcomponentId> off) {
        TreeMap<SubcomponentId, Double> scales = new TreeMap<>();
        off.forEach(id -> scales.put(id, 0.0));
        return Inquiry.of(
                        decomposition,
                        new QuestionGroup("edited", List.of(sentence), LossesAt.ANSWER),
                        List.of(new Change.Edited(WeightEdit.sites(decomposition, scales))))
                .after()
                .getFirst()
                .getFirst()
                .logProbability();
    }

    @Test
    void everyActiveOneIsMeasuredAlone() {
        TinyLanguage.with(decomposition -> {
            Finder finder = new Finder(decomposition, choosing(decomposition), 2);
            List<Candidate> candidates = finder.find("Anna").candidates();

            assertThat(candidates.stream().map(Candidate::id))
                    .containsExactlyInAnyOrderElementsOf(finder.active("Anna").keySet());
            assertThat(candidates.stream().map(each -> -each.fall())).isSorted();
            double anna = edited(decomposition, ANNA, List.of());
            double ben = edited(decomposition, BEN, List.of());
            for (Candidate each : candidates) {
                assertThat(each.fall())
                        .isCloseTo(
                                anna - edited(decomposition, ANNA, List.of(each.id())),
                                within(1e-9));
                assertThat(each.otherFall())
                        .isCloseTo(
                                ben - edited(decomposition, BEN, List.of(each.id())), within(1e-9));
            }
        });
    }

    @Test
    void theChosenSetIsTheBestOfAllPairsAndSingles() {
        TinyLanguage.with(decomposition -> {
            Choosing choosing = choosing(decomposition);
            Finder finder = new Finder(decomposition, choosing, 2);
            Finder.Found found = finder.find("Anna");
            List<SubcomponentId> ids = List.copyOf(finder.active("Anna").keySet());
            double best = Double.NEGATIVE_INFINITY;
            for (SubcomponentId one : ids) {
                for (SubcomponentId other : ids) {
                    List<SubcomponentId> set =
                            one.equals(other) ? List.of(one) : List.of(one, other);
                    Harm harm =
                            choosing.harms(decomposition, "Anna", List.of(Finder.without(set)))
                                    .getFirst();
                    best = Math.max(best, harm.worth());
                }
            }
            Measured<SubcomponentId> chosen = found.chosen();

            assertThat(chosen.worth()).isGreaterThanOrEqualTo(best - SetSearch.LEAST_GAIN - 1e-9);
            assertThat(chosen.harm().fall())
                    .isCloseTo(
                            edited(decomposition, ANNA, List.of())
                                    - edited(decomposition, ANNA, chosen.parts()),
                            within(1e-9));
            assertThat(chosen.harm().otherFall())
                    .isCloseTo(
                            edited(decomposition, BEN, List.of())
                                    - edited(decomposition, BEN, chosen.parts()),
                            within(1e-9));
        });
    }

    /// Each prompt of the choosing keeps what the target itself would say.
    @Test
    void othersAreAskedForTheTargetsOwnNextToken() {
        TinyLanguage.with(decomposition -> {
            Choosing choosing = choosing(decomposition);
            Sentence first = choosing.others().getFirst();
            Inquiry.Reply reply =
                    Inquiry.unchanged(
                                    decomposition.target(),
                                    new QuestionGroup("first", List.of(first), LossesAt.ANSWER))
                            .getFirst();

            assertThat(first.tokens().subList(0, 3)).containsExactly(2, 1, 4);
            assertThat(reply.rank()).isEqualTo(1);

            Harm nothing =
                    choosing.harms(decomposition, "Anna", List.of(Finder.without(List.of())))
                            .getFirst();
            assertThat(nothing.fall()).isZero();
            assertThat(nothing.othersLost()).isZero();
            assertThat(nothing.linesLost()).isZero();
            assertThat(nothing.textKl()).isCloseTo(0, within(1e-12));
        });
    }

    @Test
    void theRuleTakesWhatIsActiveOnThisPromptAlone() {
        TinyLanguage.with(decomposition -> {
            Finder finder = new Finder(decomposition, choosing(decomposition), 1);

            assertThat(finder.find("Ben").rule())
                    .containsExactlyInAnyOrderElementsOf(
                            finder.active("Ben").keySet().stream()
                                    .filter(id -> !finder.active("Anna").containsKey(id))
                                    .toList());
            assertThat(finder.elsewhere("Ben"))
                    .containsAll(
                            finder.active("Anna").keySet().stream()
                                    .filter(id -> !finder.active("Ben").containsKey(id))
                                    .toList())
                    .doesNotContainAnyElementsOf(finder.active("Ben").keySet());
        });
    }

    /// By hand: a nat of the other's fall costs five.
    @Test
    void thoseThatLowerTheOtherAnswerComeLast() {
        SubcomponentId a = new SubcomponentId("s", 0);
        SubcomponentId b = new SubcomponentId("s", 1);
        SubcomponentId c = new SubcomponentId("s", 2);

        assertThat(
                        Finder.promising(
                                List.of(
                                        new Candidate(a, List.of(0), 9, 1.8),
                                        new Candidate(b, List.of(0), 1, -3),
                                        new Candidate(c, List.of(0), 3, 0.5))))
                .containsExactly(b, c, a);
    }
}
