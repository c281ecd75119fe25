package cleave.decomposition;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.decomposition.Twins.Handover;
import cleave.decomposition.Twins.Settings;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Which subcomponents are twins, and what a handover changes (spec W1 to W4). Figures by hand.
class TwinsTest {
    private static final Settings SETTINGS =
            new Settings(10, 0.25, 0.75, 0.8, 0.02, Optional.empty());
    private static final Offset<Double> ROUNDING = within(1e-12);

    @Test
    void oneThatReadsTheSameHandsOverWhatItWrites() {
        Scopes.run(() -> {
            // h_1 = 2 h_0 wherever both are on; U_0 and U_1 are at right angles.
            Handover found =
                    only(
                            rows(
                                    3,
                                    new double[] {1, 1, 0},
                                    new double[] {1, 1, 0},
                                    new double[] {0, 0, 1}),
                            rows(
                                    3,
                                    new double[] {1, 2, 9},
                                    new double[] {-3, -6, 9},
                                    new double[] {7, -2, 9}),
                            rows(2, new double[] {3, 0}, new double[] {0, 1}, new double[] {5, 5}));

            assertThat(found.kept()).isZero();
            assertThat(found.freed()).isEqualTo(1);
            assertThat(found.overlap()).isEqualTo(1, ROUNDING);
            assertThat(found.share()).isEqualTo(0, ROUNDING);
            assertThat(found.reads()).isTrue();
            assertThat(found.factor()).isEqualTo(2, ROUNDING);
        });
    }

    @Test
    void oneThatWritesTheSameHandsOverWhatItReads() {
        Scopes.run(() -> {
            // Inner activations (1, 0) and (0, 2) have nothing in common, U_1 = -U_0 / 2.
            Handover found =
                    only(
                            rows(2, new double[] {1, 1}, new double[] {1, 1}),
                            rows(2, new double[] {1, 0}, new double[] {0, 2}),
                            rows(2, new double[] {2, 4}, new double[] {-1, -2}));

            // Both write as much, 20: the first is kept. f = -10 / 20.
            assertThat(found.kept()).isZero();
            assertThat(found.reads()).isFalse();
            assertThat(found.factor()).isEqualTo(-0.5, ROUNDING);
            assertThat(found.share()).isEqualTo(0, ROUNDING);
        });
    }

    @Test
    void importancesWeighWhatIsReadTogether() {
        Scopes.run(() -> {
            // Minima 1 + 0.5 + 0, sums 1 + 0.5 + 0.2 and 1 + 0.6 + 0; weights 1, 1.1 - 0.3, 0.2.
            Handover found =
                    only(
                            rows(
                                    2,
                                    new double[] {1, 1},
                                    new double[] {0.5, 0.6},
                                    new double[] {0.2, 0}),
                            rows(2, new double[] {1, 1}, new double[] {2, 2}, new double[] {10, 9}),
                            rows(2, new double[] {1, 0}, new double[] {0, 2}));

            assertThat(found.overlap()).isEqualTo(1.5 / 1.6, ROUNDING);
            assertThat(found.kept()).isZero(); // though the other writes more
            // (1 + 0.8 * 4 + 0.2 * 90) / (1 + 0.8 * 4 + 0.2 * 100)
            assertThat(found.factor()).isEqualTo(22.2 / 24.2, ROUNDING);
            // 4 (20.4 - 22.2^2 / 24.2) of 24.2 + 4 * 20.4
            assertThat(found.left())
                    .isEqualTo(4 * (20.4 - 22.2 * 22.2 / 24.2) / (24.2 + 4 * 20.4), ROUNDING);
        });
    }

    @Test
    void oneThatIsOnAtASinglePositionIsNoTwinOfWhatReadsOtherwiseElsewhere() {
        Scopes.run(() -> {
            // Where both are on, one position, any two are in proportion: here 30 to 1.
            Tensor on = rows(2, new double[] {1, 1}, new double[] {1, 0}, new double[] {1, 0});
            Tensor inner =
                    rows(2, new double[] {0.1, 3}, new double[] {2, 1}, new double[] {-2, 1});
            Tensor U = rows(2, new double[] {1, 0}, new double[] {0, 1});
            assertThat(handovers(on, inner, U)).isEmpty();
        });
    }

    @Test
    void aPairOfRankTwoOrApartOrOfWhichOneIsSmallStays() {
        Scopes.run(() -> {
            Tensor both = rows(2, new double[] {1, 1}, new double[] {1, 1});
            Tensor apart = rows(2, new double[] {1, 0}, new double[] {0.5, 1});
            Tensor right = rows(2, new double[] {1, 0}, new double[] {0, 1});
            Tensor same = rows(2, new double[] {1, 1}, new double[] {2, 2});
            Tensor small = rows(2, new double[] {1, 0}, new double[] {0, 0.1});
            assertThat(handovers(both, right, right)).isEmpty();
            assertThat(handovers(apart, same, right)).isEmpty();
            assertThat(handovers(both, same, small)).isEmpty();
            assertThat(handovers(both, same, right)).hasSize(1);
        });
    }

    @Test
    void ofThreeTwoTakePartAtATime() {
        Scopes.run(() -> {
            Tensor on = rows(3, new double[] {1, 1, 1}, new double[] {1, 1, 1});
            Tensor inner = rows(3, new double[] {1, 1, 1.1}, new double[] {2, 2, 2});
            Tensor U = rows(2, new double[] {1, 0}, new double[] {0, 1}, new double[] {1, 1});

            List<Handover> found = handovers(on, inner, U);

            assertThat(found).hasSize(1); // the pair of which one axis leaves nothing
            assertThat(found.getFirst().kept()).isZero();
            assertThat(found.getFirst().freed()).isEqualTo(1);
        });
    }

    @Test
    void aSmallOneIsATwinWhereItsGateCanBeShut() {
        Scopes.run(() -> {
            Tensor both = rows(2, new double[] {1, 1}, new double[] {1, 1});
            Tensor same = rows(2, new double[] {1, 1}, new double[] {2, 2});
            Tensor small = rows(2, new double[] {1, 0}, new double[] {0, 0.1});
            Settings shut = new Settings(10, 0.25, 0.75, 0.8, 0.02, Optional.of(0.1));
            assertThat(handovers(both, same, small, SETTINGS)).isEmpty();
            assertThat(handovers(both, same, small, shut)).hasSize(1);
        });
    }

    @Test
    void aHandoverKeepsTheSumAndFreesTheOther() {
        Scopes.run(() -> {
            for (boolean reads : new boolean[] {true, false}) {
                Tensor V = rows(3, new double[] {1, 2, 3}, new double[] {4, 5, 6});
                Tensor U = rows(2, new double[] {1, -1}, new double[] {2, 3}, new double[] {0, 4});
                double[] before = Tensors.toDoubles(V.matmul(U));

                Twins.handOverInPlace(new Handover(2, 0, 1, 0, 0, reads, 0.5), V, U);

                assertThat(Tensors.toDoubles(V.matmul(U))).containsExactly(before, within(1e-12));
                assertThat(Tensors.toDoubles(V))
                        .containsExactly(
                                reads
                                        ? new double[] {-0.5, 2, 3, 1, 5, 6}
                                        : new double[] {1, 2, 3.5, 4, 5, 8});
                assertThat(Tensors.toDoubles(U))
                        .containsExactly(
                                reads
                                        ? new double[] {1, -1, 2, 3, 0.5, 3.5}
                                        : new double[] {1, -3, 2, 3, 0, 4});
            }
        });
    }

    @Test
    void searchesHaveTheirSteps() {
        assertThat(List.of(20L, 30L, 35L, 70L, 80L).stream().map(step -> SETTINGS.at(step, 100)))
                .containsExactly(false, true, false, true, false);
    }

    private static Handover only(Tensor importance, Tensor inner, Tensor U) {
        List<Handover> found = handovers(importance, inner, U);
        assertThat(found).hasSize(1);
        return found.getFirst();
    }

    /// What is found when the positions come in two parts.
    private static List<Handover> handovers(Tensor importance, Tensor inner, Tensor U) {
        return handovers(importance, inner, U, SETTINGS);
    }

    private static List<Handover> handovers(
            Tensor importance, Tensor inner, Tensor U, Settings settings) {
        long count = importance.size(0);
        Twins twins = new Twins(Math.toIntExact(importance.size(1)));
        twins.add(importance.narrow(0, 0, 1), inner.narrow(0, 0, 1));
        twins.add(importance.narrow(0, 1, count - 1), inner.narrow(0, 1, count - 1));
        return twins.handovers(U, settings);
    }

    private static Tensor rows(int width, double[]... rows) {
        double[] all =
                java.util.Arrays.stream(rows).flatMapToDouble(java.util.Arrays::stream).toArray();
        return Tensors.of(all, Type.DOUBLE, rows.length, width);
    }
}
