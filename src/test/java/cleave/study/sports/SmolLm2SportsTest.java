package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Inquiry;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.analysis.TextRun;
import cleave.decomposition.Decomposition;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What the shipped decomposition of SmolLM2 says about golf and basketball, asked again of the
/// model itself. The model is no part of the repository: `bench/fetch-smollm2 target/smollm2` gets
/// it, and without it this is left out, which it says.
class SmolLm2SportsTest {
    private static final Path SHIPPED = Path.of("models/smollm2-sports");
    private static final Path FILE = Path.of("target/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");

    @TempDir private static Path folder;

    private static JsonNode subjects;

    @BeforeAll
    static void theModelIsThere() throws IOException {
        boolean there = Files.isRegularFile(FILE);
        if (!there) {
            System.out.println(
                    "SmolLm2SportsTest is left out: %s is not there; bench/fetch-smollm2 %s gets it"
                            .formatted(FILE, FILE.getParent()));
        }
        Assumptions.assumeTrue(there, "the model is not there");
        TinyRun.copy(SHIPPED, folder.resolve("run"));
        Path target = Files.createDirectories(folder.resolve("run").resolve("target"));
        Files.copy(FILE, target.resolve(FILE.getFileName()));
        subjects =
                JsonMapper.shared()
                        .readTree(Files.readString(SHIPPED.resolve("subjects.json")))
                        .get("subjects");
    }

    /// Before and after, and the other subject's answer, as the file and its sentence say.
    @Test
    void whatIsSaidAboutEachSubjectHolds() {
        try (TextRun run = TextRun.open(folder.resolve("run"))) {
            for (String subject : subjects.propertyNames()) {
                JsonNode said = subjects.get(subject);
                JsonNode other =
                        subjects.valueStream()
                                .filter(each -> !each.equals(said))
                                .findFirst()
                                .orElseThrow();
                Inquiry own = ask(run, said, said);
                Inquiry others = ask(run, said, other);
                double after = own.after().getFirst().getFirst().probability();

                assertThat(own.before().getFirst().probability())
                        .isCloseTo(said.get("before").asDouble(), within(1e-3));
                assertThat(after / said.get("after").asDouble()).isCloseTo(1, within(1e-2));
                assertThat(own.after().getFirst().getFirst().rank())
                        .isEqualTo(said.get("rank_after").asInt());
                assertThat(
                                others.after().getFirst().getFirst().probability()
                                        / others.before().getFirst().probability())
                        .isCloseTo(said.get("other_subject_kept").asDouble(), within(1e-2));
            }
        }
    }

    private static Inquiry ask(TextRun run, JsonNode pieces, JsonNode asked) {
        Decomposition decomposition = run.loaded().decomposition();
        List<SubcomponentId> ids =
                SubcomponentId.parse(
                        String.join(
                                ",",
                                pieces.get("piece_ids")
                                        .valueStream()
                                        .map(JsonNode::asString)
                                        .toList()),
                        decomposition);
        QuestionGroup group =
                new QuestionGroup(
                        "asked",
                        List.of(
                                run.sentence(
                                        asked.get("prompt").asString(),
                                        " " + asked.get("topic").asString())),
                        LossesAt.ANSWER);
        return Scopes.run(() -> Inquiry.of(decomposition, group, List.of(Finder.without(ids))));
    }

    /// The page prints the sentence that the file holds, whose figures the test above asks again.
    @Test
    void thePagePrintsTheSentenceAboutGolf() throws IOException {
        assertThat(Files.readString(Path.of("docs/sports.md")))
                .contains(subjects.get("Tiger Woods").get("sentence").asString());
    }
}
