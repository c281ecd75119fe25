package cleave.ranks;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/// Tells this rank that another one is gone: killed, frozen, or cut off.
///
/// Between any two ranks there is a connection over which both say every so often that they live. A
/// connection that ends without a farewell means that the other was killed; one that is silent for
/// too long means that it is frozen or cut off. The first loss is the one that counts, and is told
/// to all others, because their own ends are no losses any more.
final class Peers implements AutoCloseable {
    private static final int ALIVE = 0;
    private static final int FAREWELL = 1;
    private static final int LOSS = 2; // and a sentence
    private static final int BACKLOG = 1024;
    private static final int MOST_CHARACTERS = 2000; // of a sentence

    private final int rank;
    private final int size;
    private final Duration silence;
    private final ServerSocket server;
    private final Consumer<RankLost> listener;
    private final Map<Integer, Peer> peers = new ConcurrentHashMap<>();
    private final Map<Integer, String> names = new ConcurrentHashMap<>();
    private final AtomicReference<@Nullable RankLost> loss = new AtomicReference<>();
    private final CountDownLatch closed = new CountDownLatch(1);

    /// Begins to listen for others.
    ///
    /// @param local address of this rank's network interface
    /// @param silence how long another may say nothing
    /// @param listener hears of the first loss, on a thread of its own
    Peers(int rank, int size, InetAddress local, Duration silence, Consumer<RankLost> listener) {
        this.rank = rank;
        this.size = size;
        this.silence = silence;
        this.listener = listener;
        try {
            server = new ServerSocket(0, BACKLOG, local);
        } catch (IOException failure) {
            throw new UncheckedIOException(
                    "cannot listen at %s: %s".formatted(local, failure.getMessage()), failure);
        }
    }

    /// Where this rank listens.
    int port() {
        return server.getLocalPort();
    }

    /// Connects with all others: asks those of lower numbers, and is asked by those of higher ones.
    ///
    /// @param addresses of each rank
    /// @param names of each rank, for sentences
    /// @throws IllegalStateException when they do not all connect in time
    void connect(
            IntFunction<InetSocketAddress> addresses, IntFunction<String> names, Duration timeout) {
        int milliseconds = Math.toIntExact(timeout.toMillis());
        for (int other = 0; other < size; other++) {
            this.names.put(other, names.apply(other));
        }
        try {
            for (int other = 0; other < rank; other++) {
                Socket socket = new Socket();
                socket.connect(addresses.apply(other), milliseconds);
                Peer peer = new Peer(other, socket);
                peer.out.writeInt(rank);
                peer.out.flush();
                peers.put(other, peer);
            }
            server.setSoTimeout(milliseconds);
            while (peers.size() < size - 1) {
                Socket socket = server.accept();
                socket.setSoTimeout(milliseconds);
                int other = new DataInputStream(socket.getInputStream()).readInt();
                if (other <= rank || other >= size || peers.containsKey(other)) {
                    socket.close(); // a stranger
                    continue;
                }
                peers.put(other, new Peer(other, socket));
            }
        } catch (IOException failure) {
            throw new IllegalStateException(
                    "rank %d of %d must reach all others, got %s"
                            .formatted(rank, size, failure.getMessage()),
                    failure);
        }
        peers.values().forEach(peer -> daemon("hears-" + peer.rank, peer::hear));
        daemon("lives", this::live);
    }

    private static void daemon(String name, Runnable work) {
        Thread.ofPlatform().daemon().name("cleave-rank-" + name).start(work);
    }

    /// The first loss, if there is one.
    Optional<RankLost> loss() {
        return Optional.ofNullable(loss.get());
    }

    /// Waits for a loss, for a while: who finds an exchange broken may know so before its reason.
    Optional<RankLost> awaitLoss(Duration atMost) {
        long end = System.nanoTime() + atMost.toNanos();
        boolean interrupted = false;
        while (loss.get() == null && System.nanoTime() < end) {
            try {
                TimeUnit.MILLISECONDS.sleep(5);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return loss();
    }

    /// Says to all others that this rank ends, and why.
    void fail(String reason) {
        String sentence =
                "rank %d of %d ended (%s): %s"
                        .formatted(rank, size, names.getOrDefault(rank, "not joined"), reason);
        tell(sentence);
    }

    private void live() {
        try {
            long pause = Math.clamp(silence.toMillis() / 10, 20, 1000);
            while (!closed.await(pause, TimeUnit.MILLISECONDS)) {
                peers.values().forEach(peer -> peer.say(ALIVE));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void lose(String sentence) {
        RankLost first = new RankLost(sentence);
        if (closed.getCount() > 0 && loss.compareAndSet(null, first)) {
            tell(sentence);
            listener.accept(first);
        }
    }

    private void tell(String sentence) {
        String some = sentence.substring(0, Math.min(MOST_CHARACTERS, sentence.length()));
        peers.values().forEach(peer -> peer.sayLoss(some));
    }

    private String name(int other) {
        return "rank %d of %d (%s)".formatted(other, size, names.get(other));
    }

    /// Bids all others farewell.
    @Override
    public void close() {
        if (closed.getCount() == 0) {
            return;
        }
        closed.countDown();
        peers.values().forEach(peer -> peer.say(FAREWELL));
        peers.values().forEach(Peer::close);
        try {
            server.close();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private final class Peer {
        private final int rank;
        private final Socket socket;
        private final DataInputStream in;
        private final DataOutputStream out;

        Peer(int rank, Socket socket) throws IOException {
            this.rank = rank;
            this.socket = socket;
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(Math.toIntExact(silence.toMillis()));
            in = new DataInputStream(socket.getInputStream());
            out = new DataOutputStream(socket.getOutputStream());
        }

        void hear() {
            try {
                for (int word = in.read(); word != FAREWELL; word = in.read()) {
                    if (word < 0) {
                        throw new EOFException();
                    }
                    if (word == LOSS) {
                        lose(in.readUTF());
                        return;
                    }
                }
            } catch (SocketTimeoutException silent) {
                lose(
                        "%s was silent for %s s: frozen, or cut off"
                                .formatted(name(rank), silence.toMillis() / 1e3));
            } catch (IOException ended) {
                lose(name(rank) + " ended without a word: killed, or its machine");
            }
        }

        synchronized void say(int word) {
            try {
                out.write(word);
            } catch (IOException gone) {
                // Whoever hears this peer finds out as well, and knows more.
            }
        }

        synchronized void sayLoss(String sentence) {
            try {
                out.write(LOSS);
                out.writeUTF(sentence);
            } catch (IOException gone) {
                // It will not need to know.
            }
        }

        void close() {
            try {
                socket.close();
            } catch (IOException gone) {
                // It is closed then.
            }
        }
    }
}
