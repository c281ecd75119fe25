package cleave.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/// Three ranks that are threads of one process: Gloo does not mind.
class C10dTest {
    private static final int SIZE = 3;
    private static final C10d.Settings SETTINGS =
            new C10d.Settings(Duration.ofSeconds(10), Optional.empty());

    @Test
    void everyRankGetsTheSameOfWhatAllGave() throws Exception {
        List<String> results =
                onRanks(exchange -> {
                    double rank = exchange.rank();
                    StringBuilder said = new StringBuilder();
                    said.append(List.of(exchange.sum(1, rank)[0], exchange.sum(1, rank)[1]));
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
                        Tensor same = Tensors.full(Type.DOUBLE, rank - 7, 2);
                        exchange.broadcastInPlace(same);
                        said.append(Tensors.toDoubles(sum)[5]).append(Tensors.toDoubles(same)[1]);
                    });
                    return said.toString();
                });

        assertThat(results)
                .containsOnly("[3.0, 3.0]-1.0 2.0truefalse3 10.0 2.06.0-7.0")
                .hasSize(SIZE);
    }

    @Test
    void whatIsGivenIsCounted() throws Exception {
        assertThat(
                        onRanks(exchange -> {
                            long before = exchange.bytes();
                            exchange.sum(1, 2, 3);
                            return Long.toString(exchange.bytes() - before);
                        }))
                .containsOnly("24");
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

    /// Runs the same on every rank.
    private static List<String> onRanks(Function<Exchange, String> work) throws Exception {
        CompletableFuture<Integer> port = new CompletableFuture<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(SIZE)) {
            List<Future<String>> results =
                    IntStream.range(0, SIZE)
                            .mapToObj(rank ->
                                    threads.submit(() -> {
                                        NativeRuntime.start();
                                        Place place =
                                                rank == 0
                                                        ? Place.first(SIZE, 0)
                                                        : Place.in(launched(rank, port.get()))
                                                                .orElseThrow();
                                        try (Exchange exchange =
                                                C10d.join(
                                                        place,
                                                        SETTINGS,
                                                        port::complete,
                                                        Optional::empty,
                                                        _ -> {})) {
                                            return work.apply(exchange);
                                        }
                                    }))
                            .toList();
            List<String> all = new ArrayList<>();
            for (Future<String> result : results) {
                all.add(result.get());
            }
            return all;
        }
    }

    private static Map<String, String> launched(int rank, int port) {
        return Place.launched(rank, SIZE, port);
    }
}
