package cleave.testing;

import cleave.ranks.C10d;
import cleave.ranks.Exchange;
import cleave.ranks.Place;
import cleave.tensor.NativeRuntime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;

/// Ranks that are threads of one process: Gloo does not mind.
public final class ThreadRanks {
    private static final C10d.Settings SETTINGS =
            new C10d.Settings(Duration.ofSeconds(10), Optional.empty());

    private ThreadRanks() {}

    /// Runs the same on every rank; results in the order of ranks.
    public static <T> List<T> run(int size, Function<Exchange, T> work) throws Exception {
        CompletableFuture<Integer> port = new CompletableFuture<>();
        try (ExecutorService threads = Executors.newFixedThreadPool(size)) {
            List<Future<T>> results =
                    IntStream.range(0, size)
                            .mapToObj(rank ->
                                    threads.submit(() -> {
                                        NativeRuntime.start();
                                        Place place =
                                                rank == 0
                                                        ? Place.first(size, 0)
                                                        : Place.in(
                                                                        Place.launched(
                                                                                rank,
                                                                                size,
                                                                                port.get()))
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
            List<T> all = new ArrayList<>();
            for (Future<T> result : results) {
                all.add(result.get());
            }
            return all;
        }
    }
}
