package cleave.study.sports;

import cleave.analysis.TextRun;
import cleave.bench.Plan;
import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.hub.Model;
import cleave.model.Sentence;
import cleave.report.Report;
import cleave.run.RunDirectory;
import cleave.run.RunFile;
import cleave.study.sports.SportsReport.OnTop;
import cleave.tensor.AtomicFile;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave sports`: decomposes a language model on what it knows about two athletes, and finds,
/// suppresses and checks the pieces of each answer.
@Command(
        name = "sports",
        description =
                "Find the pieces behind golf and basketball, or facts of your own, in a language"
                        + " model.")
final class SportsCommand implements Callable<Integer> {
    private static final double PLAN_WARM_UP = 10; // seconds

    /// Texts of the training on which the finding measures what a piece costs.
    private static final int TEXTS = 10;

    private static final List<String> TRAINING =
            List.of("--plan", "--subjects", "--phrasing", "--run", "--seed", "--set", "--resume");

    @Parameters(
            paramLabel = "MODEL",
            arity = "0..1",
            description =
                    "Folder of the model, a GGUF file, or hf:organisation/name[@revision]; left out"
                            + " with --from.")
    private @Nullable Path place;

    @Option(
            names = "--from",
            paramLabel = "RUN",
            description =
                    "Take a run that is there, and only find, suppress and check; its first stream"
                            + " must hold the prompts. Other subjects are asked in its phrasing"
                            + " alone.")
    private @Nullable Path from;

    @Option(
            names = "--questions",
            paramLabel = "FILE",
            description =
                    "Facts of your own: a JSON object with subject, prompt and answer on each line."
                            + " Several lines about a subject are its phrasings.")
    private @Nullable Path questions;

    @Option(
            names = "--subjects",
            paramLabel = "NAME,NAME",
            description =
                    "Whom to decompose on. Default: Kobe Bryant and Tiger Woods, or the first two of"
                            + " --questions with different answers.")
    private @Nullable String subjects;

    @Option(
            names = "--phrasing",
            paramLabel = "N",
            description =
                    "Number of the phrasing to train on. Default: the one in which the model knows"
                            + " the subjects best.")
    private @Nullable Integer phrasing;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "5",
            description = "Suppress at most N pieces for a subject. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            description = "Run directory. Default: runs/ and the model's name, with -sports.")
    private @Nullable Path directory;

    @Option(names = "--resume", description = "Continue the run in DIR from its last checkpoint.")
    private boolean resume;

    @Option(names = "--seed", paramLabel = "N", description = "Same as --set seed=N.")
    private @Nullable Long seed;

    @Option(
            names = "--set",
            paramLabel = "KEY.PATH=VALUE",
            description = "Set a key of the recipe (docs/reference/run-files.md); may be repeated.")
    private List<String> settings = List.of();

    @Option(
            names = "--plan",
            description =
                    "Only say what the model knows, and what memory, time and disk the run will"
                            + " need; nothing is written.")
    private boolean plan;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        if ((from == null) == (place == null)) {
            throw new UserError(
                    "either MODEL or --from must be given, got "
                            + (from == null ? "neither" : "both"));
        }
        if (from != null) {
            requireNothingOfTraining();
        }
        if (top < 1) {
            throw new UserError("--top must be >= 1, got " + top);
        }
        Path file = questions;
        SportsTable table = SportsTable.shipped();
        Catalogue catalogue = file == null ? Catalogue.athletes(table) : Catalogue.file(file);
        if (from != null) {
            report(from, table, catalogue, null);
            return 0;
        }
        return decompose(table, catalogue);
    }

    /// With a run that is there nothing is trained, so that what decides a training is refused.
    private void requireNothingOfTraining() {
        List<String> given =
                command.commandLine().getParseResult().matchedOptions().stream()
                        .map(option -> option.longestName())
                        .filter(TRAINING::contains)
                        .toList();
        if (!given.isEmpty()) {
            throw new UserError(
                    "options beside --from must not be about training, got "
                            + String.join(", ", given));
        }
    }

    private int decompose(SportsTable table, Catalogue catalogue) throws IOException {
        Path model = Objects.requireNonNull(place);
        List<String> chosen = subjects == null ? catalogue.usual() : catalogue.named(subjects);
        Path run = directory == null ? defaultDirectory(model) : directory;
        if (!plan && !resume) {
            RunDirectory.requireUnused(run);
        }
        Knowledge knowledge;
        Recipe recipe;
        try (Model loaded = Model.load(model, Type.FLOAT)) {
            Tokenizer tokenizer =
                    loaded.tokenizer()
                            .orElseThrow(() ->
                                    new UserError(
                                            "model must have a tokenizer, got none (%s)"
                                                    .formatted(model)));
            knowledge = Knowledge.of(loaded.target(), tokenizer, catalogue);
            json.text().println(knowledge.text(chosen));
            json.text().flush();
            List<Question> prompts = prompts(knowledge, chosen);
            recipe =
                    Recipe.write(
                            Files.createTempDirectory("cleave-sports"),
                            loaded.place().toAbsolutePath(),
                            loaded.target(),
                            tokenizer,
                            prompts,
                            own());
        }
        PrintWriter err = command.commandLine().getErr();
        RunFile file;
        try {
            if (plan) {
                return plan(recipe, run);
            }
            recipe.read(err::println); // refuses before anything is written beside the run
            file = recipe.in(run.resolveSibling(run.getFileName() + "-questions")).read(_ -> {});
        } finally {
            recipe.delete();
        }
        if (!finished(run, file)
                && !Decomposing.run(file, run, Optional.empty(), resume, command)) {
            return 0;
        }
        report(run, table, catalogue, knowledge);
        return 0;
    }

    /// Whether `--resume` finds nothing left to do.
    private boolean finished(Path run, RunFile file) {
        if (!resume || !Files.exists(run)) {
            return false;
        }
        try (TextRun opened = TextRun.open(run)) {
            return opened.loaded().checkpoint().step() >= file.steps();
        } catch (UserError notYet) {
            return false;
        }
    }

    private List<String> own() {
        List<String> own = new ArrayList<>(settings);
        if (seed != null) {
            own.add("seed=" + seed);
        }
        return own;
    }

    /// The prompts to train on.
    private List<Question> prompts(Knowledge knowledge, List<String> chosen) {
        Integer given = phrasing;
        int count = knowledge.catalogue().phrasings().size();
        if (given != null && (given < 0 || given >= count)) {
            throw new UserError("--phrasing must be in 0..%d, got %d".formatted(count - 1, given));
        }
        int number = given == null ? knowledge.best(chosen) : given;
        List<Question> prompts = new ArrayList<>();
        for (String subject : chosen) {
            prompts.add(
                    knowledge
                            .catalogue()
                            .question(subject, number)
                            .orElseThrow(() ->
                                    new UserError(
                                            "--phrasing must be one of each subject's, got %d, which %s has not"
                                                    .formatted(number, subject))));
            knowledge
                    .reply(subject, number)
                    .filter(reply -> !reply.onTop())
                    .ifPresent(reply ->
                            command.commandLine()
                                    .getErr()
                                    .println(
                                            "note: the model's first answer about %s is another one; the right one has rank %d"
                                                    .formatted(subject, reply.rank())));
        }
        json.text()
                .println(
                        "prompts: "
                                + String.join(
                                        "; ",
                                        prompts.stream()
                                                .map(each ->
                                                        each.prompt().replace("\n", " / ")
                                                                + " ->"
                                                                + each.answer())
                                                .toList()));
        return prompts;
    }

    private static Path defaultDirectory(Path model) {
        Path name = model.toAbsolutePath().normalize().getFileName();
        String text = name == null ? "model" : name.toString().replaceFirst("\\.gguf$", "");
        return Path.of("runs", text + "-sports");
    }

    private int plan(Recipe recipe, Path run) {
        PrintWriter err = command.commandLine().getErr();
        Plan found = Plan.of(recipe.config(), recipe.settings(), run, PLAN_WARM_UP, err::println);
        if (json.enabled()) {
            json.print(found);
        } else {
            Plan.Time time = found.time();
            json.text()
                    .println(
                            String.format(
                                    Locale.ROOT,
                                    "memory  %.0f MiB of the machine's %.0f%ntime    %s%ndisk    %.0f MiB of %.0f free",
                                    found.memory().predictedMib(),
                                    found.memory().machineMib(),
                                    time == null
                                            ? "not measured"
                                            : String.format(
                                                    Locale.ROOT,
                                                    "%.0f min for %d steps of %.2f s, and some minutes for finding and checking",
                                                    time.seconds() / 60,
                                                    time.steps(),
                                                    time.ms() / 1000),
                                    found.disk().neededMib(),
                                    found.disk().freeMib()));
            found.problems().forEach(problem -> json.text().println("problem: " + problem));
        }
        return found.problems().isEmpty() ? 0 : CommandLine.ExitCode.USAGE;
    }

    /// Finds, suppresses and checks, and writes and prints the report.
    ///
    /// @param asked what the model knows, where it was asked already
    private void report(Path run, SportsTable table, Catalogue catalogue, @Nullable Knowledge asked)
            throws IOException {
        try (TextRun opened = TextRun.open(run)) {
            SportsReport report =
                    Objects.requireNonNull(
                            Scopes.run(() ->
                                    Scopes.withoutGradient(
                                            () -> found(opened, run, table, catalogue, asked))));
            if (json.enabled()) {
                json.print(report);
            } else {
                json.text().print(SportsText.of(report));
                json.text().println("run: " + run);
            }
            if (!opened.loaded().directory().isExported()) {
                AtomicFile.write(
                        opened.loaded().directory().path().resolve(SportsStudy.FILE),
                        Report.json(report) + "\n");
            }
        }
    }

    private SportsReport found(
            TextRun opened,
            Path run,
            SportsTable table,
            Catalogue catalogue,
            @Nullable Knowledge asked) {
        Decomposition decomposition = opened.loaded().decomposition();
        Tokenizer tokenizer = opened.tokenizer();
        SequencedMap<String, Question> prompts = trained(opened, run, catalogue);
        int trained = prompts.firstEntry().getValue().phrasing();
        Knowledge knowledge =
                asked == null
                        ? Knowledge.of(
                                decomposition.target(),
                                tokenizer,
                                catalogue,
                                each ->
                                        each.phrasing() == trained
                                                || prompts.containsKey(each.subject()))
                        : asked;
        Map<String, Sentence> sentences = new LinkedHashMap<>();
        prompts.forEach((subject, prompt) -> sentences.put(subject, prompt.sentence(tokenizer)));
        List<Sentence> texts =
                Evidence.texts("trained.txt", tokenizer, decomposition.target().maximumLength());
        int apart = Math.max(1, texts.size() / TEXTS);
        Finder finder =
                new Finder(
                        decomposition,
                        sentences,
                        IntStream.range(0, Math.min(TEXTS, texts.size()))
                                .mapToObj(i -> texts.get(i * apart))
                                .toList(),
                        top);
        Evidence evidence =
                new Evidence(decomposition, tokenizer, table, knowledge, prompts, finder);
        SequencedMap<String, SubjectReport> reports = new LinkedHashMap<>();
        for (String subject : prompts.keySet()) {
            SubjectReport report = evidence.of(subject);
            reports.put(subject, report);
            PrintWriter err = command.commandLine().getErr();
            err.println("%s: %s".formatted(subject, report.sentence()));
            err.flush();
        }
        int[] phrasings =
                asked == null
                        ? new int[] {trained}
                        : IntStream.range(0, catalogue.phrasings().size()).toArray();
        return new SportsReport(
                opened.loaded().targetName(),
                run.toString(),
                opened.loaded().checkpoint().step(),
                opened.loaded().file().seed(),
                catalogue.phrasings().get(trained),
                finder.used().size(),
                decomposition.sites().stream().mapToInt(site -> site.count()).sum(),
                Arrays.stream(phrasings)
                        .mapToObj(i -> new OnTop(catalogue.phrasings().get(i), knowledge.onTop(i)))
                        .toList(),
                knowledge.known(),
                reports);
    }

    /// The questions that a run was trained on, by subject.
    private static SequencedMap<String, Question> trained(
            TextRun opened, Path run, Catalogue catalogue) {
        SequencedMap<String, Question> prompts = new LinkedHashMap<>();
        for (String prompt : Recipe.prompts(opened.loaded().file())) {
            Question question =
                    catalogue
                            .asked(prompt)
                            .orElseThrow(() ->
                                    new UserError(
                                            "run must be trained on the questions asked, got another prompt: %s (%s)\nhint: give the file of its questions by --questions"
                                                    .formatted(prompt, run)));
            prompts.put(question.subject(), question);
        }
        Set<String> topics = new HashSet<>();
        prompts.values().forEach(each -> topics.add(each.topic()));
        if (topics.size() < 2) {
            throw new UserError(
                    "run must be trained on two subjects with different answers, got %d (%s)"
                            .formatted(topics.size(), run));
        }
        return prompts;
    }
}
