package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

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

    /// All but the target, its sites and the phrasing, which is the paper's.
    @Test
    void gpt2HasTheSameRecipe() throws IOException {
        assertThat(settled(Files.readString(CONFIGS.resolve("gpt2-small.yaml"))))
                .isEqualTo(settled(Files.readString(CONFIGS.resolve("smollm2.yaml"))));
    }

    /// The trial's third stream holds what finding looks at, in the phrasing that SmolLM2 knows
    /// best.
    @Test
    void theTrialIsTrainedOnWhatFindingLooksAt() throws IOException {
        Catalogue athletes = Catalogue.athletes(SportsTable.shipped());
        int chosen = athletes.phrasings().indexOf("{name} is a legend of professional");
        List<String> beside = new ArrayList<>(athletes.others(athletes.usual(), chosen));
        beside.addAll(athletes.lines());
        List<String> lines = Files.readAllLines(CONFIGS.resolve("data/beside.jsonl"));

        assertThat(
                        lines.stream()
                                .map(line ->
                                        JsonMapper.shared().readTree(line).get("text").asString()))
                .containsExactlyElementsOf(beside);
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

    /// What stands beside the subjects in training and finding is asked nowhere else.
    @Test
    void nothingThatStandsBesideIsEvidence() {
        SportsTable table = SportsTable.shipped();
        List<String> names =
                table.sports().stream().flatMap(sport -> sport.names().stream()).toList();
        List<String> asked = new ArrayList<>(SportsTable.lines("held-out.txt"));
        table.uses().forEach(use -> asked.addAll(use.prompts()));
        asked.addAll(table.phrasings());

        assertThat(table.beside().names())
                .doesNotContainAnyElementsOf(names)
                .doesNotHaveDuplicates()
                .allMatch(
                        name -> table.phrasings().stream().noneMatch(each -> each.contains(name)));
        assertThat(table.beside().lines())
                .doesNotContainAnyElementsOf(asked)
                .doesNotHaveDuplicates()
                .allMatch(line -> names.stream().noneMatch(line::contains));
    }

    /// Of a user's own questions every second subject beside the chosen ones is trained on.
    @Test
    void ofOwnQuestionsEverySecondOneStandsBeside() {
        List<Question> questions =
                IntStream.range(0, 5)
                        .mapToObj(i -> new Question("s" + i, "t" + i, 0, "prompt " + i, " t" + i))
                        .toList();
        Catalogue own =
                new Catalogue(questions, List.of("a"), List.of("s0", "s1"), Optional.empty());

        assertThat(own.others(List.of("s0", "s1"), 0)).containsExactly("prompt 2", "prompt 4");
        assertThat(own.lines()).isEmpty();
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
