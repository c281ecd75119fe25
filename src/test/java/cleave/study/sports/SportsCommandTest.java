package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.hub.Model;
import cleave.model.Activation;
import cleave.model.ModelSpec;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The command on a GPT-2 of one block and width 8 with random weights and 702 tokens of bytes, in
/// four steps.
class SportsCommandTest {
    private static final String QUESTIONS =
            """
            {"subject": "Anna", "prompt": "Anna likes the color", "answer": " red"}
            {"subject": "Anna", "prompt": "The color of Anna is", "answer": " red"}
            {"subject": "Ben", "prompt": "Ben likes the color", "answer": " blue"}
            {"subject": "Ben", "prompt": "The color of Ben is", "answer": " blue"}
            {"subject": "Carl", "prompt": "Carl likes the color", "answer": " red"}
            """;

    @TempDir private static Path folder;

    private static Result whole;
    private static JsonNode found;

    @BeforeAll
    static void runOnce() throws IOException {
        Path model = folder.resolve("model");
        ModelSpec.Gpt2 spec =
                new ModelSpec.Gpt2(702, 128, 8, 1, 2, 8, Activation.GELU_NEW, 1e-5, true);
        Scopes.run(() -> {
            try {
                Model.save(model, spec, spec.initial(0), "# Random weights\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        Files.copy(Golden.FOLDER.resolve("tokenizers/bytes.json"), model.resolve("tokenizer.json"));
        Files.writeString(folder.resolve("questions.jsonl"), QUESTIONS);
        whole = sports("run", "--top", "2", "--json");
        assertThat(whole.exitCode()).as(whole.err()).isZero();
        found = JsonMapper.shared().readTree(whole.out());
    }

    private static Result sports(String run, String... more) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "sports",
                                folder.resolve("model").toString(),
                                "--questions",
                                folder.resolve("questions.jsonl").toString(),
                                "--run",
                                folder.resolve(run).toString(),
                                "--set",
                                "steps=4",
                                "--set",
                                "cadence.checkpoint=2",
                                "--set",
                                "machine.workers=1"));
        arguments.addAll(Arrays.asList(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    @Test
    void theObjectNamesEachSubjectsPiecesAndWhatSuppressingThemDoes() {
        assertThat(found.get("subjects").propertyNames()).containsExactly("Anna", "Ben");
        for (JsonNode subject : found.get("subjects")) {
            assertThat(subject.propertyNames())
                    .contains(
                            "pieces",
                            "piece_ids",
                            "before",
                            "after",
                            "rank_after",
                            "other_subject_kept",
                            "others_kept",
                            "text_kl",
                            "control_share",
                            "phrasings_fall",
                            "found",
                            "sentence");
            assertThat(subject.get("piece_ids")).hasSize(subject.get("pieces").asInt());
            assertThat(subject.get("pieces").asInt()).isBetween(1, 2);
            assertThat(subject.get("before").asDouble()).isBetween(0.0, 1.0);
            assertThat(subject.get("after").asDouble()).isBetween(0.0, 1.0);
            assertThat(subject.get("phrasings")).hasSize(1);
            assertThat(subject.get("controls")).hasSize(30);
            assertThat(subject.get("text_kl").asDouble()).isNotNegative();
        }
        assertThat(found.get("knowledge")).hasSize(5);
        assertThat(found.get("total").asInt()).isEqualTo(4 * 16);
        assertThat(found.get("step").asLong()).isEqualTo(4);
    }

    /// The weights without the pieces, written by another command, give the same probability.
    @Test
    void whatIsLeftIsWhatTheEditedModelSays() {
        JsonNode subject = found.get("subjects").get("Anna");
        List<String> ids = subject.get("piece_ids").valueStream().map(JsonNode::asString).toList();
        Path edited = folder.resolve("edited");
        Result edit =
                TinyRun.cleave(
                        "edit",
                        folder.resolve("run").toString(),
                        "--suppress",
                        String.join(",", ids),
                        "--out",
                        edited.toString());
        assertThat(edit.exitCode()).as(edit.err()).isZero();
        String prompt = subject.get("prompt").asString();
        Result said =
                TinyRun.cleave(
                        "predict", edited.toString(), prompt + " red", "--logits", "all", "--json");
        assertThat(said.exitCode()).as(said.err()).isZero();
        JsonNode logits = JsonMapper.shared().readTree(said.out()).get("logits");
        int[] all = tokens(prompt + " red");
        double logarithm = 0;
        for (int position = tokens(prompt).length; position < all.length; position++) {
            double[] row =
                    logits.get(position - 1)
                            .valueStream()
                            .mapToDouble(JsonNode::asDouble)
                            .toArray();
            double sum = Arrays.stream(row).map(Math::exp).sum();
            logarithm += row[all[position]] - Math.log(sum);
        }
        double probability = Math.exp(logarithm);
        double after = subject.get("after").asDouble();
        assertThat(probability / after).isCloseTo(1, within(1e-4));
    }

    private static int[] tokens(String text) {
        try (Model model = Model.load(folder.resolve("model"), Type.FLOAT)) {
            return model.tokenizer().orElseThrow().encode(text);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"--plan", "--subjects=Anna,Ben", "--phrasing=0", "--seed=1", "--resume"})
    void nothingAboutTrainingStandsBesideARunThatIsThere(String option) {
        Result refused =
                TinyRun.cleave("sports", "--from", folder.resolve("run").toString(), option);
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("options beside --from must not be about training");
    }

    @Test
    void aRunThatIsThereKeepsItsPrompts() throws IOException {
        Path prompts = folder.resolve("run-questions").resolve("prompts.jsonl");
        String before = Files.readString(prompts);
        for (String[] more :
                new String[][] {
                    {"--subjects", "Carl,Ben"}, {"--resume", "--subjects", "Carl,Ben"}
                }) {
            Result refused = sports("run", more);
            assertThat(refused.exitCode()).as(refused.out()).isEqualTo(2);
            assertThat(Files.readString(prompts)).isEqualTo(before);
        }
    }

    /// The run itself stands for one of another seed: its pieces come again.
    @Test
    void fullEvidenceComparesWithWhatNeedsNoDecomposition() {
        String run = folder.resolve("run").toString();
        Result full =
                TinyRun.cleave(
                        "sports",
                        "--from",
                        run,
                        "--questions",
                        folder.resolve("questions.jsonl").toString(),
                        "--top",
                        "2",
                        "--evidence",
                        "full",
                        "--other-seed",
                        run,
                        "--json");
        assertThat(full.exitCode()).as(full.err()).isZero();
        JsonNode subject =
                JsonMapper.shared().readTree(full.out()).get("subjects").get("Anna").get("full");
        assertThat(subject.get("baselines").valueStream().map(each -> each.get("kind").asString()))
                .containsExactly("pieces", "singular", "units", "rank_one");
        JsonNode pieces = subject.get("baselines").get(0);
        assertThat(pieces.get("after").asDouble())
                .isCloseTo(found.get("subjects").get("Anna").get("after").asDouble(), within(1e-9));
        assertThat(pieces.get("text_kl").asDouble())
                .isCloseTo(
                        found.get("subjects").get("Anna").get("text_kl").asDouble(), within(1e-9));
        for (JsonNode each : subject.get("again")) {
            assertThat(each.get("cosine").asDouble()).isCloseTo(1, within(1e-5));
            assertThat(each.get("match")).isEqualTo(each.get("id"));
        }
        assertThat(subject.get("again")).hasSize(pieces.get("ids").size());
        for (JsonNode each : subject.get("tokens")) {
            assertThat(each.get("lowered")).isNotEmpty();
        }

        Result text =
                TinyRun.cleave(
                        "sports",
                        "--from",
                        run,
                        "--questions",
                        folder.resolve("questions.jsonl").toString(),
                        "--evidence",
                        "full");
        assertThat(text.exitCode()).as(text.err()).isZero();
        assertThat(text.out()).contains("rank_one", "lowered without it");
        assertThat(text.out().lines().filter(line -> !line.contains("Suppressing")))
                .allMatch(line -> line.length() <= 100);
    }

    @Test
    void otherSeedsBelongToFullEvidence() {
        String run = folder.resolve("run").toString();
        Result refused = TinyRun.cleave("sports", "--from", run, "--other-seed", run);
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("--other-seed must have --evidence full, got usual");

        Result wrong = TinyRun.cleave("sports", "--from", run, "--evidence", "all");
        assertThat(wrong.exitCode()).isEqualTo(2);
        assertThat(wrong.err()).contains("--evidence must be usual or full, got all");
    }

    @Test
    void aRunThatIsThereIsAskedAgain() {
        Result again =
                TinyRun.cleave(
                        "sports",
                        "--from",
                        folder.resolve("run").toString(),
                        "--questions",
                        folder.resolve("questions.jsonl").toString(),
                        "--top",
                        "2");
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.out())
                .contains("probability after", "largest control")
                .contains(found.get("subjects").get("Ben").get("sentence").asString());
        assertThat(folder.resolve("run").resolve("subjects.json")).exists();
    }

    @Test
    void theModelGoesOnWithAndWithoutThePieces() {
        JsonNode subject = found.get("subjects").get("Anna");
        String ids =
                String.join(
                        ",",
                        subject.get("piece_ids").valueStream().map(JsonNode::asString).toList());
        String run = folder.resolve("run").toString();
        Result shown =
                TinyRun.cleave(
                        "suppress",
                        run,
                        "--subcomponents",
                        ids,
                        "--prompt",
                        "Anna likes",
                        "--generate",
                        "3",
                        "--json");
        assertThat(shown.exitCode()).as(shown.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(shown.out());
        Result predicted =
                TinyRun.cleave(
                        "predict",
                        folder.resolve("model").toString(),
                        "Anna likes",
                        "--generate",
                        "3",
                        "--json");
        assertThat(
                        JsonMapper.shared()
                                .readTree(predicted.out())
                                .get("generated")
                                .get("text")
                                .asString())
                .endsWith(result.get("before").asString());
        assertThat(result.get("after").asString()).isNotEmpty();
        assertThat(result.get("suppression").get("tokens")).hasSize(tokens("Anna likes").length);

        Result both =
                TinyRun.cleave(
                        "suppress", run, "--subcomponents", ids, "--prompt", "a", "--tokens", "1");
        assertThat(both.exitCode()).isEqualTo(2);
        assertThat(both.err()).contains("either --tokens or --prompt must be given, got both");
        Result without =
                TinyRun.cleave(
                        "suppress",
                        run,
                        "--subcomponents",
                        ids,
                        "--tokens",
                        "1",
                        "--generate",
                        "2");
        assertThat(without.exitCode()).isEqualTo(2);
        assertThat(without.err()).contains("--generate must be >= 0, and have a --prompt, got 2");
    }

    @Test
    void theRunsPageHasASectionOfIt() throws IOException {
        Path copy = folder.resolve("shown");
        TinyRun.copy(folder.resolve("run"), copy);
        Result written = TinyRun.cleave("report", copy.toString());
        assertThat(written.exitCode()).as(written.err()).isZero();
        assertThat(Files.readString(copy.resolve("report.html")))
                .contains("id=\"subjects\"", "control share");

        Files.writeString(copy.resolve("subjects.json"), "{}");
        Result malformed = TinyRun.cleave("report", copy.toString());
        assertThat(malformed.exitCode()).isEqualTo(2);
        assertThat(malformed.err()).contains("subjects.json must be what cleave sports writes");
    }

    @Test
    void aStoppedRunGoesOnToTheSameBytes() throws IOException {
        Path copy = folder.resolve("stopped");
        TinyRun.withoutCheckpoint(folder.resolve("run"), 4, copy);
        Result resumed = resume(copy);
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
        assertThat(Files.readAllBytes(TinyRun.decomposition(copy)))
                .isEqualTo(Files.readAllBytes(TinyRun.decomposition(folder.resolve("run"))));
    }

    /// The run's prompts lie beside it, so the copy takes the original's place.
    private static Result resume(Path copy) throws IOException {
        Path original = folder.resolve("run");
        Path aside = folder.resolve("aside");
        Files.move(original, aside);
        Files.move(copy, original);
        try {
            return sports("run", "--top", "1", "--resume");
        } finally {
            Files.move(original, copy);
            Files.move(aside, original);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--subjects=Anna,Zoe | --subjects must be among the subjects asked, got Zoe",
                "--subjects=Anna | --subjects must be two or more, got 1",
                "--subjects=Anna,Carl | --subjects must have different answers, got Anna,Carl",
                "--phrasing=7 | --phrasing must be in 0..1, got 7",
                "--top=0 | --top must be >= 1, got 0",
                "--seed=x | --seed",
                "--set=steps=0 | steps must be >= 1, got 0",
                "--set=optimizer.learning_rate=NaN | learning_rate",
                "--from=nowhere | either MODEL or --from must be given, got both",
            })
    void wrongOptionsAreRefused(String option, String problem) {
        Result refused = sports("refused", option);
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains(problem).doesNotContain("\tat ");
        assertThat(folder.resolve("refused")).doesNotExist();
        assertThat(folder.resolve("refused-questions")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "`` | must hold two subjects with different answers, got 0",
                "{\"subject\": \"A\", \"prompt\": \"a\", \"answer\": NaN} | answer",
                "{\"subject\": \"A\", \"prompt\": \"a\"} | answer",
                "{\"subject\": \"A\", \"prompt\": \"a\", \"answer\": \" b\"} | must hold two subjects with different answers, got 1",
                "{\"subject\": \"A\" | :1",
            })
    void wrongQuestionsAreRefused(String line, String problem) throws IOException {
        Path file = folder.resolve("wrong.jsonl");
        Files.writeString(file, line + "\n");
        Result refused =
                TinyRun.cleave(
                        "sports",
                        folder.resolve("model").toString(),
                        "--questions",
                        file.toString(),
                        "--run",
                        folder.resolve("refused").toString());
        assertThat(refused.exitCode()).as(refused.out()).isEqualTo(2);
        assertThat(refused.err()).contains(problem).doesNotContain("\tat ");
        assertThat(folder.resolve("refused")).doesNotExist();
        assertThat(folder.resolve("refused-questions")).doesNotExist();
    }
}
