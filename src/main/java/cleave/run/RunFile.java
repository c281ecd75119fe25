package cleave.run;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Binder;
import cleave.config.Checked;
import cleave.config.ConfigFile;
import cleave.config.Default;
import cleave.config.NotEmpty;
import cleave.config.Problem;
import cleave.config.Problems;
import cleave.config.UserError;
import cleave.data.TextData;
import cleave.decomposition.BatchInputs;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.SiteInputs;
import cleave.decomposition.Twins;
import cleave.engine.Products;
import cleave.hub.Model;
import cleave.hub.WeightStorage;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.mask.WeightDelta;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.schedule.Schedule;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Arithmetic;
import cleave.tensor.AtomicFile;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Tensor;
import cleave.text.Tokenizer;
import cleave.training.Adam;
import cleave.training.Stream;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// The configuration of a decomposition (`docs/reference/run-files.md`).
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
/// @param twins when one of two subcomponents that are on together takes over; never when absent
/// @param machine what changes rounding and speed, never the method
/// @param cadence what happens how often
public record RunFile(
        @NotEmpty String target,
        @Default("0") long seed,
        @AtLeast(1) long steps,
        @NotEmpty List<SitePattern> sites,
        @Default("aligned") Subcomponents.Start start,
        Optional<Trainer.Warmup> warmup,
        ImportanceFunction importance,
        @Default("sign_gated") Leak leak,
        @Default("{}") Faithfulness faithfulness,
        @NotEmpty List<StreamFile> streams,
        Optimizer optimizer,
        Optional<Compaction.Settings> compaction,
        Optional<Twins.Settings> twins,
        @Default("{}") Machine machine,
        @Default("{}") Cadence cadence)
        implements Checked {

    private static final Pattern BLOCK = Pattern.compile("(^|\\.)\\d+(?=\\.)");
    private static final String POSITIONS =
            "\nhint: rows of a table of positions are the same for every text, so it is no site; the token embedding is, as embed";

    /// Sites by name and their number of subcomponents.
    ///
    /// @param pattern a glob such as `[QKV]0`, `h.*.mlp.c_fc` or `blocks.*.mlp.in`; it may match
    ///   any name of a site
    /// @param subcomponents C of each
    public record SitePattern(@NotEmpty String pattern, @AtLeast(1) int subcomponents) {}

    /// Examples of one kind.
    ///
    /// @param name keys the draws of its examples
    /// @param length of the sequences
    /// @param batch sequences per step
    /// @param data the text they are; the task that the target was made for when absent
    /// @param weightDelta how much of the weight delta stays
    /// @param losses the terms on these examples
    public record StreamFile(
            @NotEmpty String name,
            Optional<TextData> data,
            @AtLeast(1) int length,
            @AtLeast(1) int batch,
            @Default("none") WeightDelta weightDelta,
            @NotEmpty List<LossTerm> losses) {
        private StreamFile withData(Optional<TextData> other) {
            return new StreamFile(name, other, length, batch, weightDelta, losses);
        }
    }

    /// How gradients become updates.
    ///
    /// @param learningRate of U, V and gates
    /// @param subcomponentRate factor on that of U and V; 1 when absent
    /// @param adam settings of Adam
    /// @param clipSubcomponents largest gradient norm of U and V
    /// @param clipGates largest gradient norm of the gates
    public record Optimizer(
            @AtLeast(0) Schedule learningRate,
            @AtLeast(0) Optional<Double> subcomponentRate,
            @Default("{}") Adam.Settings adam,
            @Above(0) Optional<Double> clipSubcomponents,
            @Above(0) Optional<Double> clipGates) {}

    /// The type numbers are computed in.
    public enum Precision {
        /// 32-bit.
        FLOAT32,
        /// 64-bit.
        FLOAT64,
        /// 32-bit, with large products in bfloat16: a good deal faster on processors with
        /// instructions for it.
        BFLOAT16;

        /// How large products are multiplied; who asks closes them.
        Products products() {
            return this == BFLOAT16 ? Products.bfloat16() : Products.EXACT;
        }
    }

    /// What changes rounding and speed, never the method.
    ///
    /// @param workers threads that compute slices
    /// @param slice sequences per slice
    /// @param precision of all numbers
    /// @param arithmetic which of the processor's instructions are used
    /// @param weights how the target's stay in memory
    public record Machine(
            @AtLeast(1) @AtMost(256) @Default("2") int workers,
            @AtLeast(1) @Default("16") int slice,
            @Default("float32") Precision precision,
            @Default("fast") Arithmetic arithmetic,
            @Default("full") WeightStorage weights)
            implements Checked {
        @Override
        public void check(Problems problems) {
            if (arithmetic == Arithmetic.PORTABLE && precision == Precision.BFLOAT16) {
                problems.add(
                        "precision",
                        "must be float32 or float64 with portable arithmetic, got bfloat16, whose"
                                + " products differ between processors");
            }
            if (weights == WeightStorage.BFLOAT16 && precision == Precision.FLOAT64) {
                problems.add(
                        "weights",
                        "must be full with precision float64, got bfloat16, which keeps 8 bits of a"
                                + " number");
            }
        }

        /// Loads libtorch for this arithmetic, before the first tensor.
        public void start() {
            NativeRuntime.start(arithmetic);
        }
    }

    /// What happens how often.
    ///
    /// @param log steps between lines of metrics
    /// @param checkpoint steps between checkpoints
    public record Cadence(
            @AtLeast(1) @Default("100") long log, @AtLeast(1) @Default("1000") long checkpoint) {}

    /// Reads a configuration and applies the `key.path=value` settings; a relative target becomes
    /// absolute, starting at the file's folder.
    ///
    /// @throws UserError when the file cannot be read, or with every problem in it
    public static RunFile read(Path config, List<String> settings) {
        return read(config, settings, _ -> {});
    }

    /// The same.
    ///
    /// @param notes is told of every name in the file that is another one today
    public static RunFile read(Path config, List<String> settings, Consumer<Problem> notes) {
        return ConfigFile.read(config, settings, RunFile.class, notes)
                .withTargetFrom(config.toAbsolutePath().resolveSibling(""));
    }

    /// Reads the text of a configuration whose paths are absolute.
    ///
    /// @throws UserError with every problem in it
    static RunFile parse(String text) {
        return Binder.read("configuration", text, List.of(), RunFile.class);
    }

    /// The same with a relative target and relative files of data made absolute, starting at
    /// `folder`.
    public RunFile withTargetFrom(Path folder) {
        return withTargetAndStreams(
                folder.resolve(target).normalize().toString(),
                streams.stream()
                        .map(stream ->
                                stream.withData(stream.data().map(data -> data.startingAt(folder))))
                        .toList());
    }

    private RunFile withTargetAndStreams(String otherTarget, List<StreamFile> otherStreams) {
        return new RunFile(
                otherTarget,
                seed,
                steps,
                sites,
                start,
                warmup,
                importance,
                leak,
                faithfulness,
                otherStreams,
                optimizer,
                compaction,
                twins,
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
        if (twins.isPresent() && leak == Leak.PLAIN) {
            problems.add(
                    "twins",
                    "must be absent with leak plain, whose importances go below 0 instead of staying there, got some");
        }
        if (twins.isPresent() && importance instanceof Mlp) {
            problems.add(
                    "twins",
                    "must be absent with importance mlp, whose gates read what a handover changes, got some");
        }
        Set<String> names = new HashSet<>();
        for (int i = 0; i < streams.size(); i++) {
            StreamFile stream = streams.get(i);
            String at = "streams[%d]".formatted(i);
            if (!names.add(stream.name())) {
                problems.add(
                        at + ".name", "must differ from the other streams', got " + stream.name());
            }
            LeastMemory.checkPositions(at + ".batch", stream.batch(), stream.length(), problems);
            if (stream.length() > importance.maximumLength()) {
                problems.add(
                        at + ".length",
                        "must be <= importance.positions, got %d > %d"
                                .formatted(stream.length(), importance.maximumLength()));
            }
        }
    }

    /// Refuses a text that is no glob.
    static void checkPattern(String pattern, String at, Problems problems) {
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

    /// How many numbers U, V and gates of these sites are.
    public long parameters(List<DecomposedSite> sites) {
        return Decomposition.shapes(sites, importance).values().stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum();
    }

    /// Whether a pattern names a table of positions: of a language model's matrices the one that is
    /// no site.
    private static boolean isTable(SitePattern pattern, Target model) {
        return model.weights().entrySet().stream()
                .filter(named -> named.getValue().ndimension() == 2)
                .map(Map.Entry::getKey)
                .filter(name -> name.endsWith(".weight"))
                .anyMatch(name ->
                        (pattern.pattern() + ".weight").matches(".*\\b" + Pattern.quote(name)));
    }

    /// The sites of a target that the patterns select, in the target's order.
    ///
    /// @throws UserError naming every pattern that selects nothing and every site selected twice
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
                        "sites: pattern must select a site of the target, got %s\nhint: its sites are %s%s"
                                .formatted(
                                        each.pattern(),
                                        model.sites().stream()
                                                .map(site -> BLOCK.matcher(site.name()))
                                                .map(name -> name.replaceAll("$1*"))
                                                .distinct()
                                                .toList(),
                                        isTable(each, model) ? POSITIONS : ""));
            }
        }
        problems.addAll(overlaps(selected));
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return List.copyOf(selected);
    }

    private static List<String> overlaps(List<DecomposedSite> selected) {
        List<String> problems = new ArrayList<>();
        for (DecomposedSite each : selected) {
            List<String> others =
                    selected.stream()
                            .map(DecomposedSite::site)
                            .filter(other -> !other.equals(each.site()) && each.site().holds(other))
                            .map(Site::name)
                            .toList();
            if (!others.isEmpty()) {
                problems.add(
                        "site %s must be selected whole or by its parts, got both: %s"
                                .formatted(each.name(), others));
            }
        }
        return problems;
    }

    private static boolean matches(SitePattern pattern, Site site) {
        return matches(pattern.pattern(), site);
    }

    /// Whether a glob is for one of a site's names.
    static boolean matches(String pattern, Site site) {
        PathMatcher matcher = matcher(pattern);
        return site.names().stream().anyMatch(name -> matcher.matches(Path.of(name)));
    }

    /// Checks what only the target can tell: sequence lengths, and data in its tokens.
    ///
    /// @throws UserError naming every stream that does not fit
    void checkAgainst(Model model) {
        List<String> problems = new ArrayList<>();
        if (twins.isPresent()
                && sitesOf(model.target()).stream().anyMatch(s -> s.site().tiedTo().isPresent())) {
            problems.add("twins must be absent where sites are tied, got some");
        }
        if (start.readsInputs()
                && sitesOf(model.target()).stream().anyMatch(s -> s.site().readsTokens())) {
            problems.add(
                    "start must be aligned or kaiming where the token embedding is decomposed, which reads no numbers, got "
                            + start.name().toLowerCase(Locale.ROOT));
        }
        for (StreamFile stream : streams) {
            if (stream.length() > model.spec().length()) {
                problems.add(
                        "stream %s: length must be <= %d, the target's, got %d"
                                .formatted(stream.name(), model.spec().length(), stream.length()));
                continue;
            }
            try {
                task(stream, stream.name(), model);
            } catch (UserError | IllegalArgumentException refused) {
                problems.add("stream %s: %s".formatted(stream.name(), refused.getMessage()));
            }
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
    }

    /// The streams on a model.
    private List<Stream> streamsOn(Model model) {
        return streams.stream()
                .map(stream ->
                        new Stream(
                                task(stream, stream.name(), model),
                                stream.batch(),
                                stream.weightDelta(),
                                stream.losses()))
                .toList();
    }

    /// What the decomposition is looked at with: the first stream's kind of examples, keyed apart
    /// from training.
    Task evaluation(Model model) {
        return task(streams.getFirst(), "evaluation", model);
    }

    private static Task task(StreamFile stream, String name, Model model) {
        if (stream.data().isEmpty()) {
            return model.spec().task(name, stream.length());
        }
        Tokenizer tokenizer =
                model.tokenizer()
                        .orElseThrow(() ->
                                new UserError(
                                        "target of a stream with data must have a tokenizer, got none (%s)"
                                                .formatted(model.weights().resolveSibling(""))));
        return stream.data().get().task(name, tokenizer, stream.length());
    }

    /// What decides the course of training.
    Trainer.Method method(Model model) {
        return new Trainer.Method(
                seed,
                steps,
                faithfulness,
                streamsOn(model),
                optimizer.learningRate(),
                optimizer.subcomponentRate().orElse(1.0),
                optimizer.adam(),
                optimizer.clipSubcomponents(),
                optimizer.clipGates());
    }

    /// What subcomponents and gates that start at inputs are given: those of the first stream,
    /// whose data is read for them alone.
    Function<Site, Tensor> startInputs(Model model) {
        if (!start.readsInputs() && !importance.startsAtInputs()) {
            return site -> {
                throw new IllegalStateException("no inputs are read for " + site.name());
            };
        }
        StreamFile first = streams.getFirst();
        Task examples = task(first, first.name(), model);
        return start == Subcomponents.Start.INPUTS
                ? new SiteInputs(model.target(), examples, seed)
                : new BatchInputs(model.target(), examples, seed, first.batch());
    }

    /// Copies the files that streams read to a folder.
    void copyData(Path folder) throws IOException {
        for (int i = 0; i < streams.size(); i++) {
            Optional<String> file = streams.get(i).data().flatMap(TextData::file);
            if (file.isPresent()) {
                Files.createDirectories(folder);
                AtomicFile.write(
                        folder.resolve(dataName(i)), Files.readAllBytes(Path.of(file.get())));
            }
        }
    }

    /// The same with the files that were copied to a folder in the place of those they are copies
    /// of.
    RunFile withDataIn(Path folder) {
        List<StreamFile> own = new ArrayList<>();
        for (int i = 0; i < streams.size(); i++) {
            StreamFile stream = streams.get(i);
            Path copy = folder.resolve(dataName(i)).toAbsolutePath();
            own.add(
                    Files.isRegularFile(copy)
                            ? stream.withData(stream.data().map(data -> data.at(copy.toString())))
                            : stream);
        }
        return withTargetAndStreams(target, own);
    }

    /// The same with a run's own copies of the target and of the files that streams read, by paths
    /// that start at the run's folder.
    ///
    /// @param copy folder of the target's copy, within the run's
    /// @param data folder of the files' copies, within the run's
    RunFile withCopies(String copy, String data) {
        List<StreamFile> own = new ArrayList<>();
        for (int i = 0; i < streams.size(); i++) {
            String file = data + "/" + dataName(i);
            own.add(streams.get(i).withData(streams.get(i).data().map(of -> of.at(file))));
        }
        return withTargetAndStreams(copy, own);
    }

    private static String dataName(int stream) {
        return "stream-%d".formatted(stream);
    }
}
