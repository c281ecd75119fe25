package cleave.ranks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PeersTest {
    private static final Duration SILENCE = Duration.ofSeconds(2);
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final List<Peers> all = new ArrayList<>();

    @AfterEach
    void close() {
        all.forEach(Peers::close);
    }

    @Test
    void whoEndsWithAReasonIsNamedWithItByAllOthers() throws Exception {
        connect(3);

        all.get(1).fail("disk is full");

        for (int rank : new int[] {0, 2}) {
            RankLost loss = all.get(rank).awaitLoss(PATIENCE).orElseThrow();
            assertThat(loss).hasMessage("rank 1 of 3 ended (name 1): disk is full");
            assertThat(loss.with("go on"))
                    .hasMessage("rank 1 of 3 ended (name 1): disk is full\nhint: go on");
        }
    }

    @Test
    void whoLeavesIsNotLost() throws Exception {
        connect(2);

        all.get(1).close();

        assertThat(all.get(0).awaitLoss(SILENCE.plusMillis(500))).isEmpty();
    }

    @Test
    void whoLivesIsNotLostHoweverLongItComputes() throws Exception {
        connect(2);

        assertThat(all.get(0).awaitLoss(SILENCE.plusSeconds(1))).isEmpty();
    }

    @Test
    void whoIsSilentIsLostAndWhoEndsWithoutAWordIs() throws Exception {
        assertThat(lossOf(false))
                .hasMessageStartingWith("rank 1 of 2 (name 1) was silent for 2.0 s");
        assertThat(lossOf(true))
                .hasMessageStartingWith("rank 1 of 2 (name 1) ended without a word");
    }

    /// What rank 0 hears of a rank 1 that says its number and nothing else.
    private RankLost lossOf(boolean ends) throws IOException {
        Peers zero = peers(0, 2);
        try (Socket one = new Socket(InetAddress.getLoopbackAddress(), zero.port())) {
            new DataOutputStream(one.getOutputStream()).writeInt(1);
            zero.connect(_ -> address(zero), rank -> "name " + rank, PATIENCE);
            if (ends) {
                one.shutdownOutput();
            }
            return zero.awaitLoss(PATIENCE).orElseThrow();
        }
    }

    private void connect(int size) throws Exception {
        for (int rank = 0; rank < size; rank++) {
            peers(rank, size);
        }
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<?>> connected = new ArrayList<>();
            for (Peers peers : all) {
                connected.add(
                        threads.submit(() ->
                                peers.connect(
                                        rank -> address(all.get(rank)),
                                        rank -> "name " + rank,
                                        PATIENCE)));
            }
            for (Future<?> each : connected) {
                each.get();
            }
        }
    }

    private Peers peers(int rank, int size) {
        Peers peers = new Peers(rank, size, InetAddress.getLoopbackAddress(), SILENCE, _ -> {});
        all.add(peers);
        return peers;
    }

    private static InetSocketAddress address(Peers peers) {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), peers.port());
    }
}
