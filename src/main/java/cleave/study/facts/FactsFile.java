package cleave.study.facts;

import cleave.analysis.Concept;
import cleave.config.UserError;
import cleave.report.Report;
import cleave.run.LoadedRun;
import cleave.run.RunDirectory;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `facts.json` in a run directory: what `cleave facts` found last, for the run's page.
public final class FactsFile {
    /// Its name.
    static final String NAME = "facts.json";

    private FactsFile() {}

    /// What suppressing each fact's own subcomponents changes.
    ///
    /// @param step of the checkpoint that was asked
    /// @param most how many subcomponents were suppressed at most
    /// @param at where, as `cleave facts` calls it
    /// @param atName whether they had to be active at a token of the athlete's name
    /// @param threshold importance above which one is active
    /// @param rare the largest share of other prompts on which one may be active
    /// @param sequences how many other prompts
    /// @param rows in the order asked
    /// @param summary median, lower and upper quartile by name
    public record Asked(
            long step,
            int most,
            String at,
            boolean atName,
            double threshold,
            double rare,
            int sequences,
            List<FactRow> rows,
            SequencedMap<String, List<Double>> summary) {}

    /// One athlete's sport.
    ///
    /// @param changed the part of the answer's probability that is lost, then the shares of
    ///   paraphrases, other athletes of the sport, those of other sports, reverse questions and
    ///   questions about other things whose top answer changed
    /// @param controls relative change of the answer's probability when subcomponents active
    ///   elsewhere, inactive ones and singular directions are suppressed in place of the chosen
    public record FactRow(
            String athlete, String sport, List<Double> changed, List<Double> controls) {}

    /// Writes the file and returns its path.
    ///
    /// @param settings they were asked with
    /// @param atName whether the chosen had to be active at a token of the athlete's name
    public static Path write(
            LoadedRun run, FactEffects effects, Concept.Settings settings, boolean atName)
            throws IOException {
        Map<String, @Nullable Object> content = new LinkedHashMap<>();
        content.put("step", run.checkpoint().step());
        content.put("threshold", settings.threshold());
        content.put("top", settings.most());
        content.put("at", settings.at());
        content.put("at_name", atName);
        content.put("rare", settings.rare());
        content.put("sequences", settings.sequences());
        content.put("facts", effects.facts());
        content.put("summary", effects.summary());
        Path file = run.directory().path().resolve(NAME);
        AtomicFile.write(file, Report.json(content) + "\n");
        return file;
    }

    /// The file's content; empty where there is none.
    ///
    /// @throws UserError when the file is not what `write` writes
    static Optional<Asked> read(RunDirectory directory) {
        Path file = directory.path().resolve(NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.of(facts(new JsonMapper().readTree(Files.readString(file))));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } catch (JacksonException malformed) {
            throw new UserError(
                    "facts.json must be what cleave facts writes, got %s (%s)\nhint: run cleave facts again, or remove the file"
                            .formatted(malformed.getOriginalMessage(), file),
                    malformed);
        }
    }

    private static Asked facts(JsonNode root) {
        JsonNode summary = root.required("summary");
        SequencedMap<String, List<Double>> figures = new LinkedHashMap<>();
        figures.put("fall of the answer's probability, times", quartiles(summary, "fall"));
        figures.put("other athletes unchanged, share", quartiles(summary, "specificity"));
        figures.put("reverse questions unchanged, share", quartiles(summary, "reverse"));
        figures.put("KL on other text, nats", quartiles(summary, "side_effect"));
        figures.put("subcomponents suppressed", quartiles(summary, "chosen"));
        figures.put("change by those active elsewhere, share", quartiles(summary, "elsewhere"));
        figures.put("change by inactive ones, share", quartiles(summary, "inactive"));
        figures.put("change by singular directions, share", quartiles(summary, "singular"));
        return new Asked(
                root.required("step").asLong(),
                root.required("top").asInt(),
                root.required("at").asString(),
                root.required("at_name").asBoolean(),
                root.required("threshold").asDouble(),
                root.required("rare").asDouble(),
                root.required("sequences").asInt(),
                root.required("facts").valueStream().map(FactsFile::row).toList(),
                figures);
    }

    private static FactRow row(JsonNode fact) {
        return new FactRow(
                fact.required("athlete").asString(),
                fact.required("sport").asString(),
                List.of(
                        1 - number(fact, "after") / number(fact, "before"),
                        1 - number(fact, "paraphrases"),
                        1 - number(fact, "same_sport"),
                        1 - number(fact, "other_sports"),
                        1 - number(fact, "reverse"),
                        1 - number(fact, "other_text")),
                Stream.of("elsewhere", "inactive", "singular")
                        .map(name -> number(fact, name))
                        .toList());
    }

    private static List<Double> quartiles(JsonNode summary, String name) {
        JsonNode figures = summary.required(name);
        return Stream.of("median", "lower", "upper").map(each -> number(figures, each)).toList();
    }

    /// A number; JSON has none that are not finite.
    private static double number(JsonNode node, String name) {
        JsonNode value = node.required(name);
        return value.isNull() ? Double.NaN : value.asDouble();
    }
}
