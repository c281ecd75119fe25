package cleave.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.ThreadRanks;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Three ranks that are threads of one process: Gloo does not mind.
class C10dTest {
    private static final int SIZE = 3;

    @Test
    void everyRankGetsTheSameOfWhatAllGave() throws Exception {
        List<String> results =
                ThreadRanks.run(
                        SIZE,
                        exchange -> {
                            double rank = exchange.rank();
                            StringBuilder said = new StringBuilder();
                            said.append(
                                    List.of(exchange.sum(1, rank)[0], exchange.sum(1, rank)[1]));
                            said.append(exchange.max(-1 - rank, rank)[0])
                                    .append(' ')
                                    .append(exchange.max(rank)[0]);
                            said.append(exchange.any(rank == 2)).append(exchange.any(false));
                            double[][] rows = exchange.gather(rank, 10 * rank);
                            said.append(rows.length)
                                    .append(' ')
                                    .append(rows[1][1])
                                    .append(' ')
                                    .append(rows[2][0]);
                            exchange.barrier();
                            Scopes.run(() -> {
                                Tensor sum = Tensors.full(Type.FLOAT, 1 + rank, 2, 3);
                                exchange.sumInPlace(sum);
                                said.append(Tensors.toDoubles(sum)[5])
                                        .append(' ')
                                        .append(exchange.here());
                            });
                            return said.toString();
                        });

        assertThat(results)
                .containsOnly("[3.0, 3.0]-1.0 2.0truefalse3 10.0 2.06.0 3")
                .hasSize(SIZE);
    }

    @Test
    void numbersOfOneRankAndTextsOfAllReachEveryRank() throws Exception {
        int many = Exchange.TURN + 3; // more than go at a time
        List<String> results =
                ThreadRanks.run(
                        SIZE,
                        exchange -> {
                            double[] own = new double[exchange.rank() == 1 ? many : 2];
                            Arrays.setAll(own, i -> exchange.rank() * 1e-3 - i);
                            double[] given = exchange.broadcast(1, own);
                            return "%d %s %s %s %s"
                                    .formatted(
                                            given.length,
                                            given[0],
                                            given[many - 1],
                                            exchange.broadcast(2).length,
                                            exchange.texts(
                                                    List.of("", "\u20ac\ud83d\ude00", "a")
                                                            .get(exchange.rank())));
                        });

        assertThat(results)
                .containsOnly(
                        "%d 0.001 %s 0 [, \u20ac\ud83d\ude00, a]"
                                .formatted(many, 1e-3 - (many - 1)))
                .hasSize(SIZE);
    }

    @Test
    void whatIsGivenIsCounted() throws Exception {
        assertThat(
                        ThreadRanks.run(
                                SIZE,
                                exchange -> {
                                    long before = exchange.bytes();
                                    exchange.sum(1, 2, 3);
                                    return Long.toString(exchange.bytes() - before);
                                }))
                .containsOnly("24");
    }

    @Test
    void exchangesThatWereBegunRunBesideEachOther() throws Exception {
        List<String> results =
                ThreadRanks.run(
                        SIZE,
                        exchange ->
                                Scopes.run(() -> {
                                    Tensor flat = Tensors.full(Type.FLOAT, 1 + exchange.rank(), 7);
                                    long before = exchange.bytes();
                                    Exchange.Begun first = exchange.beginSum(flat.narrow(0, 0, 3));
                                    Exchange.Begun second = exchange.beginSum(flat.narrow(0, 3, 2));
                                    first.end();
                                    double whole = exchange.sum(1)[0];
                                    second.end();
                                    double[] sums = Tensors.toDoubles(flat);
                                    assertThat(sums[5]).isEqualTo(1 + exchange.rank());
                                    return "%s %s %s %d"
                                            .formatted(
                                                    sums[2],
                                                    sums[4],
                                                    whole,
                                                    exchange.bytes() - before);
                                }));

        assertThat(results).containsOnly("6.0 6.0 3.0 28");
    }

    @Test
    void aRankThatDoesNotComeIsNamed() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() ->
                        C10d.join(
                                Place.first(2, 0),
                                new C10d.Settings(Duration.ofMillis(40), Optional.empty()),
                                _ -> {},
                                Optional::empty,
                                _ -> {}))
                .withMessageContaining("rank 0 of 2 must meet the others at 127.0.0.1")
                .withMessageContaining("no rank 1 within 0.2 s");
    }

    @Test
    void oneRankGetsWhatItGave() {
        try (Exchange alone = Exchange.alone()) {
            assertThat(alone.sum(1, 2)).containsExactly(1, 2);
            assertThat(alone.gather(4)).isEqualTo(new double[][] {{4}});
            assertThat(alone.any(true)).isTrue();
            assertThat(alone.writes()).isTrue();
        }
    }
}
