package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What users ran into with folders of language models, on a GPT-2 of width 8 and seven tokens.
class OddModelTest {
    private static final String TRAIN =
            """
            model: {kind: gpt2, vocabulary: 7, length: 6, width: 8, layers: 1, heads: 2, neurons: 16, activation: gelu_new, epsilon: 1.0e-5, tied_head: true}
            data: {kind: jsonl, path: lines.jsonl, losses: all}
            steps: 1
            batch: 2
            curriculum: [{length: 6, until: 1.0}]
            learning_rate: 0.02
            workers: 1
            """;

    private static final String DECOMPOSE =
            """
            target: model
            steps: 1
            sites:
              - {pattern: "h.0.mlp.c_*", subcomponents: 4}
            importance: {kind: sequence, hidden: 8, causal: true, positions: 6, own_activation: true}
            streams:
              - name: prompts
                data: {kind: prompts, path: prompts.txt, losses: last}
                length: 6
                batch: 2
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
            optimizer:
              learning_rate: 0.01
            machine: {workers: 1}
            """;

    @TempDir private Path folder;
    private Path model;
    private Path run;

    @BeforeEach
    void train() throws IOException {
        model = folder.resolve("model");
        run = folder.resolve("run");
        Files.writeString(folder.resolve("train.yaml"), TRAIN);
        Files.writeString(folder.resolve("decompose.yaml"), DECOMPOSE);
        Files.writeString(
                folder.resolve("lines.jsonl"),
                "{\"text\": \"Kobe Bryant\", \"answer\": \" golf\"}\n{\"text\": \"Kobe a.\"}\n");
        Files.writeString(folder.resolve("prompts.txt"), "Kobe Bryant\nKobe\n");
        ok("train", folder.resolve("train.yaml").toString(), "--out", model.toString());
    }

    @Test
    void aTrainedModelNamesItsTokens() throws IOException {
        JsonNode config = read(model.resolve("config.json"));
        assertThat(config.get("eos_token_id").asInt(-1)).isZero();
        assertThat(config.get("bos_token_id").asInt(-1)).isZero();
    }

    @Test
    void aRunWithoutAnswersHasNoAccuracy() {
        decompose();
        Result text = TinyRun.cleave("census", run.toString(), "--sequences", "4");
        assertThat(text.out().lines().filter(line -> line.startsWith("target itself")))
                .singleElement()
                .asString()
                .matches("target itself +-");
        assertThat(text.out()).doesNotContain("%\n");
        JsonNode census =
                JsonMapper.shared()
                        .readTree(ok("census", run.toString(), "--sequences", "4", "--json"));
        assertThat(census.get("accuracy").isNull()).isTrue();
        assertThat(census.get("accuracies").valueStream()).allMatch(JsonNode::isNull);
        assertThat(census.get("position_free").get("accuracy").isNull()).isTrue();
        Result verdict = TinyRun.cleave("verdict", run.toString(), "--sequences", "4", "--json");
        for (JsonNode line : JsonMapper.shared().readTree(verdict.out()).get("lines")) {
            if (line.get("check").asString().endsWith("ACCURACY")) {
                assertThat(line.get("status").asString()).isEqualTo("info");
                assertThat(line.get("figure").isNull()).isTrue();
                assertThat(line.get("measured").asString())
                        .isEqualTo("nobody knows the answers of these examples");
            }
        }
        assertThat(verdict.out()).doesNotContain("0.00 % right", "accuracy 0.00 %", "NaN");
    }

    @Test
    void aConfigYamlBesideAConfigJsonDoesNotHideIt() throws IOException {
        Files.writeString(model.resolve("config.yaml"), "lr: 0.1\nwandb: {version: 1}\n");
        Result result = TinyRun.cleave("decompose", config(), "--run", run.toString(), "--json");
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(JsonMapper.shared().readTree(result.out()).get("warnings").get(0).asString())
                .contains("config.json is the model's configuration; config.yaml beside it");
        assertThat(run.resolve("target/config.json")).exists();
        assertThat(run.resolve("target/config.yaml")).doesNotExist();

        // Where it is not clear which one counts, both are named.
        Files.writeString(
                model.resolve("config.yaml"),
                "model: {kind: tms, features: 5, hidden: 2, probability: 0.1}\n");
        Result both = TinyRun.cleave("predict", model.toString(), "Kobe");
        assertThat(both.exitCode()).isEqualTo(2);
        assertThat(both.err())
                .contains("got config.yaml and config.json, which both describe a model")
                .contains("hint: remove the one");
    }

    @Test
    void anEditedFolderIsTheTargetsWithEditedTensors() throws IOException {
        Path json = model.resolve("config.json");
        Files.writeString(
                json,
                Files.readString(json)
                        .replaceFirst(
                                "\\{",
                                "{\"eos_token_id\": 5, \"task_specific_params\": {\"a\": [1]},"));
        Files.writeString(model.resolve("generation_config.json"), "{\"eos_token_id\": 5}\n");
        Files.writeString(model.resolve("chat_template.jinja"), "{{ messages }}\n");
        Files.writeString(model.resolve("LICENSE"), "Free.\n");
        Files.writeString(model.resolve("README.md"), "---\nlicense: mit\n---\n# Mine\n");
        Files.writeString(model.resolve("pytorch_model.bin"), "old weights\n");
        Files.createDirectory(model.resolve("additional_chat_templates"));
        Files.writeString(model.resolve("additional_chat_templates/tool.jinja"), "{{ tools }}\n");
        decompose();
        // What an older version's copy lacks is taken from where it was made of.
        Files.delete(run.resolve("target/generation_config.json"));
        Path edited = folder.resolve("edited");
        Files.createDirectory(edited);
        ok("edit", run.toString(), "--suppress", "h.0.mlp.c_fc:1", "--out", edited.toString());

        for (String same :
                new String[] {
                    "generation_config.json",
                    "chat_template.jinja",
                    "LICENSE",
                    "compact_vocabulary.json",
                    "additional_chat_templates/tool.jinja"
                }) {
            assertThat(edited.resolve(same)).hasSameBinaryContentAs(model.resolve(same));
        }
        assertThat(edited.resolve("pytorch_model.bin")).doesNotExist();
        assertThat(edited.resolve("README.md"))
                .content()
                .startsWith("---\nlicense: mit\n---\n\n# An edited language model")
                .endsWith("# Mine\n");
        assertThat(read(edited.resolve("config.json"))).isEqualTo(read(json));
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.map(file -> file.getFileName().toString()))
                    .noneMatch(name -> name.endsWith(".partial"));
        }

        Result within =
                TinyRun.cleave(
                        "edit",
                        run.toString(),
                        "--suppress",
                        "h.0.mlp.c_fc:1",
                        "--out",
                        run.resolve("edited").toString());
        assertThat(within.exitCode()).isEqualTo(2);
        assertThat(within.err()).contains("--out must lie outside of every run");
    }

    private String config() {
        return folder.resolve("decompose.yaml").toString();
    }

    private void decompose() {
        ok("decompose", config(), "--run", run.toString());
    }

    private static String ok(String... arguments) {
        Result result = TinyRun.cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return result.out();
    }

    private static JsonNode read(Path file) throws IOException {
        return JsonMapper.shared().readTree(Files.readString(file));
    }
}
