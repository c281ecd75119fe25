package cleave.study.facts;

import cleave.config.Binder;
import cleave.config.Checked;
import cleave.config.NotEmpty;
import cleave.config.Problems;
import cleave.config.UserError;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/// The facts and the phrasings they are put in, as in the resource `facts.yaml`.
///
/// A phrasing holds its answer once, after a space: `{sport}` in `forward`, `{name}` in `reverse`,
/// `{answer}` in `knowledge`.
///
/// @param sports the athletes by sport
/// @param forward phrasings from an athlete to the sport
/// @param attributes what tells an athlete from others of the sport
/// @param reverse phrasings from sport and attribute to the athlete
/// @param knowledge facts about other things
public record FactTable(
        @NotEmpty List<Sport> sports,
        @NotEmpty List<String> forward,
        Attributes attributes,
        @NotEmpty List<String> reverse,
        @NotEmpty List<Topic> knowledge)
        implements Checked {

    /// A sport and its athletes.
    ///
    /// @param sport as in "plays the sport of golf"
    /// @param player as in "the golfer"
    /// @param athletes who play it
    public record Sport(
            @NotEmpty String sport, @NotEmpty String player, @NotEmpty List<Athlete> athletes) {}

    /// An athlete.
    ///
    /// @param name as commonly written
    /// @param home place of birth or youth
    /// @param nickname with its article, if there is one
    public record Athlete(
            @NotEmpty String name, @NotEmpty String home, @NotEmpty Optional<String> nickname) {}

    /// How attributes are said.
    ///
    /// @param home with `{home}`
    /// @param nickname with `{nickname}`
    public record Attributes(@NotEmpty String home, @NotEmpty String nickname) {}

    /// Facts of one kind about other things.
    ///
    /// @param topic its name
    /// @param phrasings with `{subject}` and `{answer}`
    /// @param facts answer by subject
    public record Topic(
            @NotEmpty String topic,
            @NotEmpty List<String> phrasings,
            @NotEmpty Map<String, String> facts) {}

    /// The table that comes with Cleave.
    public static FactTable shipped() {
        String name = "facts.yaml";
        try (InputStream in =
                Objects.requireNonNull(FactTable.class.getResourceAsStream(name), name)) {
            return read(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// A table from YAML.
    ///
    /// @param source the name that problems shall show
    /// @throws UserError with every problem of the text
    static FactTable read(String source, String yaml) {
        return Binder.read(source, yaml, List.of(), FactTable.class);
    }

    @Override
    public void check(Problems problems) {
        checkPhrasings("forward", forward, List.of("name", "sport"), problems);
        checkPhrasings("reverse", reverse, List.of("player", "attribute", "name"), problems);
        checkPhrasings("attributes.home", List.of(attributes.home()), List.of("home"), problems);
        checkPhrasings(
                "attributes.nickname",
                List.of(attributes.nickname()),
                List.of("nickname"),
                problems);
        Set<String> names = new HashSet<>();
        for (int i = 0; i < sports.size(); i++) {
            Map<String, String> owners = new HashMap<>();
            List<Athlete> athletes = sports.get(i).athletes();
            for (int j = 0; j < athletes.size(); j++) {
                Athlete athlete = athletes.get(j);
                String at = "sports[%d].athletes[%d]".formatted(i, j);
                if (!names.add(athlete.name())) {
                    problems.add(at + ".name", "must occur once, got " + athlete.name());
                }
                checkOwner(at + ".home", athlete.home(), athlete, owners, problems);
                athlete.nickname()
                        .ifPresent(nickname ->
                                checkOwner(at + ".nickname", nickname, athlete, owners, problems));
            }
        }
        for (int i = 0; i < knowledge.size(); i++) {
            checkPhrasings(
                    "knowledge[%d].phrasings".formatted(i),
                    knowledge.get(i).phrasings(),
                    List.of("subject", "answer"),
                    problems);
        }
    }

    private static void checkOwner(
            String at,
            String attribute,
            Athlete athlete,
            Map<String, String> owners,
            Problems problems) {
        String owner = owners.putIfAbsent(attribute, athlete.name());
        if (owner != null) {
            problems.add(
                    at,
                    "must name one athlete of the sport, got %s of %s and %s"
                            .formatted(attribute, owner, athlete.name()));
        }
    }

    private static void checkPhrasings(
            String at, List<String> phrasings, List<String> parts, Problems problems) {
        for (String phrasing : phrasings) {
            for (String part : parts) {
                String place = "{" + part + "}";
                int first = phrasing.indexOf(place);
                if (first < 0 || phrasing.indexOf(place, first + 1) >= 0) {
                    problems.add(at, "must hold %s once, got %s".formatted(place, phrasing));
                }
            }
            String answer = " {" + parts.getLast() + "}";
            if (!phrasing.contains(answer)) {
                problems.add(
                        at,
                        "must hold the answer%s after a space, got %s".formatted(answer, phrasing));
            }
        }
    }
}
