package cleave.study.sports;

import cleave.config.UserError;
import cleave.model.Site;
import cleave.model.Target;
import cleave.run.RunFile;
import cleave.tensor.AtomicFile;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.databind.json.JsonMapper;

/// The decomposition of a language model on a few questions, by the recipe that comes with Cleave.
///
/// @param config the configuration's file; the files of its streams lie beside it
/// @param settings what replaces keys of it
record Recipe(Path config, List<String> settings) {
    private static final String CONFIG = "recipe.yaml";
    private static final String PROMPTS = "prompts.jsonl";
    private static final String OTHER = "other.txt";

    /// The number of a block within a site's name.
    private static final Pattern BLOCK = Pattern.compile("(?<=\\.)[0-9]+(?=\\.)");

    /// Subcomponents of each matrix.
    static final int COUNT = 16;

    /// Writes the recipe and its data to a folder.
    ///
    /// @param place of the model
    /// @param own settings of the user's, which count over the recipe's
    static Recipe write(
            Path folder,
            Path place,
            Target target,
            Tokenizer tokenizer,
            List<Question> prompts,
            List<String> own)
            throws IOException {
        Files.createDirectories(folder);
        Path config = folder.resolve(CONFIG);
        AtomicFile.write(config, SportsTable.resource(CONFIG));
        AtomicFile.write(folder.resolve(OTHER), SportsTable.resource("trained.txt"));
        JsonMapper json = new JsonMapper();
        AtomicFile.write(
                folder.resolve(PROMPTS),
                prompts.stream()
                        .map(each ->
                                json.createObjectNode()
                                        .put("text", each.prompt())
                                        .put("answer", each.answer()))
                        .map(each -> json.writeValueAsString(each) + "\n")
                        .collect(Collectors.joining()));
        List<String> settings = new ArrayList<>();
        settings.add("target=" + json.writeValueAsString(place.toString()));
        settings.add("sites=" + sites(target));
        settings.add("streams[0].batch=" + prompts.size());
        settings.add(
                "streams[0].length="
                        + prompts.stream()
                                .mapToInt(each -> each.sentence(tokenizer).answer())
                                .max()
                                .orElseThrow());
        settings.addAll(own);
        return new Recipe(config.toAbsolutePath(), List.copyOf(settings));
    }

    /// The same in another folder, beside a run that goes on or begins.
    ///
    /// @throws UserError when the folder holds other prompts: those of a run on other subjects
    Recipe in(Path other) throws IOException {
        Files.createDirectories(other);
        Path folder = Objects.requireNonNull(config.getParent());
        Path prompts = other.resolve(PROMPTS);
        if (Files.exists(prompts) && Files.mismatch(prompts, folder.resolve(PROMPTS)) >= 0) {
            throw UserError.withHints(
                    "subjects and phrasing must be those that the run began with, got others (%s)"
                            .formatted(prompts),
                    "--run names another directory");
        }
        for (String name : List.of(CONFIG, OTHER, PROMPTS)) {
            AtomicFile.write(other.resolve(name), Files.readString(folder.resolve(name)));
        }
        return new Recipe(other.resolve(CONFIG).toAbsolutePath(), settings);
    }

    /// Removes the files and their folder.
    void delete() throws IOException {
        Path folder = Objects.requireNonNull(config.getParent());
        for (String name : List.of(CONFIG, OTHER, PROMPTS)) {
            Files.deleteIfExists(folder.resolve(name));
        }
        Files.deleteIfExists(folder);
    }

    /// The configuration.
    ///
    /// @param notes is told of what is read under another name
    /// @throws UserError with every problem of the user's settings
    RunFile read(Consumer<String> notes) {
        return RunFile.read(config, settings, note -> notes.accept("note: " + note));
    }

    /// Every matrix of every block, as a list of patterns: of a matrix that can be taken whole or
    /// in parts the whole.
    private static String sites(Target target) {
        Set<String> patterns = new LinkedHashSet<>();
        for (Site site : target.sites()) {
            boolean part =
                    target.sites().stream()
                            .anyMatch(other -> !other.equals(site) && other.holds(site));
            String pattern = BLOCK.matcher(site.name()).replaceFirst("*");
            if (!part && !pattern.equals(site.name())) {
                patterns.add(pattern);
            }
        }
        return patterns.stream()
                .map(each -> "{pattern: \"%s\", subcomponents: %d}".formatted(each, COUNT))
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /// The prompts and answers that a run's first stream was trained on; none where it is of
    /// another kind.
    static List<String> prompts(RunFile file) {
        return file.streams().getFirst().data().stream()
                .flatMap(data -> data.pieces().stream())
                .map(piece -> piece.text())
                .toList();
    }
}
