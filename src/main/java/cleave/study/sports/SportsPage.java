package cleave.study.sports;

import cleave.config.UserError;
import cleave.report.Addition;
import cleave.report.ChartValues;
import cleave.report.Markup;
import cleave.report.Numbers;
import cleave.report.Report;
import cleave.report.ReportData;
import cleave.report.Table;
import cleave.run.RunDirectory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The section of a run's page about what `cleave sports` found in it.
///
/// @param report the content of `subjects.json`
record SportsPage(JsonNode report) implements Addition {
    private static final List<String> FIGURES =
            List.of(
                    "pieces",
                    "before",
                    "after",
                    "rank_after",
                    "other_subject_kept",
                    "others_kept",
                    "same_kept",
                    "phrasings_fall",
                    "uses_kept",
                    "text_kl",
                    "text_kl_p99",
                    "control_share",
                    "found");

    /// The page's section; empty where the command was not run.
    ///
    /// @throws UserError when the file is not what the command writes
    static Optional<SportsPage> of(RunDirectory run) {
        Path file = run.path().resolve(SportsStudy.FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            JsonNode report = new JsonMapper().readTree(Files.readString(file));
            report.required("subjects").forEach(each -> each.required("sentence"));
            report.required("step");
            return Optional.of(new SportsPage(report));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        } catch (JacksonException malformed) {
            throw new UserError(
                    "subjects.json must be what cleave sports writes, got %s (%s)\nhint: run cleave sports --from on the run again, or remove the file"
                            .formatted(malformed.getOriginalMessage(), file),
                    malformed);
        }
    }

    @Override
    public List<Report.Part> parts(ReportData data, ChartValues figures) {
        List<String> parts = new ArrayList<>();
        long step = report.required("step").asLong();
        if (step != data.origin().step()) {
            parts.add(
                    Markup.note(
                            "subjects.json is of step %s and this page of step %s: run cleave sports --from on the run again."
                                    .formatted(
                                            Numbers.count(step),
                                            Numbers.count(data.origin().step()))));
        } else {
            JsonNode subjects = report.required("subjects");
            List<String> names = List.copyOf(subjects.propertyNames());
            names.forEach(name ->
                    parts.add(
                            Markup.note(
                                    name
                                            + ": "
                                            + subjects.required(name)
                                                    .required("sentence")
                                                    .asString())));
            List<String> head = new ArrayList<>(List.of(""));
            head.addAll(names);
            Table table =
                    new Table("What suppressing each subject's pieces changes")
                            .head(head.toArray(String[]::new));
            for (String figure : FIGURES) {
                table.row(
                        figure.replace('_', ' '),
                        names.stream().map(name -> cell(subjects.required(name), figure)).toList());
            }
            parts.add(table.html());
        }
        return List.of(new Report.Part("Subjects", Markup.section("subjects", "Subjects", parts)));
    }

    private static String cell(JsonNode subject, String figure) {
        JsonNode value = subject.get(figure);
        if (value == null || value.isNull()) {
            return "-";
        }
        return value.isNumber() ? Numbers.of(value.asDouble()) : value.asString();
    }
}
