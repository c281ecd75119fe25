package cleave.study.sports;

import cleave.config.Binder;
import cleave.config.NotEmpty;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// What the study asks, as in the resource `sports.yaml`.
///
/// @param phrasings with `{name}`; what follows one is the sport
/// @param reverse with `{player}`; what follows one is an athlete's name
/// @param sports the athletes by sport
/// @param capital with `{country}`; what follows it is the capital
/// @param capitals by country: facts of another kind
/// @param uses prompts about other things whose next word is a sport's name
/// @param beside what finding looks at beside the subjects
record SportsTable(
        @NotEmpty List<String> phrasings,
        @NotEmpty List<String> reverse,
        @NotEmpty List<Sport> sports,
        @NotEmpty String capital,
        @NotEmpty Map<String, String> capitals,
        @NotEmpty List<Use> uses,
        Beside beside) {

    /// A sport and its athletes.
    ///
    /// @param sport its name
    /// @param player as in "the golfer"
    /// @param names of athletes
    record Sport(@NotEmpty String sport, @NotEmpty String player, @NotEmpty List<String> names) {}

    /// Other uses of a word.
    ///
    /// @param word the right next word, without a space before it
    /// @param prompts that it follows
    record Use(@NotEmpty String word, @NotEmpty List<String> prompts) {}

    /// What finding looks at beside the subjects, and a training may; none of it is evidence.
    ///
    /// @param names of other people, who are asked about in the subjects' phrasing
    /// @param lines beginnings of sentences about other things
    record Beside(@NotEmpty List<String> names, @NotEmpty List<String> lines) {}

    /// The table that comes with Cleave.
    static SportsTable shipped() {
        return Binder.read("sports.yaml", resource("sports.yaml"), List.of(), SportsTable.class);
    }

    /// A text file of the study.
    static String resource(String name) {
        try (InputStream in =
                Objects.requireNonNull(SportsTable.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// The lines of a text file of the study, empty ones left out.
    static List<String> lines(String name) {
        return resource(name).lines().filter(line -> !line.isBlank()).toList();
    }
}
