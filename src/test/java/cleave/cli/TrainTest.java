package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.hub.Model;
import cleave.model.ModelSpec;
import cleave.tensor.Type;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/// `cleave train` on a tiny model.
class TrainTest {
    @TempDir private Path temporary;

    @Test
    void writesWeightsConfigurationAndACardTheSameEachTime() throws IOException {
        Path first = temporary.resolve("first");
        Path second = temporary.resolve("second");
        Result result = train(first, "--json");
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(train(second).exitCode()).isZero();

        var json = JsonMapper.shared().readTree(result.out());
        assertThat(json.get("result").get("sequences").asInt()).isEqualTo(50);
        assertThat(json.get("result").get("accuracy").asDouble()).isBetween(0.0, 1.0);
        assertThat(second.resolve(Model.WEIGHTS))
                .hasSameBinaryContentAs(first.resolve(Model.WEIGHTS));
        assertThat(first.resolve("README.md"))
                .content()
                .contains("bin/cleave train", "of 50 fresh sequences of length 12");
        try (Model model = Model.load(first, Type.FLOAT)) {
            assertThat(model.spec())
                    .isInstanceOfSatisfying(
                            ModelSpec.InductionTransformer.class,
                            spec -> assertThat(spec.width()).isEqualTo(8));
            assertThat(model.target().sites()).hasSize(8);
        }
    }

    @Test
    void aLossThatIsNotFiniteIsNamedAndNothingIsWritten() {
        Path out = temporary.resolve("diverged");

        Result result = train(out, "--set=learning_rate=1.0e+30");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err())
                .contains("loss term cross_entropy must be finite")
                .doesNotContain("\tat ", "please report");
        assertThat(out).doesNotExist();
    }

    /// The facts model's own configuration at another size. There is one site for each whole matrix
    /// and three more for the parts of `c_attn`: seven a block.
    @Test
    void aGpt2OfFactsIsWrittenAsHuggingFacesFilesTheSameEachTime() throws IOException {
        Path first = temporary.resolve("first");
        Path second = temporary.resolve("second");
        Result result = trainGpt2(first);
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(trainGpt2(second).exitCode()).isZero();

        assertThat(second.resolve(Model.WEIGHTS))
                .hasSameBinaryContentAs(first.resolve(Model.WEIGHTS));
        assertThat(first.resolve("compact_vocabulary.json")).exists();
        assertThat(first.resolve("README.md")).content().contains("bin/cleave train");
        var config = JsonMapper.shared().readTree(Files.readString(first.resolve("config.json")));
        assertThat(config.get("model_type").asString()).isEqualTo("gpt2");
        assertThat(config.get("n_embd").asInt()).isEqualTo(8);
        assertThat(config.get("n_inner").asInt()).isEqualTo(12);
        try (Model model = Model.load(first, Type.FLOAT)) {
            assertThat(model.spec())
                    .isInstanceOfSatisfying(
                            ModelSpec.Gpt2.class, spec -> assertThat(spec.tokens()).isEqualTo(806));
            assertThat(model.target().sites())
                    .hasSize(9); // seven of its block, the embedding and the head
            assertThat(model.tokenizer()).isPresent();
        }
        Result predicted =
                TinyRun.cleave(
                        "predict",
                        first.toString(),
                        "Kobe Bryant plays the sport of",
                        "--json",
                        "--top",
                        "806");
        var top = JsonMapper.shared().readTree(predicted.out()).get("top");
        assertThat(top.valueStream().mapToDouble(each -> each.get("probability").asDouble()).sum())
                .isCloseTo(1, within(1e-9));
    }

    private static Result trainGpt2(Path out) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "train",
                                "configs/targets/facts-gpt2.yaml",
                                "--out",
                                out.toString()));
        for (String set :
                List.of(
                        "model.width=8",
                        "model.layers=1",
                        "model.heads=2",
                        "model.neurons=12",
                        "steps=4",
                        "batch=4",
                        "slice=2",
                        "workers=2")) {
            arguments.add("--set=" + set);
        }
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }

    private static Result train(Path out, String... more) {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("train", "configs/targets/induction-fixed-after.yaml"));
        arguments.addAll(List.of("--out", out.toString()));
        for (String set :
                List.of(
                        "model.vocabulary=8",
                        "model.length=12",
                        "model.width=8",
                        "curriculum=[{length: 8, until: 0.5}, {length: 12, until: 1.0}]",
                        "steps=20",
                        "batch=10",
                        "slice=4",
                        "evaluation_sequences=50")) {
            arguments.add("--set=" + set);
        }
        arguments.addAll(Arrays.asList(more));
        return TinyRun.cleave(arguments.toArray(String[]::new));
    }
}
