package cleave.run;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Checked;
import cleave.config.ConfigFile;
import cleave.config.Default;
import cleave.config.Keys;
import cleave.config.NotEmpty;
import cleave.config.Problem;
import cleave.config.Problems;
import cleave.config.Range;
import cleave.config.UserError;
import cleave.data.TextData;
import cleave.model.LanguageModel;
import cleave.model.ModelSpec;
import cleave.model.Site;
import cleave.schedule.Schedule;
import cleave.tensor.Arithmetic;
import cleave.training.Adam;
import cleave.training.Disturbance;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/// The configuration of a target model's training (`docs/reference/run-files.md`).
///
/// @param model kind and sizes
/// @param data the text it is trained on; the task that its kind was made for when absent
/// @param seed of initial weights and examples
/// @param steps length of training
/// @param batch sequences per step
/// @param curriculum lengths of the sequences over training; the last stage ends at 1
/// @param learningRate by step
/// @param adam settings of the optimiser
/// @param disturbances what is done to sites while the model is trained
/// @param workers threads that compute slices
/// @param slice sequences per slice
/// @param arithmetic which of the processor's instructions are used
/// @param evaluationSequences fresh sequences on which the card's figure is measured
public record TargetFile(
        ModelSpec model,
        Optional<TextData> data,
        @Default("0") long seed,
        @AtLeast(1) long steps,
        @AtLeast(1) int batch,
        @NotEmpty List<Stage> curriculum,
        @AtLeast(0) Schedule learningRate,
        @Default("{}") Adam.Settings adam,
        @Default("[]") List<Disturbance> disturbances,
        @AtLeast(1) @Default("2") int workers,
        @AtLeast(1) @Default("32") int slice,
        @Default("fast") Arithmetic arithmetic,
        @AtLeast(1) @Default("100000") int evaluationSequences)
        implements Checked {

    /// A stretch of training at one length.
    ///
    /// @param length of the sequences
    /// @param until share of the steps at which the stage ends
    public record Stage(@AtLeast(1) int length, @Range(min = 0, max = 1) @Above(0) double until) {}

    /// Reads a configuration and applies the `key.path=value` settings; a relative file of data
    /// starts at the configuration's folder.
    ///
    /// @throws UserError when the file cannot be read, or with every problem in it
    public static TargetFile read(Path config, List<String> settings) {
        return read(config, settings, _ -> {});
    }

    /// The same.
    ///
    /// @param notes is told of every name in the file that is another one today
    public static TargetFile read(Path config, List<String> settings, Consumer<Problem> notes) {
        TargetFile file = ConfigFile.read(config, settings, TargetFile.class, notes);
        Path folder = config.toAbsolutePath().resolveSibling("");
        return new TargetFile(
                file.model,
                file.data.map(data -> data.startingAt(folder)),
                file.seed,
                file.steps,
                file.batch,
                file.curriculum,
                file.learningRate,
                file.adam,
                file.disturbances,
                file.workers,
                file.slice,
                file.arithmetic,
                file.evaluationSequences);
    }

    @Override
    public void check(Problems problems) {
        checkDisturbances(problems);
        data.ifPresent(text -> checkData(text, problems));
        double before = 0;
        for (int i = 0; i < curriculum.size(); i++) {
            Stage stage = curriculum.get(i);
            String at = "curriculum[%d]".formatted(i);
            if (stage.until() <= before) {
                problems.add(
                        at + ".until",
                        "must be > %s, the stage before, got %s".formatted(before, stage.until()));
            }
            if (stage.length() > model.length()) {
                problems.add(
                        at + ".length",
                        "must be <= model.length, got %d > %d"
                                .formatted(stage.length(), model.length()));
            }
            if (stage.length() < model.shortest()) {
                problems.add(
                        at + ".length",
                        "must be >= %d for this kind of model, got %d"
                                .formatted(model.shortest(), stage.length()));
            }
            before = stage.until();
        }
        int longest = curriculum.stream().mapToInt(Stage::length).max().orElse(1);
        LeastMemory.checkPositions("batch", batch, longest, problems);
        if (before != 1) {
            problems.add(
                    "curriculum[%d].until".formatted(curriculum.size() - 1),
                    "must be 1 for the last stage, got " + before);
        }
    }

    private void checkDisturbances(Problems problems) {
        for (int i = 0; i < disturbances.size(); i++) {
            RunFile.checkPattern(
                    disturbances.get(i).pattern(),
                    "disturbances[%d].pattern".formatted(i),
                    problems);
        }
    }

    /// What is done to each of these sites.
    ///
    /// @throws UserError when a pattern selects none of them, or two select one
    Map<String, Disturbance> disturbancesOf(List<Site> sites) {
        Map<String, Disturbance> bySite = new TreeMap<>();
        for (Disturbance disturbance : disturbances) {
            List<String> names =
                    sites.stream()
                            .filter(site -> RunFile.matches(disturbance.pattern(), site))
                            .map(Site::name)
                            .toList();
            if (names.isEmpty()) {
                throw new UserError(
                        "disturbances: pattern must select a site of the model, got %s\nhint: its sites are %s"
                                .formatted(
                                        disturbance.pattern(),
                                        sites.stream().map(Site::name).toList()));
            }
            for (String name : names) {
                if (bySite.put(name, disturbance) != null) {
                    throw new UserError(
                            "disturbances: site %s must be selected by one pattern, got %s"
                                    .formatted(
                                            name,
                                            disturbances.stream()
                                                    .map(Disturbance::pattern)
                                                    .toList()));
                }
            }
        }
        return bySite;
    }

    private void checkData(TextData text, Problems problems) {
        if (!(model instanceof LanguageModel)) {
            problems.add("data", "must be absent for a model that is no language model, got one");
        }
        if (text instanceof TextData.Prompts) {
            problems.add("data.kind", "must be %s to train on, got prompts".formatted(trainable()));
        }
    }

    /// The kinds of data but prompts, which do not say what follows them, as in `a, b or c`.
    private static String trainable() {
        List<String> kinds =
                Keys.of(TargetFile.class).stream()
                        .filter(key -> key.path().equals("data.kind"))
                        .flatMap(key -> key.allowed().stream())
                        .filter(kind -> !kind.equals("prompts"))
                        .toList();
        int last = kinds.size() - 1;
        return String.join(", ", kinds.subList(0, last)) + " or " + kinds.get(last);
    }

    /// The length of the sequences at a step.
    int lengthAt(long step) {
        double progress = (double) step / steps;
        return curriculum.stream()
                .filter(stage -> progress < stage.until())
                .findFirst()
                .orElse(curriculum.getLast())
                .length();
    }
}
