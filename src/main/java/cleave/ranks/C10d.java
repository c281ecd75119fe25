package cleave.ranks;

import cleave.config.UserError;
import cleave.tensor.Gloo;
import cleave.tensor.RankStore;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.UncheckedIOException;
import java.net.DatagramSocket;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Exchanges by PyTorch's c10d, over Gloo.
///
/// A rank that is lost ends all others: an exchange that waits for it throws [RankLost], and a rank
/// that does not come to an exchange soon after is ended where it stands, because what it computes
/// is of no use any more.
public final class C10d implements Exchange {
    private static final int JOIN = 5; // times the time-out, for all to be there
    private static final Duration LOOK = Duration.ofMillis(20);
    private static final Duration MOST_GRACE = Duration.ofSeconds(5);
    private static final Duration HUNG = Duration.ofHours(12); // a rank that lives, but never comes

    private final Place place;
    private final int here;
    private final Duration timeout;
    private final RankStore store;
    private final Peers peers;
    private final Gloo gloo;
    private final Told told;
    private long bytes;
    private int pending; // exchanges, which may use the engine when this is closed

    /// How the ranks of a run talk.
    ///
    /// @param timeout within which a rank that is gone ends all others
    /// @param network name or address of the network interface; chosen by the way to rank 0 when
    ///   absent
    public record Settings(Duration timeout, Optional<String> network) {}

    /// Does what is left to do when a rank is lost while this one is busy elsewhere: it says so and
    /// ends the process.
    @FunctionalInterface
    public interface Ending {
        /// Ends the process.
        ///
        /// @param loss null when it was said before
        void end(@Nullable RankLost loss);
    }

    private C10d(
            Place place,
            int here,
            Duration timeout,
            RankStore store,
            Peers peers,
            Gloo gloo,
            Told told) {
        this.place = place;
        this.here = here;
        this.timeout = timeout;
        this.store = store;
        this.peers = peers;
        this.gloo = gloo;
        this.told = told;
    }

    /// What became of a loss: whether our caller was told, and whether it has left.
    private record Told(AtomicBoolean caller, AtomicBoolean left) {}

    /// Where a rank listens.
    ///
    /// @param name its machine and process, for messages
    private record Address(InetSocketAddress socket, String name) {
        private static final int WORDS = 3; // the last of which is the name

        boolean isAt(InetAddress local) {
            return socket.getAddress().equals(local);
        }

        String word() {
            return "%s %d %s"
                    .formatted(socket.getAddress().getHostAddress(), socket.getPort(), name);
        }

        static Address of(String word) {
            String[] words = word.split(" ", WORDS);
            return new Address(
                    new InetSocketAddress(words[0], Integer.parseInt(words[1])), words[2]);
        }
    }

    /// Meets the other ranks.
    ///
    /// @param served is told the port at which rank 0 serves, on rank 0, before it waits for others
    /// @param early asked while others are waited for; gives why they will not come, if so
    /// @param ending ends this process when it does not end by itself after a loss
    /// @throws UserError when they do not meet
    public static C10d join(
            Place place,
            Settings settings,
            IntConsumer served,
            Supplier<Optional<String>> early,
            Ending ending) {
        Duration patience = settings.timeout().multipliedBy(JOIN);
        InetAddress local = address(place, settings.network());
        @Nullable RankStore store = null;
        @Nullable Peers peers = null;
        @Nullable C10d joined = null;
        try {
            boolean serves = place.rank() == 0 && !place.served();
            store =
                    RankStore.open(
                            place.host(), place.port(), serves, place.prefix() + "/", patience);
            if (serves) {
                served.accept(store.port());
            }
            Told told = new Told(new AtomicBoolean(), new AtomicBoolean());
            peers =
                    new Peers(
                            place.rank(),
                            place.size(),
                            local,
                            silence(settings.timeout()),
                            loss -> end(loss, told, grace(settings.timeout()), ending));
            List<Address> all = meet(place, store, own(local, peers.port()), patience, early);
            peers.connect(
                    other -> all.get(other).socket(), other -> all.get(other).name(), patience);
            Gloo gloo =
                    new Gloo(
                            store,
                            place.rank(),
                            place.size(),
                            local.getHostAddress(),
                            patience,
                            HUNG);
            int here = (int) all.stream().filter(each -> each.isAt(local)).count();
            joined = new C10d(place, here, settings.timeout(), store, peers, gloo, told);
            joined.barrier();
            return joined;
        } catch (RuntimeException failure) {
            if (joined != null) {
                joined.close();
            } else {
                if (peers != null) {
                    peers.close();
                }
                if (store != null) {
                    store.close();
                }
            }
            if (!(failure instanceof IllegalStateException
                    || failure instanceof UncheckedIOException)) {
                throw failure;
            }
            throw new UserError(
                    "rank %d of %d must meet the others at %s port %d, got %s\nhint: --interface names this machine's way to them, --rank-timeout gives them more time"
                            .formatted(
                                    place.rank(),
                                    place.size(),
                                    place.host(),
                                    place.port(),
                                    failure.getMessage()),
                    failure);
        }
    }

    /// Others end within the time-out, so a loss must be noticed before.
    private static Duration silence(Duration timeout) {
        return timeout.multipliedBy(7).dividedBy(10);
    }

    private static Duration grace(Duration timeout) {
        Duration tenth = timeout.dividedBy(10);
        return tenth.compareTo(MOST_GRACE) < 0 ? tenth : MOST_GRACE;
    }

    /// Gives the caller time to come to an exchange and end by itself, and then ends the process.
    private static void end(RankLost loss, Told told, Duration grace, Ending ending) {
        Thread.ofPlatform()
                .daemon()
                .name("cleave-rank-ends")
                .start(() -> {
                    sleep(grace);
                    if (!told.left().get() && told.caller().compareAndSet(false, true)) {
                        ending.end(loss);
                        return;
                    }
                    sleep(grace);
                    if (!told.left().get()) {
                        ending.end(null);
                    }
                });
    }

    private static void sleep(Duration time) {
        try {
            Thread.sleep(time);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static Address own(InetAddress local, int port) {
        return new Address(
                new InetSocketAddress(local, port),
                "process %d at %s"
                        .formatted(ProcessHandle.current().pid(), local.getHostAddress()));
    }

    private static List<Address> meet(
            Place place,
            RankStore store,
            Address own,
            Duration patience,
            Supplier<Optional<String>> early) {
        store.set("rank-" + place.rank(), own.word());
        List<Address> all = new ArrayList<>();
        long end = System.nanoTime() + patience.toNanos();
        while (all.size() < place.size()) {
            Optional<String> word = store.find("rank-" + all.size());
            if (word.isPresent()) {
                all.add(Address.of(word.get()));
                continue;
            }
            Optional<String> failure = early.get();
            if (failure.isPresent()) {
                throw new IllegalStateException(failure.get());
            }
            if (System.nanoTime() > end) {
                throw new IllegalStateException(
                        "no rank %d within %s s".formatted(all.size(), patience.toMillis() / 1e3));
            }
            sleep(LOOK);
        }
        return all;
    }

    /// The address that others reach this machine at.
    private static InetAddress address(Place place, Optional<String> network) {
        try {
            if (network.isPresent()) {
                return address(network.get());
            }
            InetAddress first = InetAddress.getByName(place.host());
            if (first.isLoopbackAddress()) {
                return first;
            }
            try (DatagramSocket way = new DatagramSocket()) { // chooses a way, sends nothing
                way.connect(first, place.port());
                return way.getLocalAddress();
            }
        } catch (UnknownHostException unknown) {
            throw new UserError(
                    "host of rank 0 must be known, got %s\nhint: MASTER_ADDR names it"
                            .formatted(place.host()),
                    unknown);
        } catch (SocketException | UncheckedIOException none) {
            throw new UserError(
                    "rank 0 must be reachable at %s, got %s"
                            .formatted(place.host(), none.getMessage()),
                    none);
        }
    }

    private static InetAddress address(String network) throws SocketException {
        @Nullable NetworkInterface named = NetworkInterface.getByName(network);
        try {
            if (named == null) {
                return InetAddress.getByName(network);
            }
        } catch (UnknownHostException unknown) {
            throw new UserError(
                    "network interface must be one of this machine, got %s\nhint: they are %s"
                            .formatted(
                                    network,
                                    NetworkInterface.networkInterfaces()
                                            .map(NetworkInterface::getName)
                                            .sorted()
                                            .toList()),
                    unknown);
        }
        List<InetAddress> addresses = Collections.list(named.getInetAddresses());
        return addresses.stream()
                .filter(Inet4Address.class::isInstance)
                .findFirst()
                .or(() -> addresses.stream().findFirst())
                .orElseThrow(() ->
                        new UserError(
                                "network interface must have an address, got none (%s)"
                                        .formatted(network)));
    }

    @Override
    public int rank() {
        return place.rank();
    }

    @Override
    public int size() {
        return place.size();
    }

    @Override
    public int here() {
        return here;
    }

    @Override
    public void sumInPlace(Tensor tensor) {
        bytes += tensor.nbytes();
        exchange(() -> gloo.sumInPlace(tensor, this::check));
    }

    @Override
    public Begun beginSum(Tensor tensor) {
        check();
        bytes += tensor.nbytes();
        Gloo.Begun begun = gloo.beginSum(tensor);
        pending++;
        return () -> {
            pending--;
            exchange(() -> begun.end(this::check));
        };
    }

    @Override
    public double[] sum(double... numbers) {
        return numbers(numbers, this::sumInPlace);
    }

    @Override
    public double[] max(double... numbers) {
        return numbers(
                numbers,
                tensor -> {
                    bytes += tensor.nbytes();
                    exchange(() -> gloo.maxInPlace(tensor, this::check));
                });
    }

    @Override
    public double[][] gather(double... numbers) {
        double[] all = new double[place.size() * numbers.length];
        System.arraycopy(numbers, 0, all, place.rank() * numbers.length, numbers.length);
        double[] sum = sum(all); // of one number and zeros
        double[][] rows = new double[place.size()][];
        for (int other = 0; other < rows.length; other++) {
            int from = other * numbers.length;
            rows[other] = Arrays.copyOfRange(sum, from, from + numbers.length);
        }
        return rows;
    }

    private static double[] numbers(double[] numbers, Consumer<Tensor> exchange) {
        if (numbers.length == 0) {
            return numbers;
        }
        return Scopes.run(() -> {
            Tensor tensor = Tensors.of(numbers, Type.DOUBLE, numbers.length);
            exchange.accept(tensor);
            return Tensors.toDoubles(tensor);
        });
    }

    @Override
    public boolean any(boolean here) {
        return max(here ? 1 : 0)[0] > 0;
    }

    @Override
    public void barrier() {
        sum(0);
    }

    private void check() {
        Optional<RankLost> loss = peers.loss();
        if (loss.isPresent()) {
            throw told(loss.get());
        }
    }

    private RankLost told(RankLost loss) {
        told.caller().set(true);
        return loss;
    }

    private void exchange(Runnable exchange) {
        check();
        try {
            pending++;
            exchange.run();
            pending--;
        } catch (IllegalStateException broken) {
            // The exchange may break before it is known whose end broke it.
            throw told(
                    peers.awaitLoss(timeout.multipliedBy(8).dividedBy(10))
                            .orElseGet(() ->
                                    new RankLost(
                                            "an exchange of rank %d of %d with another broke: %s"
                                                    .formatted(
                                                            place.rank(),
                                                            place.size(),
                                                            broken.getMessage()))));
        }
    }

    @Override
    public long bytes() {
        return bytes;
    }

    @Override
    public void failed(String reason) {
        if (peers.loss().isEmpty()) {
            peers.fail(reason);
        }
    }

    @Override
    public void close() {
        told.left().set(true);
        peers.close();
        if (pending == 0) { // else it ends with the process alone
            gloo.close();
            store.close();
        }
    }
}
