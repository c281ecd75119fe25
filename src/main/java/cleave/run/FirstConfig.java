package cleave.run;

import cleave.config.UserError;
import cleave.data.TextData;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.hub.Hub;
import cleave.hub.Model;
import cleave.model.LanguageModel;
import cleave.model.Sentence;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Type;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Predicate;

/// A configuration to begin with: all of a model's matrices, or those of its middle block where all
/// would take too much memory, with sizes for this model and what each key is about.
public final class FirstConfig {
    private static final int SMALL = 64; // ranks below it get two subcomponents for each
    private static final int MOST = 512; // subcomponents of a matrix
    private static final int LONGEST = 64; // tokens of a row without prompts
    private static final int ROWS = 16;
    private static final int EXAMPLES = 1024; // of a model of values
    private static final double SHARE = 0.125; // of the machine's memory

    private final Model model;
    private final String target;
    private final Optional<TextData> data;
    private final Optional<Path> prompts;

    FirstConfig(Model model, String target, Optional<Path> prompts) {
        this.model = model;
        this.target = target;
        this.prompts = prompts;
        this.data = prompts.map(FirstConfig::data);
    }

    /// The text of a configuration.
    ///
    /// @param place of the model: a folder, a GGUF file or a name on the hub
    /// @param prompts a file of lines, or of JSON Lines where its name says so
    /// @throws UserError when the model or the prompts cannot be read, or do not fit each other
    public static String of(Path place, Optional<Path> prompts) {
        String target =
                Hub.isName(place)
                        ? place.toString()
                        : place.toAbsolutePath().normalize().toString();
        try (Model model = Model.load(place, Type.FLOAT)) {
            return new FirstConfig(model, target, prompts).text();
        }
    }

    private static TextData data(Path file) {
        String path = file.toAbsolutePath().normalize().toString();
        if (!path.endsWith(".jsonl")) {
            return new TextData.Prompts(path, LossesAt.LAST);
        }
        TextData all = new TextData.Jsonl(path, LossesAt.ALL);
        return all.pieces().stream().allMatch(piece -> !piece.answer().isEmpty())
                ? new TextData.Jsonl(path, LossesAt.ANSWER)
                : all;
    }

    private String text() {
        List<Site> whole =
                model.target().sites().stream()
                        .filter(site -> !site.readsTokens() && !isHead(site))
                        .filter(site ->
                                model.target().sites().stream()
                                        .noneMatch(
                                                other -> !other.equals(site) && other.holds(site)))
                        .toList();
        int length = length();
        int blocks = whole.stream().mapToInt(Site::block).max().orElse(0) + 1;
        String all = text(whole, length, "every matrix of the blocks");
        if (fits(all)) {
            return all;
        }
        Predicate<Site> middle = site -> site.block() == blocks / 2;
        return text(
                whole.stream().filter(middle).toList(),
                length,
                "the matrices of the middle block; all %d blocks at once would take too much memory here"
                        .formatted(blocks));
    }

    /// The output layer is as wide as the vocabulary, and the token embedding where the two are
    /// tied.
    private boolean isHead(Site site) {
        return model.spec() instanceof LanguageModel language
                && site.stored().tensor().equals(language.headWeight());
    }

    private boolean fits(String text) {
        RunFile file = RunFile.parse(text);
        List<DecomposedSite> sites = file.sitesOf(model.target());
        return LeastMemory.of(file, sites).total() <= SHARE * LeastMemory.machine();
    }

    int length() {
        int longest = model.spec().length();
        if (data.isEmpty()) {
            return model.spec() instanceof LanguageModel ? Math.min(LONGEST, longest) : longest;
        }
        Tokenizer tokenizer =
                model.tokenizer()
                        .orElseThrow(() ->
                                new UserError(
                                        "--prompts must come with a model that has a tokenizer, got none (%s)"
                                                .formatted(target)));
        List<Sentence> sentences = data.get().sentences(tokenizer, longest);
        return sentences.stream()
                .mapToInt(sentence -> TextTask.used(sentence, data.get().losses()))
                .max()
                .orElseThrow();
    }

    /// As many as the matrix has rank, for each is of rank one, and more for small ones.
    private static int subcomponents(Site site) {
        long rank = Math.min(site.dIn(), site.dOut());
        return Math.clamp(rank < SMALL ? 2 * rank : rank, 4, MOST);
    }

    /// Sites that differ in their block's number alone share a pattern.
    private static String sites(List<Site> sites) {
        SequencedMap<String, Integer> counts = new LinkedHashMap<>();
        boolean one = sites.stream().mapToInt(Site::block).distinct().count() == 1;
        for (Site site : sites) {
            String pattern =
                    one ? site.name() : site.name().replaceAll("(?<=^|\\.)\\d+(?=\\.|$)", "*");
            counts.merge(pattern, subcomponents(site), Math::max);
        }
        StringBuilder text = new StringBuilder();
        counts.forEach((pattern, count) ->
                text.append(
                        "  - {pattern: %s, subcomponents: %d}\n"
                                .formatted(quoted(pattern), count)));
        return text.toString();
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    private String text(List<Site> sites, int length, String which) {
        boolean values = model.target().outputs() == Target.Outputs.VALUES;
        return String.format(
                Locale.ROOT,
                """
                # A first decomposition, made by `cleave init`. All keys: docs/reference/run-files.md.
                #   cleave decompose THIS --plan    says what it takes
                #   cleave decompose THIS           runs it; then `cleave verdict` and `cleave report`
                target: %s
                seed: 0
                # A first look; results that are to be believed need more.
                steps: 2000
                # The sites: %s. As many subcomponents as a matrix has rank, up to %d.
                sites:
                %s# The importance function: which subcomponents matter at a position.
                importance: %s
                # How much U and V must add up to the weights by themselves.
                faithfulness: {coefficient: 1.0, relative: true}
                streams:
                  - name: train
                %s    # Tokens of a row, and rows of a step.
                    length: %d
                    batch: %d
                    losses:
                      # The output must stay under random masks and under the importances themselves.
                      - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all}
                      - {kind: reconstruction, coefficient: 0.5, masks: importance, routing: all}
                      # As few subcomponents as possible. Higher: fewer, and worse reconstruction.
                      - kind: importance_minimality
                        coefficient: 1.0e-2
                        p: {kind: linear, from: 1.0, to: 0.4}
                optimizer:
                  learning_rate: {kind: quarter_cosine, from: 2.0e-3, to: 0.0}
                # Threads, and rows that are computed at a time: less memory with a smaller slice.
                machine: {workers: %d, slice: %d}
                cadence: {log: 20, checkpoint: 500}
                """,
                quoted(target),
                which,
                MOST,
                sites(sites),
                values
                        ? "{kind: mlp, hidden: 16}"
                        : "{kind: sequence, hidden: 8, head_width: 16, positions: %d}"
                                .formatted(length),
                data(),
                length,
                values ? EXAMPLES : ROWS,
                Math.clamp(Runtime.getRuntime().availableProcessors(), 1, 8),
                values ? EXAMPLES / 2 : ROWS / 2);
    }

    String data() {
        if (data.isPresent()) {
            String path = quoted(prompts.orElseThrow().toAbsolutePath().normalize().toString());
            return switch (data.get()) {
                case TextData.Jsonl jsonl ->
                        "    data: {kind: jsonl, path: %s, losses: %s}\n"
                                .formatted(path, jsonl.losses().name().toLowerCase(Locale.ROOT));
                default ->
                        "    # Outputs are compared at the end of each prompt.\n    data: {kind: prompts, path: %s, losses: last}\n"
                                .formatted(path);
            };
        }
        return model.spec() instanceof LanguageModel
                ? "    # Random tokens; name prompts or text of your own for a decomposition that means something.\n    # data: {kind: prompts, path: prompts.txt, losses: last}\n"
                : "    # The task that this kind of model was made for.\n";
    }
}
