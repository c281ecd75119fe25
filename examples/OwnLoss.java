import cleave.analysis.Census;
import cleave.config.AtLeast;
import cleave.hub.Model;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceMinimality;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.MaskDraws;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.report.Report;
import cleave.run.Decompositions;
import cleave.run.HeldRun;
import cleave.run.LoadedRun;
import cleave.schedule.Schedule;
import cleave.tensor.Type;

/// The mean of the squared divergence under masks: it dwells on the sequences that are furthest from
/// the target.
record SquaredDivergence(@AtLeast(0) Schedule coefficient, Masking masks) implements LossTerm {
    @Override
    public String name() {
        return "squared_divergence";
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        LossSlice.Draw draw = slice.draw();
        MaskDraws draws = new MaskDraws(draw.seed(), draw.step(), draw.term(), 0);
        double value = 0;
        for (var pass : slice.forward().passes(masks, new Routing.All(), draws)) {
            value +=
                    slice.onPass(
                            () -> slice.divergence().at(pass.get().outputs()).square().sum(),
                            1 / slice.sizes().lossPositions());
        }
        return value;
    }
}

/// Decomposes a model that comes with Cleave: `OwnLoss.java [DIRECTORY [STEPS]]`.
void main(String... arguments) throws IOException {
    long steps = arguments.length > 1 ? Long.parseLong(arguments[1]) : 2000;
    try (Model model = Model.load(Path.of("models/induction-fixed-after"), Type.FLOAT)) {
        HeldRun run =
                Decompositions.of(model.target(), stream -> model.spec().task(stream, 24))
                        .sites("[QKVO][01]", 16)
                        .losses(
                                Reconstruction.of(1, new Masking.Stochastic(), new Routing.All()),
                                new SquaredDivergence(
                                        Schedule.constant(0.5), new Masking.Stochastic()),
                                ImportanceMinimality.of(1e-3, 1))
                        .steps(steps)
                        .in(Path.of(arguments.length > 0 ? arguments[0] : "runs/own-loss"));
        run.train(report -> {
            if (report.step() == steps / 2) {
                run.stop();
            }
        });
        run.train(report -> {
            if (report.step() % 100 == 99) {
                IO.println(report.step() + 1 + " " + report.outcome().terms());
            }
        });
        try (LoadedRun reached = run.open()) {
            Census census = Census.of(reached, 0.5, 512);
            census.sites().forEach((site, found) -> IO.println(site + " uses " + found.unique()));
            IO.println("report: " + Report.write(reached, census));
        }
    }
}
