package cleave.training;

import cleave.loss.Faithfulness;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UnusedEffect;
import cleave.loss.Usage;
import cleave.loss.UsedAlone;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.Task;
import cleave.schedule.Schedule;
import cleave.testing.PaddedTask;
import cleave.testing.Toy;
import java.util.List;
import java.util.Optional;

/// An objective on toy targets that has something of everything: two streams, padding, every
/// routing, the weight delta, and the terms that couple a batch.
final class ToyStreams {
    /// Faithfulness that changes over the run.
    static final Faithfulness FAITHFULNESS =
            new Faithfulness(new Schedule.Linear(2, 1, Optional.empty(), Optional.empty()), false);

    private ToyStreams() {}

    /// Two streams; their batches of 5 and 4 are no multiples of 3.
    ///
    /// @param p the power of minimality
    static List<Stream> everything(double p) {
        return everything(
                p,
                new PaddedTask("padded", Toy.TOKENS, Toy.LENGTH, true),
                new PaddedTask("full", Toy.TOKENS, Toy.LENGTH - 1, false));
    }

    /// The same terms on examples of two tasks.
    static List<Stream> everything(double p, Task first, Task second) {
        return List.of(
                new Stream(
                        first,
                        5,
                        WeightDelta.STOCHASTIC,
                        List.of(
                                reconstruct(new Masking.Stochastic(), new Routing.All(), 1, 2),
                                reconstruct(
                                        new Masking.Importance(), new Routing.EachAlone(), 0.5, 1),
                                minimality(p, PositionReduction.MEAN),
                                new Usage(Schedule.constant(0.05), 0.5, 1e-5),
                                new UnusedEffect(Schedule.constant(0.6)),
                                reconstruct(
                                        new Masking.Stochastic(),
                                        new Routing.RandomSubset(Drawn.PER_POSITION),
                                        0.7,
                                        1),
                                reconstruct(
                                        new Masking.Importance(),
                                        new Routing.Bernoulli(0.4, Drawn.PER_BATCH),
                                        0.3,
                                        3),
                                new UsedAlone(Schedule.constant(0.8)))),
                new Stream(
                        second,
                        4,
                        WeightDelta.ON,
                        List.of(
                                // Passes without a graph first; later ones share the weight delta.
                                new UnusedEffect(Schedule.constant(0.7)),
                                reconstruct(new Masking.Importance(), new Routing.All(), 0, 1),
                                minimality(p, PositionReduction.SUM),
                                reconstruct(
                                        new Masking.Stochastic(),
                                        new Routing.Bernoulli(0.5, Drawn.PER_POSITION),
                                        1,
                                        1),
                                reconstruct(
                                        new Masking.Rounded(),
                                        new Routing.RandomSubset(Drawn.PER_BATCH),
                                        0.2,
                                        1),
                                reconstruct(new Masking.Binary(), new Routing.All(), 0.7, 1),
                                new UsedAlone(Schedule.constant(0.9)))));
    }

    /// One stream with padding, draws of every kind and the terms that couple a batch of 5.
    static List<Stream> light() {
        return List.of(
                new Stream(
                        new PaddedTask("padded", Toy.TOKENS, Toy.LENGTH, true),
                        5,
                        WeightDelta.STOCHASTIC,
                        List.of(
                                reconstruct(
                                        new Masking.Stochastic(),
                                        new Routing.RandomSubset(Drawn.PER_POSITION),
                                        1,
                                        1),
                                minimality(1, PositionReduction.MEAN),
                                new Usage(Schedule.constant(0.05), 0.5, 1e-5),
                                new UnusedEffect(Schedule.constant(0.4)))));
    }

    private static LossTerm reconstruct(
            Masking source, Routing routing, double coefficient, int draws) {
        return new Reconstruction(Schedule.constant(coefficient), source, routing, draws);
    }

    private static LossTerm minimality(double p, PositionReduction positions) {
        return new ImportanceMinimality(
                Schedule.constant(0.1), Schedule.constant(p), 1e-6, true, positions, 0.3);
    }
}
