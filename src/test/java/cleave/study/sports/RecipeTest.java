package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;

class RecipeTest {
    private static final Path CONFIGS = Path.of("configs");

    /// The command's own copy is put into the program; people read and change the one in `configs`.
    @Test
    void theRecipeIsTheConfigurationThatComesWithCleave() throws IOException {
        assertThat(settled(SportsTable.resource("recipe.yaml")))
                .isEqualTo(settled(Files.readString(CONFIGS.resolve("smollm2.yaml"))));
        assertThat(SportsTable.resource("trained.txt"))
                .isEqualTo(Files.readString(CONFIGS.resolve("data/general.txt")));
    }

    /// Without comments, and without what the command puts in.
    private static List<String> settled(String yaml) {
        return yaml.lines()
                .filter(line -> !line.startsWith("#"))
                .filter(line -> !line.startsWith("target:"))
                .filter(line -> !line.contains("pattern:"))
                .map(line -> line.replaceAll("path: [^,}]*", "path"))
                .toList();
    }

    @Test
    void noHeldOutTextIsTrainedOn() {
        assertThat(SportsTable.lines("held-out.txt"))
                .hasSizeGreaterThanOrEqualTo(50)
                .doesNotContainAnyElementsOf(SportsTable.lines("trained.txt"));
    }

    @Test
    void noPromptThatIsEvidenceIsTrainedOn() {
        SportsTable table = SportsTable.shipped();
        List<String> trained = SportsTable.lines("trained.txt");
        for (SportsTable.Use use : table.uses()) {
            assertThat(trained)
                    .noneMatch(line -> line.toLowerCase(Locale.ROOT).contains(use.word()));
        }
        for (SportsTable.Sport sport : table.sports()) {
            for (String name : sport.names()) {
                assertThat(trained).noneMatch(line -> line.contains(name));
            }
        }
        for (String country : table.capitals().keySet()) {
            String asked = table.capital().replace("{country}", country);

            assertThat(trained).noneMatch(line -> line.startsWith(asked));
        }
    }

    /// The names are those of the facts study.
    @Test
    void theAthletesAreThoseOfTheFacts() throws IOException {
        String facts =
                Files.readString(Path.of("src/main/resources/cleave/study/facts/facts.yaml"));
        List<SportsTable.Sport> sports = SportsTable.shipped().sports();
        assertThat(sports.stream().mapToInt(sport -> sport.names().size()).sum()).isEqualTo(72);
        for (SportsTable.Sport sport : sports) {
            assertThat(facts).contains("- sport: " + sport.sport());
            sport.names().forEach(name -> assertThat(facts).contains("name: " + name + ","));
        }
    }
}
