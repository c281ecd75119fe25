package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.study.sports.SetSearch.Found;
import cleave.study.sports.SetSearch.Harm;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SetSearchTest {
    private static final Harm NONE = new Harm(0, 50, 0, 0, 0, 0);

    private final List<List<String>> asked = new ArrayList<>();

    private static Harm fall(double nats) {
        return new Harm(nats, 50, 0, 0, 0, 0);
    }

    /// Falls and harm of the members, added.
    private Harm sum(Map<String, Harm> parts, List<String> set) {
        asked.add(set);
        Harm sum = NONE;
        for (String each : set) {
            Harm one = parts.getOrDefault(each, NONE);
            sum =
                    new Harm(
                            sum.fall() + one.fall(),
                            50,
                            sum.otherFall() + one.otherFall(),
                            sum.othersLost() + one.othersLost(),
                            sum.linesLost() + one.linesLost(),
                            sum.textKl() + one.textKl());
        }
        return sum;
    }

    private Found<String> search(Map<String, Harm> parts, int most) {
        return new SetSearch<String>(
                        sets -> sets.stream().map(set -> sum(parts, set)).toList(), most)
                .among(parts.keySet().stream().sorted().toList());
    }

    /// By hand: within a limit harm costs a quarter of its share of the limit; beyond it 4 for each
    /// further limit; an answer among the first ten costs 1; a fall counts up to the logarithm of
    /// 200.
    @Test
    void harmWithinTheLimitsCostsLittleAndHarmBeyondThemMuch() {
        assertThat(new Harm(5, 11, -Math.log(0.95), 0.05, 0, 2.5e-3).worth())
                .isCloseTo(5 - 0.25 - 0.125 - 0.125, within(1e-12));
        assertThat(new Harm(3, 10, -1, 0.2, 0, 0).worth())
                .isCloseTo(3 - 1 - 0.25 - 4, within(1e-12));
        assertThat(new Harm(9, 11, 0, 0, 0.3, -1).worth())
                .isCloseTo(Math.log(200) - 0.25 - 4, within(1e-12));
    }

    @Test
    void theSetIsTheOneThatTakesTheAnswerAwayAndLittleElse() {
        Harm blunt = new Harm(6, 50, 3, 0.9, 0.5, 0.1);
        Found<String> found =
                search(Map.of("a", fall(1.5), "b", fall(2), "blunt", blunt, "c", fall(1.2)), 5);

        assertThat(found.chosen().parts()).containsExactlyInAnyOrder("a", "b", "c");
        assertThat(found.chosen().harm().fall()).isCloseTo(4.7, within(1e-12));
        assertThat(found.alone().getFirst().parts()).containsExactly("b");
        assertThat(found.alone().getLast().parts()).containsExactly("blunt");
    }

    @Test
    void theSetHasAtMostSoManyParts() {
        Map<String, Harm> parts =
                Map.of("a", fall(1), "b", fall(1.1), "c", fall(1.2), "d", fall(1));

        assertThat(search(parts, 1).chosen().parts()).containsExactly("c");
        assertThat(search(parts, 2).chosen().parts()).containsExactlyInAnyOrder("b", "c");
    }

    @Test
    void aPartThatAddsLittleIsLeftOut() {
        Found<String> found = search(Map.of("a", fall(3), "b", fall(0.04)), 5);

        assertThat(found.chosen().parts()).containsExactly("a");
    }

    /// The first is worth most; what it lacks comes from one that is worth little alone.
    @Test
    void setsGrowFromSeveralBegins() {
        // "a" is spoilt by every other part; "b" and "c" complete each other.
        Map<List<String>, Double> falls =
                Map.of(List.of("a"), 2.0, List.of("b"), 1.5, List.of("c"), 1.0);
        Found<String> found =
                new SetSearch<String>(
                                sets ->
                                        sets.stream()
                                                .map(set ->
                                                        set.size() == 1
                                                                ? fall(falls.getOrDefault(set, 0.0))
                                                                : fall(set.contains("a") ? 1 : 4))
                                                .toList(),
                                2)
                        .among(List.of("a", "b", "c"));

        assertThat(found.chosen().parts()).containsExactlyInAnyOrder("b", "c");
    }

    @Test
    void noSetIsMeasuredTwiceAndTheSearchEndsWhereNothingCanBeBetter() {
        search(Map.of("a", fall(1), "b", fall(1), "c", fall(1), "d", fall(1), "e", fall(1)), 3);
        assertThat(asked.stream().map(set -> set.stream().sorted().toList()))
                .doesNotHaveDuplicates();

        asked.clear();
        Found<String> done = search(Map.of("a", fall(7), "b", fall(1)), 5);
        assertThat(done.chosen().parts()).containsExactly("a");
        assertThat(asked).allMatch(set -> set.size() == 1);
    }

    @Test
    void withoutPartsNothingIsFound() {
        Found<String> found = search(Map.of(), 5);

        assertThat(found.alone()).isEmpty();
        assertThat(found.chosen().parts()).isEmpty();
    }
}
