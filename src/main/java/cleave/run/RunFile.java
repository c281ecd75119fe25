package cleave.run;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Checked;
import cleave.config.NotEmpty;
import cleave.config.Problems;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.mask.WeightDelta;
import cleave.schedule.Schedule;
import cleave.subcomponent.Subcomponents;
import cleave.target.Site;
import cleave.target.Target;
import cleave.training.Adam;
import cleave.training.Stream;
import cleave.training.Trainer;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.PatternSyntaxException;

/// The configuration of a decomposition (`docs/run-files.md`).
///
/// @param target folder of the target model; a relative path starts at the configuration file
/// @param seed of every draw
/// @param steps length of the run
/// @param sites which sites are decomposed, and into how many subcomponents
/// @param start how U and V start
/// @param warmup steps on faithfulness alone before step 0
/// @param importance the function that predicts causal importances
/// @param leak of the lower sigmoid
/// @param faithfulness the loss term without data
/// @param streams examples and their loss terms
/// @param optimizer how gradients become updates
/// @param compaction when dead subcomponents are merged; never when absent
/// @param machine what changes rounding and speed, never the method
/// @param cadence what happens how often
public record RunFile(
        @NotEmpty String target,
        long seed,
        @AtLeast(1) long steps,
        @NotEmpty List<SitePattern> sites,
        Subcomponents.Start start,
        Optional<Trainer.Warmup> warmup,
        ImportanceFunction importance,
        Leak leak,
        Faithfulness faithfulness,
        @NotEmpty List<StreamFile> streams,
        Optimizer optimizer,
        Optional<Compaction.Settings> compaction,
        Machine machine,
        Cadence cadence)
        implements Checked {

    /// Sites by name and their number of subcomponents.
    ///
    /// @param pattern a glob such as `[QKV]0` or `h.*.mlp.c_fc`
    /// @param subcomponents C of each
    public record SitePattern(@NotEmpty String pattern, @AtLeast(1) int subcomponents) {}

    /// Examples of one kind.
    ///
    /// @param name keys the draws of its examples
    /// @param length of the sequences
    /// @param batch sequences per step
    /// @param weightDelta how much of the weight delta stays
    /// @param losses the terms on these examples
    public record StreamFile(
            @NotEmpty String name,
            @AtLeast(1) int length,
            @AtLeast(1) int batch,
            WeightDelta weightDelta,
            @NotEmpty List<LossTerm> losses) {}

    /// How gradients become updates.
    ///
    /// @param learningRate of U, V and gates
    /// @param adam settings of Adam
    /// @param clipSubcomponents largest gradient norm of U and V
    /// @param clipGates largest gradient norm of the gates
    public record Optimizer(
            @AtLeast(0) Schedule learningRate,
            Adam.Settings adam,
            @Above(0) Optional<Double> clipSubcomponents,
            @Above(0) Optional<Double> clipGates) {}

    /// The type numbers are computed in.
    public enum Precision {
        /// 32-bit.
        FLOAT32,
        /// 64-bit.
        FLOAT64
    }

    /// What changes rounding and speed, never the method.
    ///
    /// @param workers threads that compute slices
    /// @param slice sequences per slice
    /// @param precision of all numbers
    public record Machine(
            @AtLeast(1) @AtMost(256) int workers, @AtLeast(1) int slice, Precision precision) {}

    /// What happens how often.
    ///
    /// @param log steps between lines of metrics
    /// @param checkpoint steps between checkpoints
    public record Cadence(@AtLeast(1) long log, @AtLeast(1) long checkpoint) {}

    /// Reads a configuration and applies the `key.path=value` settings; a relative target becomes
    /// absolute, starting at the file's folder.
    ///
    /// @throws IllegalArgumentException when the file cannot be read, or with every problem in it
    public static RunFile read(Path config, List<String> settings) {
        return ConfigFile.read(config, settings, RunFile.class)
                .withTargetFrom(config.toAbsolutePath().resolveSibling(""));
    }

    /// The same with a relative target made absolute, starting at `folder`.
    public RunFile withTargetFrom(Path folder) {
        return new RunFile(
                folder.resolve(target).normalize().toString(),
                seed,
                steps,
                sites,
                start,
                warmup,
                importance,
                leak,
                faithfulness,
                streams,
                optimizer,
                compaction,
                machine,
                cadence);
    }

    @Override
    public void check(Problems problems) {
        for (int i = 0; i < sites.size(); i++) {
            checkPattern(sites.get(i).pattern(), "sites[%d].pattern".formatted(i), problems);
        }
        if (compaction.isPresent() && leak == Leak.PLAIN) {
            problems.add(
                    "compaction",
                    "must be absent with leak plain, whose importances go below 0 instead of staying there, got one");
        }
        Set<String> names = new HashSet<>();
        for (int i = 0; i < streams.size(); i++) {
            StreamFile stream = streams.get(i);
            String at = "streams[%d]".formatted(i);
            if (!names.add(stream.name())) {
                problems.add(
                        at + ".name", "must differ from the other streams', got " + stream.name());
            }
            if (stream.length() > importance.maximumLength()) {
                problems.add(
                        at + ".length",
                        "must be <= importance.positions, got %d > %d"
                                .formatted(stream.length(), importance.maximumLength()));
            }
        }
    }

    private static void checkPattern(String pattern, String at, Problems problems) {
        try {
            matcher(pattern);
        } catch (PatternSyntaxException malformed) {
            problems.add(
                    at,
                    "must be a glob, got %s: %s".formatted(pattern, malformed.getDescription()));
        }
    }

    private static PathMatcher matcher(String pattern) {
        return FileSystems.getDefault().getPathMatcher("glob:" + pattern);
    }

    /// The sites of a target that the patterns select, in the target's order.
    ///
    /// @throws IllegalArgumentException naming every pattern that selects nothing and every site
    ///   selected twice
    public List<DecomposedSite> sitesOf(Target model) {
        List<String> problems = new ArrayList<>();
        List<DecomposedSite> selected = new ArrayList<>();
        Set<String> matched = new HashSet<>();
        for (Site site : model.sites()) {
            List<SitePattern> patterns =
                    sites.stream().filter(each -> matches(each, site)).toList();
            patterns.forEach(each -> matched.add(each.pattern()));
            if (patterns.size() > 1) {
                problems.add(
                        "site %s must be selected by one pattern, got %s"
                                .formatted(
                                        site.name(),
                                        patterns.stream().map(SitePattern::pattern).toList()));
            }
            if (!patterns.isEmpty()) {
                selected.add(new DecomposedSite(site, patterns.getFirst().subcomponents()));
            }
        }
        for (SitePattern each : sites) {
            if (!matched.contains(each.pattern())) {
                problems.add(
                        "sites: pattern must select a site of the target, got %s\nhint: its sites are %s"
                                .formatted(
                                        each.pattern(),
                                        model.sites().stream().map(Site::name).toList()));
            }
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", problems));
        }
        return List.copyOf(selected);
    }

    private static boolean matches(SitePattern pattern, Site site) {
        return matcher(pattern.pattern()).matches(Path.of(site.name()));
    }

    /// Checks what only the target can tell: sequence lengths.
    ///
    /// @throws IllegalArgumentException naming every stream that does not fit
    void checkAgainst(ModelSpec model) {
        List<String> problems = new ArrayList<>();
        for (StreamFile stream : streams) {
            if (stream.length() > model.length()) {
                problems.add(
                        "stream %s: length must be <= %d, the target's, got %d"
                                .formatted(stream.name(), model.length(), stream.length()));
                continue;
            }
            try {
                model.task(stream.name(), stream.length());
            } catch (IllegalArgumentException refused) {
                problems.add("stream %s: %s".formatted(stream.name(), refused.getMessage()));
            }
        }
        if (!problems.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", problems));
        }
    }

    /// The streams on a model's task.
    List<Stream> streamsOn(ModelSpec model) {
        return streams.stream()
                .map(stream ->
                        new Stream(
                                model.task(stream.name(), stream.length()),
                                stream.batch(),
                                stream.weightDelta(),
                                stream.losses()))
                .toList();
    }

    /// What decides the course of training.
    Trainer.Method method(ModelSpec model) {
        return new Trainer.Method(
                seed,
                steps,
                faithfulness,
                streamsOn(model),
                optimizer.learningRate(),
                optimizer.adam(),
                optimizer.clipSubcomponents(),
                optimizer.clipGates());
    }
}
