package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.DecompositionRun;
import cleave.run.RunFile;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "models/facts-gpt2",
                "models/induction-fixed-after",
                "models/tms-5-2-id",
                "models/resid-mlp-2"
            })
    void aModelGetsAConfigurationThatFitsIt(String model) throws IOException {
        Path config = init(model);
        DecompositionRun.check(RunFile.read(config, List.of()));
        assertThat(Files.readAllLines(config)).allMatch(line -> line.length() <= 160);
        Path run = folder.resolve("run");
        Result result =
                TinyRun.cleave(
                        "decompose",
                        config.toString(),
                        "--run",
                        run.toString(),
                        "--set",
                        "steps=1",
                        "--set",
                        "streams[0].batch=2");
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    @Test
    void promptsDecideTheStream() throws IOException {
        Path prompts = folder.resolve("my prompts.txt");
        Files.writeString(prompts, "Kobe Bryant plays the sport of\nKobe Bryant\n");
        RunFile of =
                RunFile.read(init("models/facts-gpt2", "--prompts", prompts.toString()), List.of());
        DecompositionRun.check(of);
        // 7 tokens, "K" and "obe" among them; the sites of all blocks share four patterns.
        assertThat(of.streams().getFirst().length()).isEqualTo(7);
        assertThat(of.importance().maximumLength()).isEqualTo(7);
        assertThat(of.sites())
                .extracting(RunFile.SitePattern::pattern)
                .containsExactly(
                        "h.*.attn.c_attn", "h.*.attn.c_proj", "h.*.mlp.c_fc", "h.*.mlp.c_proj");

        Path lines = folder.resolve("lines.jsonl");
        Files.writeString(
                lines,
                "{\"text\": \"Kobe Bryant plays the sport of\", \"answer\": \" basketball\"}\n");
        Files.delete(folder.resolve("config.yaml"));
        Path config = init("models/facts-gpt2", "--prompts", lines.toString());
        DecompositionRun.check(RunFile.read(config, List.of()));
        assertThat(config).content().contains("kind: jsonl", "losses: answer");
    }

    @Test
    void whatIsThereStays() throws IOException {
        Path config = init("models/tms-5-2");
        String before = Files.readString(config);
        Result again = TinyRun.cleave("init", "models/tms-5-2", "--out", config.toString());
        assertThat(again.exitCode()).isEqualTo(2);
        assertThat(again.err()).contains("configuration must be a new file", "--out");
        assertThat(config).hasContent(before);
    }

    private Path init(String... arguments) {
        Path config = folder.resolve("config.yaml");
        String[] all = new String[arguments.length + 3];
        all[0] = "init";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        all[arguments.length + 1] = "--out";
        all[arguments.length + 2] = config.toString();
        Result result = TinyRun.cleave(all);
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out()).contains("next: cleave decompose " + config + " --plan");
        return config;
    }
}
