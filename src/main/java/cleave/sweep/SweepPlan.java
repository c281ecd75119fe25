package cleave.sweep;

import cleave.config.InvalidConfig;
import cleave.config.Problem;
import cleave.config.UserError;
import cleave.config.Variation;
import cleave.run.DecompositionRun;
import cleave.run.RunFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;

/// Which runs a sweep has, all of them checked.
///
/// @param config the configuration file
/// @param settings `key.path=value` for every run
/// @param variations the keys that are varied together
/// @param cells with every seed, which changes fastest: every combination of the varied keys'
///   values, of which the first key changes slowest, or the configuration as it is and with one
///   change at a time
public record SweepPlan(
        Path config, List<String> settings, List<Variation> variations, List<Cell> cells) {

    /// Keeps unmodifiable copies.
    public SweepPlan {
        settings = List.copyOf(settings);
        variations = List.copyOf(variations);
        cells = List.copyOf(cells);
    }

    /// Reads the configuration of every run, and checks it against its target.
    ///
    /// @param settings as of `--set`
    /// @param variations as of `--vary`: `key.path=a,b,c`
    /// @param ablations as of `--ablate`, of the same form; not together with variations
    /// @throws UserError with every problem of every run, each named once
    public static SweepPlan read(
            Path config,
            List<String> settings,
            List<String> variations,
            List<String> ablations,
            List<Long> seeds) {
        if (!variations.isEmpty() && !ablations.isEmpty()) {
            throw new UserError(
                    "--ablate must stand without --vary, got both\nhint: one sweep for each");
        }
        List<Variation> varied = variations(variations);
        SequencedSet<String> problems = new LinkedHashSet<>();
        List<Cell> cells = new ArrayList<>();
        for (SequencedMap<String, String> values :
                ablations.isEmpty() ? combinations(varied) : oneAtATime(ablations)) {
            for (long seed : seeds) {
                cell(config, settings, values, seed, problems).ifPresent(cells::add);
            }
        }
        if (problems.isEmpty()) {
            cells.stream()
                    .filter(cell -> cell.seed() == seeds.getFirst())
                    .forEach(cell -> checkTarget(cell.file(), problems));
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return new SweepPlan(config, settings, varied, cells);
    }

    private static List<Variation> variations(List<String> texts) {
        List<Variation> varied = parse("--vary", texts);
        for (int i = 0; i < varied.size(); i++) {
            String key = varied.get(i).key();
            for (int j = 0; j < varied.size(); j++) {
                if (i != j && varied.get(j).covers(key)) {
                    throw new UserError(
                            "--vary must name keys apart from each other, got %s and %s"
                                    .formatted(varied.get(j).key(), key));
                }
            }
        }
        return varied;
    }

    private static List<Variation> parse(String option, List<String> texts) {
        List<Variation> parsed = texts.stream().map(text -> Variation.parse(option, text)).toList();
        if (parsed.stream().anyMatch(variation -> variation.key().equals("seed"))) {
            throw new UserError(
                    option + " must name another key than seed, got seed\nhint: --seeds 0-4");
        }
        return parsed;
    }

    /// Nothing, and each value of each key by itself.
    private static List<SequencedMap<String, String>> oneAtATime(List<String> texts) {
        SequencedSet<SequencedMap<String, String>> changes = new LinkedHashSet<>();
        changes.add(new LinkedHashMap<>());
        for (Variation ablation : parse("--ablate", texts)) {
            for (String value : ablation.values()) {
                SequencedMap<String, String> change = new LinkedHashMap<>();
                change.put(ablation.key(), value);
                if (!changes.add(change)) {
                    throw new UserError(
                            "--ablate must name each change once, got %s=%s twice"
                                    .formatted(ablation.key(), value));
                }
            }
        }
        return List.copyOf(changes);
    }

    private static List<SequencedMap<String, String>> combinations(List<Variation> varied) {
        List<SequencedMap<String, String>> combinations = new ArrayList<>();
        combinations.add(new LinkedHashMap<>());
        for (Variation variation : varied) {
            List<SequencedMap<String, String>> longer = new ArrayList<>();
            for (SequencedMap<String, String> shorter : combinations) {
                for (String value : variation.values()) {
                    SequencedMap<String, String> more = new LinkedHashMap<>(shorter);
                    more.put(variation.key(), value);
                    longer.add(more);
                }
            }
            combinations = longer;
        }
        return combinations;
    }

    private static Optional<Cell> cell(
            Path config,
            List<String> settings,
            SequencedMap<String, String> values,
            long seed,
            SequencedSet<String> problems) {
        List<String> all = new ArrayList<>(settings);
        values.forEach((key, value) -> all.add(key + "=" + value));
        all.add("seed=" + seed);
        try {
            return Optional.of(new Cell(values, seed, RunFile.read(config, all)));
        } catch (InvalidConfig invalid) {
            invalid.problems().stream().map(Problem::toString).forEach(problems::add);
            return Optional.empty();
        }
    }

    private static void checkTarget(RunFile file, SequencedSet<String> problems) {
        try {
            DecompositionRun.check(file);
        } catch (UserError refused) {
            problems.add(String.valueOf(refused.getMessage()));
        }
    }

    /// The command that makes one of the runs by itself.
    ///
    /// @param directory of the run
    public String command(Cell cell, Path directory) {
        List<String> words = new ArrayList<>(List.of("bin/cleave", "decompose", config.toString()));
        List<String> all = new ArrayList<>(settings);
        all.addAll(cell.settings());
        all.forEach(setting -> words.addAll(List.of("--set", setting)));
        words.addAll(List.of("--seed", Long.toString(cell.seed()), "--run", directory.toString()));
        return ShellWords.join(words);
    }
}
