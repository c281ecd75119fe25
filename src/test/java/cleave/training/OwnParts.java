package cleave.training;

import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.importance.GateInputs;
import cleave.importance.GatesPass;
import cleave.importance.ImportanceFunction;
import cleave.importance.PerSite;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.MaskDraws;
import cleave.mask.MaskForm;
import cleave.mask.MaskedPlace;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.SiteMasks;
import cleave.mask.WeightDelta;
import cleave.model.Site;
import cleave.schedule.Schedule;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.PaddedTask;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;

/// Losses, a masking and importance functions as a user may write them: Cleave has none of them.
final class OwnParts {
    private static final Schedule ONE = Schedule.constant(1);

    private OwnParts() {}

    /// Two streams with every part.
    static List<Stream> streams() {
        return List.of(
                new Stream(
                        new PaddedTask("padded", Toy.TOKENS, Toy.LENGTH, true),
                        5,
                        WeightDelta.STOCHASTIC,
                        List.of(
                                new Size(ONE, new Masking.Stochastic()),
                                new OnPass(ONE, new Masking.Importance(), new Routing.EachAlone()),
                                new Crowding(ONE),
                                new Reconstruction(ONE, new Half(), new Routing.All(), 2),
                                new Size(Schedule.constant(0), new Half()))),
                new Stream(
                        new PaddedTask("full", Toy.TOKENS, Toy.LENGTH - 1, false),
                        4,
                        WeightDelta.ON,
                        List.of(
                                new OnPass(
                                        ONE,
                                        new Masking.Binary(),
                                        new Routing.RandomSubset(Drawn.PER_POSITION)),
                                new Size(ONE, new Masking.Rounded()))));
    }

    /// The mean square of what masked passes give, over loss positions and outputs: a loss of its
    /// own on a pass.
    record Size(Schedule coefficient, Masking masks) implements LossTerm {
        @Override
        public String name() {
            return "size";
        }

        @Override
        public double apply(LossSlice slice, BatchSummary batch) {
            LossSlice.Draw draw = slice.draw();
            MaskDraws keyed = new MaskDraws(draw.seed(), draw.step(), draw.term(), 0);
            double value = 0;
            for (var pass : slice.forward().passes(masks, new Routing.All(), keyed)) {
                value +=
                        slice.onPass(
                                () -> {
                                    Tensor outputs = pass.get().outputs(); // [B, P, d_output]
                                    Tensor each = outputs.mul(outputs).mean(2);
                                    Tensor counted = slice.batch().losses().counted();
                                    return (counted == null ? each : each.mul(counted)).sum();
                                },
                                1 / slice.sizes().lossPositions());
            }
            return value;
        }
    }

    /// What [Reconstruction] says, as a user would write it on a pass.
    record OnPass(Schedule coefficient, Masking masks, Routing routing) implements LossTerm {
        @Override
        public String name() {
            return "on_pass";
        }

        @Override
        public double apply(LossSlice slice, BatchSummary batch) {
            LossSlice.Draw draw = slice.draw();
            MaskDraws keyed = new MaskDraws(draw.seed(), draw.step(), draw.term(), 0);
            var passes = slice.forward().passes(masks, routing, keyed);
            double value = 0;
            for (var pass : passes) {
                value +=
                        slice.onPass(
                                () -> slice.divergence().sum(pass.get().outputs()),
                                1 / slice.sizes().lossPositions() / passes.size());
            }
            return value;
        }
    }

    /// The sum over subcomponents of the square of their mean importance over the batch's
    /// sequences: it couples a batch.
    record Crowding(Schedule coefficient) implements LossTerm {
        @Override
        public String name() {
            return "crowding";
        }

        @Override
        public boolean couples() {
            return true;
        }

        @Override
        public double[][] summary(ImportanceSlice slice) {
            return slice.numbers(site -> counted(slice.upper().get(site), slice.valid()).sum(0, 1));
        }

        @Override
        public double apply(LossSlice slice, BatchSummary batch) {
            double sequences = batch.sizes().sequences();
            return slice.onImportances((site, upper, ofUpper) -> {
                double[] totals = batch.values()[site];
                double[] slopes =
                        Arrays.stream(totals)
                                .map(total -> 2 * total / sequences / sequences)
                                .toArray();
                Tensor slope = Tensors.of(slopes, upper.type(), slopes.length);
                ofUpper.add_(
                        counted(slope.expand_as(upper), slice.valid()).mul(slice.coefficient()));
                return 0;
            });
        }

        @Override
        public OptionalDouble value(BatchSummary batch) {
            double sequences = batch.sizes().sequences();
            return OptionalDouble.of(
                    Arrays.stream(batch.values())
                            .flatMapToDouble(Arrays::stream)
                            .map(total -> total / sequences * (total / sequences))
                            .sum());
        }

        private static Tensor counted(Tensor each, @Nullable Tensor valid) {
            return valid == null ? each : each.mul(valid.unsqueeze(2));
        }
    }

    /// Halfway between the importance and a stochastic mask, with half of the weight delta and of
    /// the remainder.
    record Half() implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            Tensor g = place.importances();
            Tensor mask = g.add(MaskDraws.between(g, place.sources().tensor())).mul(0.5);
            Tensor half = place.everywhere().mul(0.5);
            return new SiteMasks(
                    new MaskForm.Given(mask), place.keepsDeltaInPart() ? half : null, half);
        }
    }

    /// A linear map of the site's input.
    record Linear() implements PerSite {
        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            return Map.of(
                    "weight",
                    Parameter.of(1, site.dIn(), C).along(1),
                    bias(),
                    Parameter.of(0, C).along(0));
        }

        @Override
        public Tensor preactivation(
                Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return activation.matmul(gate.get("weight")).add(gate.get(bias()));
        }
    }

    /// A linear map of the site's input and of a number that all sites make together.
    record LinearOfAll() implements ImportanceFunction {
        @Override
        public Map<String, Parameter> shared(List<Site> sites) {
            return Map.of("read", Parameter.of(1, sites.getFirst().dIn(), 1));
        }

        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            return new Linear().parameters(site, C);
        }

        @Override
        public GatesPass open(GateInputs inputs) {
            Tensor first = inputs.sites().getFirst().activation();
            Tensor common = first.matmul(inputs.shared().get("read")).tanh(); // [B, T, 1]
            return GatesPass.recorded(
                    inputs.sites().stream()
                            .map(site ->
                                    new Linear()
                                            .preactivation(
                                                    site.gate(),
                                                    site.activation(),
                                                    site.V(),
                                                    inputs.valid())
                                            .add(common))
                            .toList());
        }

        @Override
        public long kept(Engine engine, List<GatedSite> sites, long length) {
            return sites.stream().mapToLong(GatedSite::count).sum();
        }
    }
}
