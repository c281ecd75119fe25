package cleave.run;

import cleave.config.InvalidConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// The settings of the command line that a run began with: its configuration is a file with these
/// changes, so that a resume knows them without being told again.
public final class RunSettings {
    private static final String SET = "--set";
    private static final String SEED = "--seed";

    private RunSettings() {}

    /// The `key.path=value` settings of a run's first session, in their order, and the number of
    /// steps that a later session gave it.
    ///
    /// @throws cleave.config.UserError when the folder holds no run, or none with provenance
    public static List<String> of(Path run) {
        List<Provenance.Session> sessions = Provenance.read(RunDirectory.open(run)).sessions();
        List<String> settings = of(sessions.getFirst().commandLine());
        for (Provenance.Session session : sessions) {
            if (session.lengthened() != null) {
                settings.add("steps=" + session.lengthened().to());
            }
        }
        return settings;
    }

    /// A run's own configuration with changes.
    ///
    /// @throws cleave.config.UserError when this version does not read it
    public static RunFile file(Path run, List<String> settings) {
        RunDirectory directory = RunDirectory.open(run);
        try {
            RunFile.read(directory.configFile(), List.of());
        } catch (InvalidConfig unknown) {
            throw LoadedRun.ofAnotherVersion(directory, unknown);
        }
        return RunFile.read(directory.configFile(), settings);
    }

    /// The settings among the arguments of a command, with `--seed N` as `seed=N`. A seed counts
    /// after all others.
    static List<String> of(List<String> arguments) {
        List<String> settings = new ArrayList<>();
        List<String> seeds = new ArrayList<>();
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            boolean more = i + 1 < arguments.size();
            if (argument.equals("--")) {
                break;
            } else if (argument.equals(SET) && more) {
                settings.add(arguments.get(++i));
            } else if (argument.equals(SEED) && more) {
                seeds.add("seed=" + arguments.get(++i));
            } else if (argument.startsWith(SET + "=")) {
                settings.add(argument.substring(SET.length() + 1));
            } else if (argument.startsWith(SEED + "=")) {
                seeds.add("seed=" + argument.substring(SEED.length() + 1));
            }
        }
        settings.addAll(seeds);
        return settings;
    }
}
