package cleave.command;

import cleave.config.UserError;
import cleave.ranks.C10d;
import cleave.ranks.Exchange;
import cleave.ranks.Place;
import cleave.ranks.RankLost;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// How many processes compute together, and how they talk; used as a `@Mixin`.
public final class RankOptions {
    private static final String NETWORK = "GLOO_SOCKET_IFNAME";
    private static final double MOST_SECONDS = 86_400;

    @Option(
            names = "--ranks",
            paramLabel = "N",
            description =
                    "Compute with N processes on this machine, each with as many threads as one"
                            + " alone. Under torchrun, srun and the like their number is"
                            + " theirs (docs/scale.md).")
    private @Nullable Integer ranks;

    @Option(
            names = "--rank-timeout",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description =
                    "A rank that is killed, frozen or cut off ends the others within this time,"
                            + " with exit code 3. Default: ${DEFAULT-VALUE}.")
    private double timeout;

    @Option(
            names = "--interface",
            paramLabel = "NAME",
            description =
                    "Network interface, or address, that other ranks reach this one at. Default:"
                            + " that of $GLOO_SOCKET_IFNAME, else the way to rank 0.")
    private @Nullable String network;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    /// What is done with the other ranks.
    @FunctionalInterface
    public interface Work<T> {
        /// Computes with them.
        T with(Exchange exchange) throws IOException;
    }

    /// How many ranks there are to be.
    ///
    /// @throws UserError when the options and the environment do not fit together
    public int size() {
        Optional<Place> place = place();
        return place.map(Place::size).orElse(1);
    }

    /// How many ranks `--ranks` starts on this machine, this one among them; 1 without it.
    public int startedHere() {
        return ranks == null ? 1 : size();
    }

    /// Meets the other ranks, and starts them where the user asked for it; works with them, and
    /// leaves them. When the work fails they are told why.
    ///
    /// @param main the program, for those that are started
    /// @param start loads libtorch as the run asks for it, before ranks meet
    /// @param hint for the user of a rank whose others are lost: what is kept, and how to go on
    public <T> T run(Class<?> main, Runnable start, String hint, Work<T> work) throws IOException {
        Optional<Place> place = place();
        if (place.isEmpty()) {
            return work.with(Exchange.alone());
        }
        start.run();
        Duration patience = Duration.ofMillis(Math.round(1000 * timeout));
        try (LocalRanks children = new LocalRanks(patience)) {
            return with(place.get(), patience, main, children, hint, work);
        } catch (RankLost loss) {
            throw loss.with(hint);
        }
    }

    private <T> T with(
            Place place,
            Duration patience,
            Class<?> main,
            LocalRanks children,
            String hint,
            Work<T> work)
            throws IOException {
        boolean starts = ranks != null && !place.launched();
        try (Exchange exchange =
                C10d.join(
                        place,
                        new C10d.Settings(patience, network()),
                        port -> {
                            if (starts) {
                                children.start(place.size(), port, main, arguments());
                            }
                        },
                        children::ended,
                        loss -> end(loss, hint))) {
            try {
                return work.with(exchange);
            } catch (IOException | RuntimeException | Error failure) {
                exchange.failed(reason(failure));
                throw failure;
            }
        } catch (IOException | RuntimeException | Error failure) {
            children.failed();
            throw failure;
        }
    }

    private Optional<Place> place() {
        if (ranks != null && ranks < 1) {
            throw new UserError("--ranks must be >= 1, got " + ranks);
        }
        if (!(timeout >= 1 && timeout <= MOST_SECONDS)) {
            throw new UserError(
                    "--rank-timeout must be >= 1 and <= %.0f, got %s"
                            .formatted(MOST_SECONDS, timeout));
        }
        Optional<Place> given = Place.in(System.getenv());
        if (ranks == null || given.filter(Place::launched).isPresent()) {
            return given;
        }
        if (given.isPresent()) {
            throw new UserError(
                    "--ranks must be absent where another program starts the ranks, got --ranks %d in rank %d of %d\nhint: leave --ranks out"
                            .formatted(ranks, given.get().rank(), given.get().size()));
        }
        return ranks == 1 ? Optional.empty() : Optional.of(Place.first(ranks, 0));
    }

    private Optional<String> network() {
        return Optional.ofNullable(network)
                .or(() -> Optional.ofNullable(System.getenv(NETWORK)))
                .filter(name -> !name.isBlank());
    }

    private List<String> arguments() {
        return command.root().commandLine().getParseResult().originalArgs();
    }

    private static String reason(Throwable failure) {
        return failure instanceof RankLost
                ? "another rank is lost"
                : String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
    }

    /// Ends this process while it is busy.
    private void end(@Nullable RankLost loss, String hint) {
        if (loss != null) {
            PrintWriter err = command.commandLine().getErr();
            err.println(loss.with(hint).getMessage());
            err.flush();
        }
        Runtime.getRuntime().halt(RankLost.EXIT_CODE);
    }
}
