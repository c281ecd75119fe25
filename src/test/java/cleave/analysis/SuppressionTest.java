package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Suppression.TokenProbability;
import cleave.tensor.Scopes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SuppressionTest {
    private static final double ROUNDING = 1e-5;
    private static final long[] TOKENS = {0, 3, 7, 5, 7};

    private static void with(Supplier<Handmade> maker, Consumer<Handmade> test) {
        Scopes.run(() -> {
            try (Handmade made = maker.get()) {
                test.accept(made);
            }
        });
    }

    private static List<SubcomponentId> everything() {
        List<SubcomponentId> all = new ArrayList<>();
        for (String site : List.of("Q0", "K0", "V0", "Q1", "K1", "V1")) {
            for (int c = 0; c < Handmade.C; c++) {
                all.add(new SubcomponentId(site, c));
            }
        }
        return all;
    }

    private static List<Double> after(Suppression suppression) {
        return suppression.top().stream()
                .sorted(Comparator.comparingLong(TokenProbability::token))
                .map(TokenProbability::after)
                .toList();
    }

    private static List<Double> before(Suppression suppression) {
        return suppression.top().stream()
                .sorted(Comparator.comparingLong(TokenProbability::token))
                .map(TokenProbability::before)
                .toList();
    }

    @Test
    void suppressingNothingLeavesTheTarget() {
        with(
                Handmade::new,
                made -> {
                    Suppression none =
                            Suppression.of(made.decomposition(), List.of(), List.of(), TOKENS);
                    assertThat(none.kl()).isCloseTo(0, within(ROUNDING));
                    assertThat(none.top()).hasSize(Handmade.TOKENS);
                    assertThat(none.top())
                            .isSortedAccordingTo(
                                    Comparator.comparingDouble(token -> -token.before()))
                            .allSatisfy(token ->
                                    assertThat(token.after())
                                            .isCloseTo(token.before(), within(ROUNDING)));
                    assertThat(none.tokens()).containsExactly(0L, 3L, 7L, 5L, 7L);
                });
    }

    @Test
    void suppressingEverythingLeavesZeroMatrices() {
        with(
                Handmade::new,
                made ->
                        with(
                                Handmade::empty,
                                empty -> {
                                    Suppression all =
                                            Suppression.of(
                                                    made.decomposition(),
                                                    everything(),
                                                    List.of(),
                                                    TOKENS);
                                    Suppression zero =
                                            Suppression.of(
                                                    empty.decomposition(),
                                                    List.of(),
                                                    List.of(),
                                                    TOKENS);
                                    List<Double> expected = before(zero);
                                    List<Double> actual = after(all);
                                    for (int token = 0; token < Handmade.TOKENS; token++) {
                                        assertThat(actual.get(token))
                                                .isCloseTo(expected.get(token), within(ROUNDING));
                                    }
                                    // KL(before || after) from the listed probabilities, which are
                                    // all there are.
                                    double kl =
                                            all.top().stream()
                                                    .mapToDouble(p ->
                                                            p.before()
                                                                    * Math.log(
                                                                            p.before() / p.after()))
                                                    .sum();
                                    assertThat(all.kl()).isCloseTo(kl, within(1e-4));
                                }));
    }

    @Test
    void positionsLimitWhereItActs() {
        with(
                Handmade::new,
                made -> {
                    List<SubcomponentId> off =
                            List.of(new SubcomponentId("Q1", 3), new SubcomponentId("Q1", 7));
                    Suppression everywhere =
                            Suppression.of(made.decomposition(), off, List.of(), TOKENS);
                    Suppression listed =
                            Suppression.of(
                                    made.decomposition(),
                                    off,
                                    IntStream.range(0, 5).boxed().toList(),
                                    TOKENS);
                    assertThat(listed).isEqualTo(everywhere);
                    // Only the last query of layer 1 reaches the output.
                    Suppression last =
                            Suppression.of(made.decomposition(), off, List.of(4), TOKENS);
                    assertThat(last.kl()).isCloseTo(everywhere.kl(), within(ROUNDING));
                    Suppression others =
                            Suppression.of(made.decomposition(), off, List.of(0, 1, 2, 3), TOKENS);
                    assertThat(others.kl()).isCloseTo(0, within(ROUNDING));
                    assertThat(everywhere.kl()).isGreaterThan(1e-3);
                });
    }

    @Test
    void listsImportancesOfWhatIsSuppressed() {
        with(
                () -> new Handmade().fires("V0", 2, 7, 0.5),
                made -> {
                    Suppression suppression =
                            Suppression.of(
                                    made.decomposition(),
                                    List.of(
                                            new SubcomponentId("V0", 2),
                                            new SubcomponentId("V0", 2)),
                                    List.of(),
                                    TOKENS);
                    assertThat(suppression.importances()).hasSize(1);
                    assertThat(suppression.importances().getFirst().byPosition())
                            .containsExactly(0.0, 0.0, 0.5, 0.0, 0.5);
                });
    }

    @Test
    void refusesWhatIsOutOfRange() {
        with(
                Handmade::new,
                made -> {
                    var decomposition = made.decomposition();
                    assertThatThrownBy(() ->
                                    Suppression.of(decomposition, List.of(), List.of(5), TOKENS))
                            .hasMessage("position must be in 0..4 for 5 tokens, got 5");
                    assertThatThrownBy(() ->
                                    Suppression.of(
                                            decomposition, List.of(), List.of(), new long[] {0, 8}))
                            .hasMessage("token must be in 0..7, got 8 (position 1)");
                    assertThatThrownBy(() ->
                                    Suppression.of(
                                            decomposition, List.of(), List.of(), new long[0]))
                            .hasMessage("number of tokens must be in 1..8, got 0");
                    assertThatThrownBy(() ->
                                    Suppression.of(
                                            decomposition, List.of(), List.of(), new long[9]))
                            .hasMessage("number of tokens must be in 1..8, got 9");
                });
    }

    @Test
    void readsListsOfSubcomponents() {
        with(
                Handmade::new,
                made ->
                        assertThat(SubcomponentId.parse("Q0:3, V1:7", made.decomposition()))
                                .containsExactly(
                                        new SubcomponentId("Q0", 3), new SubcomponentId("V1", 7)));
    }

    @Test
    void refusesListsItCannotRead() {
        with(
                Handmade::new,
                made -> {
                    var decomposition = made.decomposition();
                    assertThatThrownBy(() -> SubcomponentId.parse("Q0", decomposition))
                            .hasMessage(
                                    "subcomponent must be SITE:INDEX, got 'Q0'\nhint: write Q0:3,V1:17 for two");
                    assertThatThrownBy(() -> SubcomponentId.parse("Q0:1,", decomposition))
                            .hasMessageStartingWith("subcomponent must be SITE:INDEX, got ''");
                    assertThatThrownBy(() -> SubcomponentId.parse("Q0:-1", decomposition))
                            .hasMessageStartingWith("subcomponent must be SITE:INDEX, got 'Q0:-1'");
                    assertThatThrownBy(() -> SubcomponentId.parse("Q3:1", decomposition))
                            .hasMessage(
                                    "site must be one of [Q0, K0, V0, Q1, K1, V1], got Q3\nhint: did you mean Q0?");
                    assertThatThrownBy(() -> SubcomponentId.parse("V1:10", decomposition))
                            .hasMessage("subcomponent of V1 must be in 0..9, got 10");
                    // Of norm 0, as those that are merged.
                    assertThatThrownBy(() -> SubcomponentId.parse("V1:9", decomposition))
                            .hasMessage(
                                    "subcomponent must be one that is left, got V1:9 of norm 0, as those that were merged into the remainder");
                });
    }
}
