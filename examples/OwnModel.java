import cleave.analysis.Census;
import cleave.importance.VectorMlp;
import cleave.loss.ImportanceMinimality;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.model.*;
import cleave.report.Report;
import cleave.run.Decompositions;
import cleave.run.HeldRun;
import cleave.run.LoadedRun;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// Two linear maps with a ReLU between them. The first adds six features up in three pairs, the
/// second gives each pair a logit.
static final class Pairs extends SimpleTarget {
    private static final double[] ADD = {1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1};

    Pairs() {
        super(
                Outputs.LOGITS,
                List.of(Site.whole("add", 0, "add", 6, 3), Site.whole("answer", 1, "answer", 3, 3)),
                Map.of(
                        "add", Tensors.of(ADD, Type.FLOAT, 3, 6),
                        "answer", Tensors.eye(Type.FLOAT, 3).mul(4)));
    }

    @Override
    protected Tensor run(Batch batch, Maps maps) {
        Tensor sums = maps.of("add", batch.inputs()).relu(); // [B, 1, 3]
        return Positions.select(maps.of("answer", sums), batch.losses().index());
    }
}

/// One feature in 0..1 at a time; the right answer is its pair.
record OneFeature(String stream) implements Task {
    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        float[] inputs = new float[rows * 6];
        long[] answers = new long[rows];
        for (int row = 0; row < rows; row++) {
            Draws.Key key = Draws.key(seed, purpose).with(stream).with(first + row);
            int feature = key.below(6, 0);
            inputs[row * 6 + feature] = key.uniform(2);
            answers[row] = feature / 2;
        }
        Tensor x = Tensors.of(inputs, Type.FLOAT, rows, 1, 6);
        return Examples.whole(stream, first, x, Tensors.of(answers, rows, 1));
    }

    @Override
    public List<String> marks() {
        return List.of();
    }
}

/// Decomposes it in two goes and says what was found: `OwnModel.java [DIRECTORY]`.
void main(String... arguments) throws IOException {
    HeldRun run =
            Decompositions.of(new Pairs(), OneFeature::new)
                    .sites("*", 5)
                    .importance(new VectorMlp(8))
                    .losses(
                            Reconstruction.of(1, new Masking.Stochastic(), new Routing.All()),
                            Reconstruction.of(1, new Masking.Stochastic(), new Routing.EachAlone()),
                            ImportanceMinimality.of(2e-2, 1))
                    .learningRate(2e-2)
                    .workers(1, 64) // a batch is one slice: the model is small
                    .steps(2000)
                    .in(Path.of(arguments.length > 0 ? arguments[0] : "runs/own-model"));
    run.train(report -> {
        if (report.step() == 999) {
            run.stop(); // the state is saved
        }
    });
    run.train(); // goes on with step 1000
    try (LoadedRun reached = run.open()) {
        Census census = Census.of(reached, 0.5, 1024);
        census.sites().forEach((site, found) -> IO.println(site + " uses " + found.unique()));
        IO.println("report: " + Report.write(reached, census));
    }
}
