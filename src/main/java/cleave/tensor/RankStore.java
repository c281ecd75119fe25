package cleave.tensor;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.ByteVector;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.TCPStore;
import org.bytedeco.pytorch.TCPStoreOptions;

/// Words under names that the processes of one job share, for finding each other: one of them
/// serves, all others ask it (c10d's `TCPStore`).
public final class RankStore implements AutoCloseable {
    private final TCPStore server;
    private final Store own; // the server's words under our own prefix

    private RankStore(TCPStore server, Store own) {
        this.server = server;
        this.own = own;
    }

    /// Opens a store.
    ///
    /// @param host of the process that serves
    /// @param port of that process; 0 lets the system choose one, for a process that serves
    /// @param serves whether this process is the one
    /// @param prefix of all names, so that two jobs at one server do not meet
    /// @param timeout how long the server is waited for
    /// @throws IllegalStateException when the server cannot be reached in time, or the port is
    ///   taken
    public static RankStore open(
            String host, int port, boolean serves, String prefix, Duration timeout) {
        NativeRuntime.start();
        try (PointerScope _ = new PointerScope()) {
            TCPStoreOptions options =
                    new TCPStoreOptions()
                            .port((short) port)
                            .isServer(serves)
                            .waitWorkers(false)
                            .timeout(new Milliseconds(timeout.toMillis()));
            TCPStore server = new TCPStore(host, options);
            PrefixStore own = new PrefixStore(prefix, server);
            server.retainReference();
            own.retainReference();
            return new RankStore(server, own);
        } catch (RuntimeException failure) {
            throw new IllegalStateException(
                    "%s port %d: %s".formatted(host, port, Gloo.firstLine(failure)), failure);
        }
    }

    /// The port that the server listens at.
    public int port() {
        return Short.toUnsignedInt(server.getPort());
    }

    /// Puts a word under a name.
    ///
    /// @throws IllegalStateException when the server is gone
    public void set(String name, String word) {
        try (PointerScope _ = new PointerScope()) {
            own.set(name, new ByteVector(word.getBytes(StandardCharsets.UTF_8)));
        } catch (RuntimeException failure) {
            throw new IllegalStateException(Gloo.firstLine(failure), failure);
        }
    }

    /// The word under a name, if there is one by now.
    ///
    /// @throws IllegalStateException when the server is gone
    public Optional<String> find(String name) {
        try (PointerScope _ = new PointerScope()) {
            if (!own.check(new StringVector(new BytePointer(name)))) {
                return Optional.empty();
            }
            return Optional.of(new String(own.get(name).get(), StandardCharsets.UTF_8));
        } catch (RuntimeException failure) {
            throw new IllegalStateException(Gloo.firstLine(failure), failure);
        }
    }

    Store raw() {
        return own;
    }

    /// Leaves the store; the process that serves ends it for all.
    @Override
    public void close() {
        own.releaseReference();
        server.releaseReference();
    }
}
