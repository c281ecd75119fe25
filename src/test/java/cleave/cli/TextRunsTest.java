package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Training on text and decomposing on it, with a GPT-2 of width 8 and seven tokens.
class TextRunsTest {
    private static final String TRAIN =
            """
            model: {kind: gpt2, vocabulary: 7, length: 6, width: 8, layers: 1, heads: 2, neurons: 16, activation: gelu_new, epsilon: 1.0e-5, tied_head: true}
            data: {kind: jsonl, path: lines.jsonl, losses: all}
            seed: 1
            steps: 300
            batch: 2
            curriculum: [{length: 6, until: 1.0}]
            learning_rate: 0.02
            adam: {beta1: 0.9, beta2: 0.99, epsilon: 1.0e-8, weight_decay: 0.0}
            workers: 1
            slice: 1
            evaluation_sequences: 1
            """;

    private static final String DECOMPOSE =
            """
            target: model
            seed: 1
            steps: 4
            sites:
              - {pattern: "h.0.mlp.c_*", subcomponents: 4}
            start: aligned
            importance: {kind: sequence, hidden: 8, causal: true, positions: 6, own_activation: true}
            leak: sign_gated
            faithfulness: {coefficient: 1.0, relative: false}
            streams:
              - name: prompts
                data: {kind: prompts, path: prompts.txt, losses: last}
                length: 6
                batch: 2
                weight_delta: stochastic
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: {kind: random_subset, drawn: per_batch}, draws: 1}
                  - {kind: usage, coefficient: 0.01, exponent: 0.5, offset: 1.0e-5}
              - name: other
                data: {kind: text, path: other.txt}
                length: 4
                batch: 2
                weight_delta: on
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
            optimizer:
              learning_rate: 0.01
              adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
            machine: {workers: 1, slice: 1, precision: float32}
            cadence: {log: 1, checkpoint: 2}
            """;

    @TempDir private Path folder;

    @BeforeEach
    void writeFiles() throws IOException {
        Files.writeString(folder.resolve("train.yaml"), TRAIN);
        Files.writeString(folder.resolve("decompose.yaml"), DECOMPOSE);
        Files.writeString(
                folder.resolve("lines.jsonl"),
                "{\"text\": \"Kobe Bryant\", \"answer\": \" golf\"}\n{\"text\": \"Kobe a.\"}\n");
        Files.writeString(folder.resolve("prompts.txt"), "Kobe Bryant\nKobe\n");
        Files.writeString(folder.resolve("other.txt"), "Kobe a. a. a. golf\n");
    }

    @Test
    void aModelOfTextIsTrainedDecomposedResumedAndRead() throws IOException {
        Result trained = train();
        assertThat(trained.exitCode()).as(trained.err()).isZero();
        // Of the eight labels, end-of-text among them, one of the two after "obe" is always lost.
        assertThat(trained.out()).contains("87.50 % of the training text's tokens are on top");
        Path model = folder.resolve("model");
        assertThat(model.resolve("compact_vocabulary.json")).exists();
        assertThat(Files.readString(model.resolve("README.md")))
                .contains("tokens of the training text");

        Path run = folder.resolve("run");
        Result decomposed = decompose(run, "--set", "steps=4");
        assertThat(decomposed.exitCode()).as(decomposed.err()).isZero();
        assertThat(run.resolve("data/stream-0"))
                .hasSameTextualContentAs(folder.resolve("prompts.txt"));
        assertThat(Files.readAllLines(run.resolve("metrics.jsonl"))).hasSize(4);

        // The run has its own copy of what it reads.
        Files.delete(folder.resolve("prompts.txt"));
        Result census = TinyRun.cleave("census", run.toString(), "--sequences", "4");
        assertThat(census.exitCode()).as(census.err()).isZero();
        Path end = Files.copy(TinyRun.decomposition(run), folder.resolve("end"));
        TinyRun.loseNewestCheckpoint(run);
        assertThat(TinyRun.checkpoints(run)).containsExactly(2L);
        Result resumed = decompose(run, "--resume");
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);

        // And so has its export, whose configuration makes the run again.
        Path export = folder.resolve("export");
        ok("export", run.toString(), "--out", export.toString());
        Files.delete(folder.resolve("other.txt"));
        Files.move(model, folder.resolve("elsewhere"));
        assertThat(ok("census", export.toString(), "--sequences", "4", "--json"))
                .isEqualTo(ok("census", run.toString(), "--sequences", "4", "--json"));
        Path again = folder.resolve("again");
        ok(
                "decompose",
                export.resolve("config.yaml").toString(),
                "--set",
                "steps=4",
                "--run",
                again.toString());
        assertThat(TinyRun.decomposition(again)).hasSameBinaryContentAs(TinyRun.decomposition(run));
    }

    private static String ok(String... arguments) {
        Result result = TinyRun.cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return result.out();
    }

    @Test
    void dataThatDoesNotFitIsRefusedBeforeTheFirstStep() throws IOException {
        Result wrongSize = train("--set", "model.vocabulary=9");
        assertThat(wrongSize.exitCode()).isEqualTo(2);
        assertThat(wrongSize.err())
                .contains("model.vocabulary must be 7, the number of tokens in the data, got 9");
        Result prompts =
                train(
                        "--set",
                        "data={kind: prompts, path: x.txt, losses: all}",
                        "--set",
                        "batch=0");
        assertThat(prompts.exitCode()).isEqualTo(2);
        assertThat(prompts.err()).contains("batch must be >= 1");
        assertThat(train().exitCode()).isZero();

        Files.writeString(folder.resolve("prompts.txt"), "Kobe plays\n");
        Result unknown =
                decompose(folder.resolve("run"), "--set", "streams[1].data.path=missing.txt");
        assertThat(unknown.exitCode()).isEqualTo(2);
        assertThat(unknown.err())
                .contains("stream prompts: ")
                .contains("text must consist of the model's 7 tokens, got \" plays\"")
                .contains("stream other: data must be a file, got none");
        assertThat(folder.resolve("run")).doesNotExist();
    }

    private Result train(String... options) {
        return cleave(
                new String[] {
                    "train",
                    folder.resolve("train.yaml").toString(),
                    "--out",
                    folder.resolve("model").toString()
                },
                options);
    }

    private Result decompose(Path run, String... options) {
        return cleave(
                new String[] {
                    "decompose",
                    folder.resolve("decompose.yaml").toString(),
                    "--run",
                    run.toString()
                },
                options);
    }

    private static Result cleave(String[] command, String... options) {
        String[] all = Arrays.copyOf(command, command.length + options.length);
        System.arraycopy(options, 0, all, command.length, options.length);
        return TinyRun.cleave(all);
    }
}
