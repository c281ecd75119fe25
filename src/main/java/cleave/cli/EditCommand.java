package cleave.cli;

import cleave.analysis.EditReceipt;
import cleave.analysis.Redirection;
import cleave.analysis.SubcomponentId;
import cleave.analysis.TextRun;
import cleave.analysis.WeightEdit;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.hub.Model;
import cleave.model.LanguageModel;
import cleave.model.Site;
import cleave.run.LoadedRun;
import cleave.run.RunDirectory;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave edit`: a language model whose weights lack subcomponents, or hold more or less of them.
@Command(
        name = "edit",
        description =
                "Write a language model with subcomponents taken out of its weights, scaled, or writing"
                        + " another token.")
final class EditCommand implements Callable<Integer> {
    private static final int SEQUENCES = 64;

    @Parameters(paramLabel = "RUN", description = "Run directory, of a language model.")
    private Path run;

    @Option(
            names = "--suppress",
            paramLabel = "SITE:INDEX,...",
            description = "What to take out, such as h.0.mlp.c_fc:3,h.1.mlp.c_proj:17.")
    private @Nullable String suppress;

    @Option(
            names = "--scale",
            paramLabel = "SITE:INDEX=S,...",
            description = "What to scale, and by how much, such as h.0.mlp.c_fc:3=0.5.")
    private @Nullable String scale;

    @Option(
            names = "--replace",
            paramLabel = "SITE:INDEX=TOKEN",
            description =
                    "What is to write another token from now on, such as 'h.1.mlp.c_proj:3= tennis';"
                            + " may be repeated. Its site must write to the residual stream.")
    private List<String> replace = List.of();

    @Option(
            names = "--out",
            required = true,
            paramLabel = "DIR",
            description = "Folder of the edited model, new or empty.")
    private Path out = Path.of("");

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        if (suppress == null && scale == null && replace.isEmpty()) {
            throw new UserError("edit must have --suppress, --scale or --replace, got none");
        }
        requireEmpty(out);
        RunDirectory.requireOutsideRuns("--out", out);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            TextRun.requireLanguageModel(loaded, run);
            Decomposition decomposition = loaded.decomposition();
            SortedMap<SubcomponentId, Double> scales = scales(decomposition);
            SortedMap<SubcomponentId, Token> tokens = tokens(loaded, scales.keySet());
            SortedSet<SubcomponentId> changed = new TreeSet<>(scales.keySet());
            changed.addAll(tokens.keySet());
            requireOwnMatrices(loaded, changed);
            Scopes.run(() -> {
                WeightEdit.Edit edit = edit(loaded, scales, tokens);
                write(loaded, edit, tokens);
                try (Model exported = Model.load(out, decomposition.target().type())) {
                    EditReceipt receipt =
                            EditReceipt.of(
                                    decomposition,
                                    edit,
                                    exported.target(),
                                    loaded.task(),
                                    SEQUENCES);
                    show(receipt, changed.size(), tokens.isEmpty() ? "scaled" : "changed");
                }
            });
        }
        return 0;
    }

    /// Refuses a site whose matrix the network uses elsewhere as well, where the edit would change
    /// that too: a head and a token embedding that are tied.
    private static void requireOwnMatrices(LoadedRun loaded, Set<SubcomponentId> changed) {
        if (!(loaded.model().spec() instanceof LanguageModel model)
                || model.family().isHead(model.headWeight())) {
            return;
        }
        for (SubcomponentId id : changed) {
            Site site = loaded.decomposition().site(id.site()).site();
            String stored = site.stored().tensor();
            if (stored.equals(model.headWeight())) {
                throw new UserError(
                        "site %s must have a matrix of its own to be edited, got %s, which is the %s as well"
                                .formatted(
                                        id.site(),
                                        stored,
                                        site.readsTokens() ? "head" : "token embedding"));
            }
        }
    }

    private static void requireEmpty(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw new UserError(
                    "--out must be a new or empty folder, got a file (%s)".formatted(folder));
        }
        try (Stream<Path> files = Files.list(folder)) {
            if (files.findAny().isPresent()) {
                throw new UserError(
                        "--out must be a new or empty folder, got one with files (%s)"
                                .formatted(folder));
            }
        }
    }

    private SortedMap<SubcomponentId, Double> scales(Decomposition decomposition) {
        SortedMap<SubcomponentId, Double> scales = new TreeMap<>();
        if (suppress != null) {
            SubcomponentId.parse(suppress, decomposition).forEach(id -> put(id, 0, scales));
        }
        if (scale != null) {
            for (String entry : scale.split(",", -1)) {
                int equals = entry.indexOf('=');
                SubcomponentId id =
                        SubcomponentId.parse(
                                        equals < 0 ? entry : entry.substring(0, equals),
                                        decomposition)
                                .getFirst();
                put(id, number(entry, equals), scales);
            }
        }
        return scales;
    }

    private static void put(
            SubcomponentId id, double value, SortedMap<SubcomponentId, Double> scales) {
        if (scales.put(id, value) != null) {
            throw new UserError("subcomponent must be named once, got " + id);
        }
    }

    /// A token, by its number and as it was given.
    private record Token(int number, String text) {}

    /// What is to write which token.
    private SortedMap<SubcomponentId, Token> tokens(LoadedRun loaded, Set<SubcomponentId> scaled) {
        SortedMap<SubcomponentId, Token> tokens = new TreeMap<>();
        for (String entry : replace) {
            int equals = entry.indexOf('=');
            if (equals < 0) {
                throw new UserError(
                        "--replace must be SITE:INDEX=TOKEN, got '%s'".formatted(entry));
            }
            SubcomponentId id =
                    SubcomponentId.parse(entry.substring(0, equals), loaded.decomposition())
                            .getFirst();
            String text = entry.substring(equals + 1);
            if (scaled.contains(id) || tokens.put(id, token(loaded, text)) != null) {
                throw new UserError("subcomponent must be named once, got " + id);
            }
        }
        return tokens;
    }

    private static Token token(LoadedRun loaded, String text) {
        Tokenizer tokenizer =
                loaded.model()
                        .tokenizer()
                        .orElseThrow(() ->
                                new UserError(
                                        "run's target must have a tokenizer for --replace, got none"));
        int[] numbers = tokenizer.encode(text);
        if (numbers.length != 1) {
            throw new UserError(
                    "text of --replace must be one token, got %d: %s\nhint: a word within a text usually begins with a space"
                            .formatted(numbers.length, String.join(" ", tokenizer.shown(numbers))));
        }
        return new Token(numbers[0], text);
    }

    private static WeightEdit.Edit edit(
            LoadedRun loaded,
            SortedMap<SubcomponentId, Double> scales,
            SortedMap<SubcomponentId, Token> tokens) {
        SortedMap<SubcomponentId, Tensor> written = new TreeMap<>();
        tokens.forEach((id, token) ->
                written.put(
                        id,
                        Redirection.at(
                                loaded.decomposition(),
                                loaded.model().spec(),
                                id,
                                token.number(),
                                loaded.task(),
                                SEQUENCES)));
        return new WeightEdit.Edit(scales, written);
    }

    private static double number(String entry, int equals) {
        try {
            double value =
                    equals < 0 ? Double.NaN : Double.parseDouble(entry.substring(equals + 1));
            if (Double.isFinite(value)) {
                return value;
            }
        } catch (NumberFormatException malformed) {
            // Refused below, like no number at all.
        }
        throw new UserError("--scale must be SITE:INDEX=NUMBER, got '%s'".formatted(entry));
    }

    private void write(
            LoadedRun loaded, WeightEdit.Edit edit, SortedMap<SubcomponentId, Token> tokens) {
        String list =
                Stream.concat(
                                edit.scales().entrySet().stream()
                                        .map(each ->
                                                "| `%s` | %s |"
                                                        .formatted(each.getKey(), each.getValue())),
                                tokens.entrySet().stream()
                                        .map(each ->
                                                "| `%s` | writes `%s` |"
                                                        .formatted(
                                                                each.getKey(),
                                                                each.getValue().text())))
                        .collect(Collectors.joining("\n"));
        String card =
                "# An edited language model\n\nThe target of a Cleave run with subcomponents scaled in its weights, or writing another token.\n\n| subcomponent | times |\n|---|---|\n%s\n"
                        .formatted(list);
        // The folder appears whole, also where two edits at once are to make the same one.
        Path whole = out.toAbsolutePath().normalize();
        Path parts =
                whole.resolveSibling(
                        ".%s.%d.partial"
                                .formatted(whole.getFileName(), ProcessHandle.current().pid()));
        Scopes.run(() -> {
            Scopes.withoutGradient(() -> {
                try {
                    loaded.model()
                            .saveWith(
                                    parts,
                                    WeightEdit.stored(
                                            loaded.model().target(),
                                            WeightEdit.sites(loaded.decomposition(), edit)),
                                    card,
                                    origin(loaded));
                    requireEmpty(whole);
                    Files.deleteIfExists(whole);
                    Files.move(parts, whole, StandardCopyOption.ATOMIC_MOVE);
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                } finally {
                    delete(parts);
                }
                return true;
            });
        });
    }

    /// Removes what a failed edit leaves; nothing is there after one that came to its end.
    private static void delete(Path folder) {
        if (!Files.isDirectory(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// The folder that a run's copy of its target was made of, where it still holds the same
    /// weights; else the copy's.
    private static Path origin(LoadedRun loaded) throws IOException {
        Path configured = loaded.directory().path().resolve(loaded.file().target());
        Path copy = loaded.model().folder();
        return Files.isDirectory(configured)
                        && Model.isModel(configured)
                        && Model.sha256(configured).equals(Model.sha256(copy))
                ? configured
                : copy;
    }

    private void show(EditReceipt receipt, int count, String how) {
        if (!receipt.holds()) {
            command.commandLine()
                    .getErr()
                    .println(
                            "warning: the model as read back differs from the edit by %s in a logit"
                                    .formatted(Tables.loss(receipt.exportedToEdited())));
        }
        if (json.enabled()) {
            json.print(receipt);
            return;
        }
        json.text()
                .print(
                        "%d subcomponents %s; over %d sequences of the evaluation stream the output's KL from the target's is %s nats%nmasked and edited logits differ by at most %s, edited and exported ones by at most %s (largest logit %.1f)%nedited model: %s%n"
                                .formatted(
                                        count,
                                        how,
                                        receipt.sequences(),
                                        Tables.loss(receipt.kl()),
                                        Tables.loss(receipt.maskedToEdited()),
                                        Tables.loss(receipt.exportedToEdited()),
                                        receipt.largestLogit(),
                                        out));
    }
}
