package cleave.testing;

import cleave.hub.Model;
import cleave.model.ModelSpec;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// An induction transformer written by hand, which answers everything right, and a decomposition of
/// its `V0` and `V1` that is good after 300 steps, some three seconds.
///
/// Tokens have one axis each (BOS 0, ordinary 1 to 4, s 5), axis 6 is the mark, axis 7 is free.
/// Layer 0: K0 makes every position look at s, V0 writes the mark, so that all positions from s on
/// are marked. Layer 1: Q1 and K1 make the last s look at marked positions other than s, the
/// earlier the better; V1 copies ordinary tokens. So V0 has rank 1 and is needed at s; V1 is needed
/// up to rank 4 at marked ordinary tokens.
public final class SolvedInduction {
    private static final int VOCABULARY = 4;
    private static final int LENGTH = 32;
    private static final int WIDTH = 8;
    private static final int S = VOCABULARY + 1;
    private static final int MARK = 6;

    /// Axes of queries and keys.
    private static final int DISTANCE = 0;

    private static final int ALWAYS = 1;
    private static final int MARKED = 2;

    /// Attention scores are divided by it.
    private static final double ROOT = Math.sqrt(WIDTH);

    /// How much less a position counts than the one before it, in scores of layer 1.
    private static final double SLOPE = 3;

    /// Positions along `DISTANCE`, small because layer 0 sees their products too.
    private static final double PLACE = 0.02;

    private static final ModelSpec.InductionTransformer SPEC =
            new ModelSpec.InductionTransformer(
                    VOCABULARY, LENGTH, WIDTH, 2, Code.LEARNED, Added.AFTER, true, false, 1);

    private static final String CONFIG =
            """
            target: model
            seed: 1
            steps: 300
            sites:
              - {pattern: "V0", subcomponents: 2}
              - {pattern: "V1", subcomponents: 5}
            start: aligned
            warmup: {steps: 100, learning_rate: 0.01, weight_decay: 0.0}
            importance: {kind: vector_mlp, hidden: 4}
            leak: sign_gated
            faithfulness: {coefficient: 10000.0, relative: false}
            streams:
              - name: train
                length: 32
                batch: 8
                weight_delta: none
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: importance, routing: all, draws: 1}
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
                  - kind: importance_minimality
                    coefficient: 0.0015
                    p: {kind: linear, from: 1.0, to: 0.2}
                    epsilon: 1.0e-12
                    zero_is_free: true
                    positions: sum
                    frequency: 0.0
            optimizer:
              learning_rate: {kind: quarter_cosine, from: 2.0e-2, to: 0.0}
              adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
            machine: {workers: 1, slice: 8, precision: float32}
            cadence: {log: 1, checkpoint: 1000}
            """;

    private final Path folder;

    private SolvedInduction(Path folder) {
        this.folder = folder;
    }

    /// Writes the target and the configuration into a folder.
    public static SolvedInduction in(Path folder) throws IOException {
        Scopes.run(() -> {
            try {
                Model.save(folder.resolve("model"), SPEC, weights(), "# Written by hand\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        Files.writeString(folder.resolve("solved.yaml"), CONFIG);
        return new SolvedInduction(folder);
    }

    private static SortedMap<String, Tensor> weights() {
        double[][] embedding = new double[VOCABULARY + 2][WIDTH];
        double[][] unembedding = new double[VOCABULARY + 2][WIDTH];
        double[][] positions = new double[LENGTH][WIDTH];
        double[][] key0 = new double[WIDTH][WIDTH]; // [d_out][d_in]
        double[][] value0 = new double[WIDTH][WIDTH];
        double[][] query1 = new double[WIDTH][WIDTH];
        double[][] key1 = new double[WIDTH][WIDTH];
        double[][] value1 = new double[WIDTH][WIDTH];
        for (int token = 0; token < embedding.length; token++) {
            embedding[token][token] = 1;
        }
        for (int token = 1; token <= VOCABULARY; token++) {
            unembedding[token][token] = 4; // an importance below 1 shows in the output
            value1[token][token] = 1;
        }
        for (int position = 0; position < LENGTH; position++) {
            positions[position][DISTANCE] = PLACE * position;
            positions[position][ALWAYS] = 1;
        }
        key0[ALWAYS][S] = 8 * ROOT;
        value0[MARK][S] = 1;
        // A mark outweighs the whole way from the first position to the last.
        query1[MARKED][S] = 54 * ROOT;
        key1[MARKED][MARK] = 2;
        key1[MARKED][S] = -4;
        query1[DISTANCE][S] = -SLOPE * ROOT / PLACE;
        SortedMap<String, Tensor> weights = new TreeMap<>();
        weights.put("embedding", tensor(embedding));
        weights.put("unembedding", tensor(unembedding));
        weights.put("positions", tensor(positions));
        weights.put("blocks.0.query", tensor(new double[WIDTH][WIDTH]));
        weights.put("blocks.0.key", tensor(key0));
        weights.put("blocks.0.value", tensor(value0));
        weights.put("blocks.1.query", tensor(query1));
        weights.put("blocks.1.key", tensor(key1));
        weights.put("blocks.1.value", tensor(value1));
        return weights;
    }

    private static Tensor tensor(double[]... rows) {
        double[] flat = Arrays.stream(rows).flatMapToDouble(Arrays::stream).toArray();
        return Tensors.of(flat, Type.FLOAT, rows.length, WIDTH);
    }

    /// Decomposes the target in this process and returns the run directory.
    ///
    /// @param settings such as `steps=10`
    public Path decompose(String name, String... settings) {
        Path run = folder.resolve(name);
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "decompose",
                                folder.resolve("solved.yaml").toString(),
                                "--run",
                                run.toString()));
        Arrays.stream(settings).forEach(setting -> arguments.addAll(List.of("--set", setting)));
        TinyRun.Result result = TinyRun.cleave(arguments.toArray(String[]::new));
        if (result.exitCode() != 0) {
            throw new AssertionError(result.err());
        }
        return run;
    }
}
