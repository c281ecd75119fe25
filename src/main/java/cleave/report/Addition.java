package cleave.report;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What a case study adds to the page about a run. A study says only what it has; the rest is
/// empty.
public interface Addition {
    /// Sections that stand between the census and the provenance.
    ///
    /// @param data what the rest of the page shows
    /// @param figures takes the values behind the pictures
    default List<Report.Part> parts(ReportData data, ChartValues figures) {
        return List.of();
    }

    /// What the headline says of it, as HTML.
    default String headline() {
        return "";
    }

    /// What others published about the same sites.
    default Optional<Published> published() {
        return Optional.empty();
    }

    /// Fields of the data that the page's script holds.
    default Map<String, @Nullable Object> data() {
        return Map.of();
    }

    /// The commands that show the same on a terminal.
    ///
    /// @param path of the run, as a shell takes it
    default List<String> commands(String path) {
        return List.of();
    }

    /// What a token is called; empty where its number says enough.
    default Optional<String> token(long token) {
        return Optional.empty();
    }
}
