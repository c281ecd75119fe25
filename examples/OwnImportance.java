import cleave.analysis.Census;
import cleave.config.Above;
import cleave.engine.Gate;
import cleave.hub.Model;
import cleave.importance.PerSite;
import cleave.loss.ImportanceMinimality;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.model.Site;
import cleave.report.Report;
import cleave.run.Decompositions;
import cleave.run.HeldRun;
import cleave.run.LoadedRun;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// How large a subcomponent's inner activation is: `y_c = w_c |(a V)_c| + b_c`, with two numbers to
/// learn for each. Its gradient reaches V as well.
record Size(@Above(0) double deviation) implements PerSite {
    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        return Map.of(
                "weight", Parameter.of(deviation, C).along(0),
                bias(), Parameter.of(0, C).along(0));
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        Tensor inner = activation.matmul(V).abs(); // [B, T, C]
        return inner.mul(gate.get("weight")).add(gate.get(bias()));
    }
}

/// Decomposes a model that comes with Cleave: `OwnImportance.java [DIRECTORY [STEPS]]`.
void main(String... arguments) throws IOException {
    long steps = arguments.length > 1 ? Long.parseLong(arguments[1]) : 2000;
    try (Model model = Model.load(Path.of("models/induction-fixed-after"), Type.FLOAT)) {
        HeldRun run =
                Decompositions.of(model.target(), stream -> model.spec().task(stream, 24))
                        .sites("[QKVO][01]", 16)
                        .importance(new Size(1))
                        .losses(
                                Reconstruction.of(1, new Masking.Stochastic(), new Routing.All()),
                                ImportanceMinimality.of(1e-3, 1))
                        .steps(steps)
                        .in(Path.of(arguments.length > 0 ? arguments[0] : "runs/own-importance"));
        run.train(report -> {
            if (report.step() == steps / 2) {
                run.stop();
            }
        });
        run.train();
        try (LoadedRun reached = run.open()) {
            Census census = Census.of(reached, 0.5, 512);
            census.sites().forEach((site, found) -> IO.println(site + " uses " + found.unique()));
            IO.println("report: " + Report.write(reached, census));
        }
    }
}
