package cleave.study.sports;

import cleave.analysis.SubcomponentId;
import cleave.analysis.TextRun;
import cleave.bench.Plan;
import cleave.command.Decomposing;
import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.hub.Model;
import cleave.model.Sentence;
import cleave.model.Target;
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

    /// Texts of the training on which finding measures what a piece costs.
    private static final int TEXTS = 8;

    /// Prompts about others, and about other things, on which finding measures the same.
    private static final int BESIDE = 12;

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
            names = "--evidence",
            paramLabel = "AMOUNT",
            defaultValue = "usual",
            description =
                    "usual, or full: also singular directions, neurons and heads, and a fitted edit"
                            + " in the place of the pieces, the pieces in --other-seed, and what"
                            + " each does in tokens; some tens of minutes more.")
    private String amount = "usual";

    @Option(
            names = "--other-seed",
            paramLabel = "RUN",
            description =
                    "With --evidence full: a run of another seed, in which the pieces are looked"
                            + " for; may be repeated.")
    private List<Path> otherSeeds = List.of();

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
        if (!amount.equals("usual") && !amount.equals("full")) {
            throw new UserError("--evidence must be usual or full, got " + amount);
        }
        if (!otherSeeds.isEmpty() && !amount.equals("full")) {
            throw new UserError("--other-seed must have --evidence full, got usual");
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
        double questionSeconds = 0;
        double evidenceSeconds = 0;
        try (Model loaded = Model.load(model, Type.FLOAT)) {
            Tokenizer tokenizer =
                    loaded.tokenizer()
                            .orElseThrow(() ->
                                    new UserError(
                                            "model must have a tokenizer, got none (%s)"
                                                    .formatted(model)));
            say("asking the model %d questions".formatted(catalogue.questions().size()));
            long began = System.nanoTime();
            knowledge = Knowledge.of(loaded.target(), tokenizer, catalogue);
            questionSeconds = (System.nanoTime() - began) / 1e9;
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
            if (plan) {
                evidenceSeconds =
                        questionSeconds * evidence(loaded.target(), tokenizer, catalogue, prompts);
            }
        }
        RunFile file;
        try {
            if (plan) {
                return plan(recipe, run, questionSeconds, evidenceSeconds);
            }
            recipe.read(this::say); // refuses before anything is written beside the run
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

    /// Finding and evidence, in times of what asking all questions took.
    private static double evidence(
            Target target, Tokenizer tokenizer, Catalogue catalogue, List<Question> prompts) {
        Map<String, Sentence> sentences = new LinkedHashMap<>();
        prompts.forEach(each -> sentences.put(each.subject(), each.sentence(tokenizer)));
        int phrasing = prompts.getFirst().phrasing();
        int longest = target.maximumLength();
        Choosing choosing = choosing(target, tokenizer, catalogue, sentences, phrasing);
        long heldOut =
                Evidence.texts(SportsTable.lines("held-out.txt"), tokenizer, longest).stream()
                        .mapToLong(each -> each.tokens().size())
                        .sum();
        long asked =
                catalogue.questions().stream()
                        .mapToLong(each -> tokenizer.encode(each.prompt()).length)
                        .sum();
        double tokens =
                SportsPlan.tokens(
                        (long) Recipe.COUNT * target.sites().size(),
                        choosing,
                        catalogue.questions().stream()
                                .filter(each -> each.phrasing() == phrasing)
                                .toList(),
                        heldOut,
                        tokenizer);
        return tokens / asked;
    }

    private int plan(Recipe recipe, Path run, double questionSeconds, double evidenceSeconds) {
        PrintWriter err = command.commandLine().getErr();
        SportsPlan found =
                new SportsPlan(
                        Plan.of(
                                recipe.config(),
                                recipe.settings(),
                                run,
                                PLAN_WARM_UP,
                                err::println),
                        questionSeconds,
                        evidenceSeconds);
        if (json.enabled()) {
            json.print(found);
        } else {
            json.text().println(found.text());
            found.training()
                    .problems()
                    .forEach(problem -> json.text().println("problem: " + problem));
        }
        return found.training().problems().isEmpty() ? 0 : CommandLine.ExitCode.USAGE;
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
        Choosing choosing =
                choosing(decomposition.target(), tokenizer, catalogue, sentences, trained);
        Finder finder = new Finder(decomposition, choosing, top);
        Evidence evidence =
                new Evidence(
                        decomposition,
                        tokenizer,
                        table,
                        knowledge,
                        prompts,
                        Set.copyOf(catalogue.others(prompts.keySet(), trained)),
                        finder);
        SequencedMap<String, SubjectReport> reports = new LinkedHashMap<>();
        for (String subject : prompts.keySet()) {
            SubjectReport report = evidence.of(subject);
            reports.put(subject, report);
            say("%s: %s".formatted(subject, report.sentence()));
        }
        if (amount.equals("full")) {
            full(opened, choosing, evidence, reports);
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

    private void say(String line) {
        PrintWriter err = command.commandLine().getErr();
        err.println(line);
        err.flush();
    }

    /// Adds to each report what takes long.
    private void full(
            TextRun opened,
            Choosing choosing,
            Evidence evidence,
            SequencedMap<String, SubjectReport> reports) {
        Decomposition decomposition = opened.loaded().decomposition();
        List<TextRun> runs = new ArrayList<>();
        try {
            SequencedMap<String, Decomposition> others = new LinkedHashMap<>();
            for (Path each : otherSeeds) {
                TextRun other = TextRun.open(each);
                runs.add(other);
                Decomposition theirs = other.loaded().decomposition();
                if (!theirs.sites().stream()
                        .map(Decomposition.DecomposedSite::name)
                        .toList()
                        .equals(
                                decomposition.sites().stream()
                                        .map(Decomposition.DecomposedSite::name)
                                        .toList())) {
                    throw new UserError(
                            "--other-seed must have the same sites as the run, got others (%s)"
                                    .formatted(each));
                }
                others.put(each.toString(), theirs);
            }
            FullEvidence full =
                    new FullEvidence(
                            decomposition,
                            opened.loaded().model().spec(),
                            opened.tokenizer(),
                            choosing,
                            evidence,
                            others,
                            this::say);
            reports.replaceAll((subject, report) ->
                    report.with(
                            full.of(
                                    subject,
                                    SubcomponentId.parse(
                                            String.join(",", report.pieceIds()), decomposition))));
        } finally {
            runs.forEach(TextRun::close);
        }
    }

    /// What finding looks at beside the subjects' prompts.
    private static Choosing choosing(
            Target target,
            Tokenizer tokenizer,
            Catalogue catalogue,
            Map<String, Sentence> prompts,
            int phrasing) {
        int longest = target.maximumLength();
        return Choosing.of(
                target,
                prompts,
                some(
                        Evidence.texts(
                                catalogue.others(prompts.keySet(), phrasing), tokenizer, longest),
                        BESIDE),
                some(Evidence.texts(catalogue.lines(), tokenizer, longest), BESIDE),
                some(Evidence.texts(SportsTable.lines("trained.txt"), tokenizer, longest), TEXTS));
    }

    /// At most `most` of a list, evenly from all of it.
    private static List<Sentence> some(List<Sentence> all, int most) {
        int count = Math.min(most, all.size());
        return IntStream.range(0, count).mapToObj(i -> all.get(i * all.size() / count)).toList();
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
