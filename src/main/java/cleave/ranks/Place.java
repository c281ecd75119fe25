package cleave.ranks;

import cleave.config.UserError;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which rank this process is, of how many, and where rank 0 is to be met.
///
/// @param rank from 0
/// @param size how many ranks there are
/// @param host of rank 0
/// @param port at which rank 0 is met
/// @param prefix keeps apart jobs that meet at one place
/// @param served whether another program serves at that port already
/// @param launched whether a rank 0 of this program started this one
public record Place(
        int rank,
        int size,
        String host,
        int port,
        String prefix,
        boolean served,
        boolean launched) {
    /// Names the rank 0 that started this rank, by its process number.
    static final String LAUNCHED = "CLEAVE_LAUNCHED_BY";

    /// What says that a process is a rank.
    private static final Set<String> SAYS =
            Set.of("RANK", "WORLD_SIZE", "LOCAL_RANK", "SLURM_PROCID", LAUNCHED);

    /// The first node of a list such as `gpu[003-007,9],login`.
    private static final Pattern FIRST_NODE =
            Pattern.compile("([^,\\[]+)(?:\\[([^,\\-\\]]+).*)?.*");

    private static final String OWN_PREFIX = "cleave/run/0"; // of ranks that rank 0 started

    private static final int FIRST_PORT = 20_000;
    private static final int PORTS = 20_000;
    private static final int HIGHEST_PORT = 65_535;

    /// What the starter of this process says in its environment: torchrun and what follows its ways
    /// (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`), or srun (`SLURM_PROCID` and others).
    /// Empty where it says nothing, and where it says that this is the only process.
    ///
    /// @throws UserError when it says something, but not all
    public static Optional<Place> in(Map<String, String> environment) {
        if (environment.containsKey("RANK") && environment.containsKey("WORLD_SIZE")) {
            return severalOf(torchrun(environment));
        }
        if (environment.containsKey("SLURM_STEP_NUM_TASKS")
                && environment.containsKey("SLURM_PROCID")) {
            return severalOf(slurm(environment));
        }
        return Optional.empty();
    }

    private static Optional<Place> severalOf(Place place) {
        if (place.rank < 0 || place.rank >= place.size) {
            throw new UserError(
                    "rank must be >= 0 and below the number of ranks, %d, got %d"
                            .formatted(place.size, place.rank));
        }
        return place.size == 1 ? Optional.empty() : Optional.of(place);
    }

    private static Place torchrun(Map<String, String> environment) {
        int size = number("WORLD_SIZE", environment);
        boolean launched = environment.containsKey(LAUNCHED);
        // What an outer torchrun says is not of the ranks that its one process started.
        boolean agent = !launched && "True".equals(environment.get("TORCHELASTIC_USE_AGENT_STORE"));
        return new Place(
                number("RANK", environment),
                size,
                size == 1 ? "" : word("MASTER_ADDR", environment),
                size == 1 ? 0 : port(environment),
                launched
                        ? OWN_PREFIX
                        : "cleave/%s/%s"
                                .formatted(
                                        environment.getOrDefault("TORCHELASTIC_RUN_ID", "run"),
                                        environment.getOrDefault(
                                                "TORCHELASTIC_RESTART_COUNT", "0")),
                agent,
                launched);
    }

    private static Place slurm(Map<String, String> environment) {
        String job = environment.getOrDefault("SLURM_JOB_ID", "0");
        String step = environment.getOrDefault("SLURM_STEP_ID", "0");
        @Nullable String host = environment.get("MASTER_ADDR");
        if (host == null) {
            @Nullable String nodes = environment.get("SLURM_STEP_NODELIST");
            host = firstNode(nodes == null ? word("SLURM_JOB_NODELIST", environment) : nodes);
        }
        int port =
                environment.containsKey("MASTER_PORT")
                        ? port(environment)
                        : FIRST_PORT + (int) (Long.parseLong(job) % PORTS);
        return new Place(
                number("SLURM_PROCID", environment),
                number("SLURM_STEP_NUM_TASKS", environment),
                host,
                port,
                "cleave/%s/%s".formatted(job, step),
                false,
                false);
    }

    static String firstNode(String nodes) {
        Matcher first = FIRST_NODE.matcher(nodes);
        if (!first.matches()) {
            throw new UserError("SLURM_JOB_NODELIST must be a list of nodes, got " + nodes);
        }
        return first.group(2) == null ? first.group(1) : first.group(1) + first.group(2);
    }

    private static int port(Map<String, String> environment) {
        int port = number("MASTER_PORT", environment);
        if (port < 1 || port > HIGHEST_PORT) {
            throw new UserError(
                    "MASTER_PORT must be >= 1 and <= %d, got %d".formatted(HIGHEST_PORT, port));
        }
        return port;
    }

    private static String word(String name, Map<String, String> environment) {
        @Nullable String word = environment.get(name);
        if (word == null || word.isBlank()) {
            throw new UserError(
                    "environment of a rank must hold %s, got none\nhint: torchrun sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; unset RANK for a run of one process"
                            .formatted(name));
        }
        return word;
    }

    private static int number(String name, Map<String, String> environment) {
        String word = word(name, environment);
        try {
            return Integer.parseInt(word.strip());
        } catch (NumberFormatException malformed) {
            throw new UserError("%s must be a whole number, got %s".formatted(name, word));
        }
    }

    /// The environment of a rank that this process starts beside itself.
    ///
    /// @param port that rank 0 serves at
    public static Map<String, String> launched(int rank, int size, int port) {
        return Map.of(
                "RANK",
                Integer.toString(rank),
                "WORLD_SIZE",
                Integer.toString(size),
                "MASTER_ADDR",
                "127.0.0.1",
                "MASTER_PORT",
                Integer.toString(port),
                LAUNCHED,
                Long.toString(ProcessHandle.current().pid()));
    }

    /// Makes the environment of a process that this one starts that of no rank, so that it computes
    /// by itself.
    public static void leave(Map<String, String> environment) {
        environment.keySet().removeAll(SAYS);
    }

    /// Rank 0 of several on this machine.
    ///
    /// @param port 0 for one that the system chooses
    public static Place first(int size, int port) {
        return new Place(0, size, "127.0.0.1", port, OWN_PREFIX, false, false);
    }
}
