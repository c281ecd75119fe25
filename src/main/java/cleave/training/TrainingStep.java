package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.importance.GatePass;
import cleave.importance.LeakyHardSigmoid;
import cleave.loss.Divergence;
import cleave.loss.ImportanceLosses;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.UnusedEffect;
import cleave.loss.LossTerm.Usage;
import cleave.loss.LossTerm.UsedAlone;
import cleave.loss.Losses;
import cleave.mask.MaskedForward;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// One step of the method on one slice of a batch: losses and gradients (spec T4).
///
/// `open` runs the target and the gates; `close` computes the losses and differentiates. Between
/// the two, terms that couple the batch can be told what the other slices found.
///
/// @param on the decomposition, on the leaves that gradients add up in
/// @param streams examples and their terms
/// @param steps length of the run, for schedules
/// @param phases hears where the step is
record TrainingStep(Decomposition on, List<Stream> streams, long steps, Phases phases) {

    /// A few whole sequences of a stream's batch, and what the batch's terms are divided by.
    ///
    /// @param stream index of the stream
    /// @param batch the sequences
    /// @param sequences B of the whole batch
    /// @param positions M of the whole batch
    /// @param lossPositions N of the whole batch
    record Slice(
            int stream, Batch batch, double sequences, double positions, double lossPositions) {}

    /// A slice between its gates and its losses.
    ///
    /// @param clean the target's clean pass
    /// @param gates of each site
    /// @param importances of each site, the lower ones leaves of the reconstructions' graph
    record Opened(
            Slice slice, Clean clean, List<GatePass> gates, List<CausalImportance> importances) {}

    /// Runs the target and the gates.
    Opened open(Slice slice) {
        // 1. Clean forward of the frozen target: site inputs, block inputs, outputs.
        phases.enter(Phases.CLEAN);
        Clean clean = Scopes.withoutGradient(() -> on.target().clean(slice.batch()));
        // 2. Gates, with their way back.
        phases.enter(Phases.GATES);
        List<GatePass> gates = on.passes(clean, slice.batch().valid());
        // 3. Importances, leaves of the losses' graph.
        return new Opened(
                slice,
                clean,
                gates,
                gates.stream().map(gate -> leaf(gate.preactivation())).toList());
    }

    /// Computes the losses and adds their gradients to the leaves.
    StepOutcome close(Opened opened, Coupling coupling, long seed, long step) {
        phases.enter(Phases.REST);
        Slice slice = opened.slice();
        Stream stream = streams.get(slice.stream());
        Tensor valid = slice.batch().valid();
        List<Tensor> lower = opened.importances().stream().map(CausalImportance::lower).toList();
        List<Tensor> upper = opened.importances().stream().map(CausalImportance::upper).toList();
        List<Tensor> ofUpper = upper.stream().map(torch::zeros_like).toList();
        StepOutcome outcome = StepOutcome.nothing(streams, on.sites());
        outcome.use(lower, valid);

        // 4. Losses.
        Divergence divergence =
                Divergence.from(
                        on.target().outputs(),
                        opened.clean().outputs(),
                        slice.batch().losses().counted());
        MaskedForward forward =
                new MaskedForward(on, slice.batch(), opened.clean(), lower, stream.weightDelta());
        int firstTerm =
                streams.subList(0, slice.stream()).stream().mapToInt(s -> s.losses().size()).sum();
        Tensor total = Tensors.zeros(on.target().type());
        for (int index = 0; index < stream.losses().size(); index++) {
            LossTerm term = stream.losses().get(index);
            phases.enter(term.name());
            double coefficient = term.coefficient().at(step, steps);
            double value =
                    switch (term) {
                        case Reconstruction reconstruction -> {
                            Tensor loss =
                                    mean(
                                            Losses.reconstruction(
                                                    reconstruction,
                                                    forward,
                                                    divergence,
                                                    seed,
                                                    step,
                                                    firstTerm + index),
                                            slice.lossPositions());
                            total = total.add(loss.mul(new Scalar(coefficient)));
                            yield Tensors.number(loss);
                        }
                        case UnusedEffect _ -> {
                            int site = (int) (step % on.sites().size());
                            double[] unused = coupling.unused(slice.stream(), index, site);
                            double share = 1 - Arrays.stream(unused).min().orElse(1);
                            if (share == 0) {
                                yield 0;
                            }
                            Tensor loss =
                                    mean(
                                            Losses.unusedEffect(
                                                            forward,
                                                            on.target().outputs(),
                                                            slice.batch(),
                                                            site,
                                                            Tensors.of(
                                                                    unused,
                                                                    on.target().type(),
                                                                    unused.length))
                                                    .mul(new Scalar(share)),
                                            slice.lossPositions());
                            total = total.add(loss.mul(new Scalar(coefficient)));
                            yield Tensors.number(loss);
                        }
                        case UsedAlone _ -> {
                            Tensor loss =
                                    mean(
                                            Losses.usedAlone(
                                                    forward,
                                                    divergence,
                                                    used(coupling, slice.stream(), index),
                                                    lower,
                                                    valid),
                                            slice.lossPositions());
                            total = total.add(loss.mul(new Scalar(coefficient)));
                            yield Tensors.number(loss);
                        }
                        case ImportanceMinimality minimality -> {
                            double p = minimality.p().at(step, steps);
                            yield onImportances(
                                    upper,
                                    ofUpper,
                                    coupling.weights(slice.stream(), index),
                                    coefficient,
                                    (g, w) -> ImportanceLosses.powers(minimality, p, g, valid, w));
                        }
                        case Usage _ ->
                                onImportances(
                                        upper,
                                        ofUpper,
                                        coupling.weights(slice.stream(), index),
                                        coefficient,
                                        (g, w) -> ImportanceLosses.peaks(g, valid, w));
                    };
            outcome.term(slice.stream(), index, value, coefficient);
        }

        // 5. To U, V and the importances.
        phases.enter(Phases.BACKWARD);
        if (total.requires_grad()) {
            total.backward();
        }

        // 6. Through the sigmoids by their own rule, and on through the gates.
        phases.enter(Phases.GATES_BACKWARD);
        for (int site = 0; site < lower.size(); site++) {
            CausalImportance importance = opened.importances().get(site);
            opened.gates()
                    .get(site)
                    .backward(
                            LeakyHardSigmoid.backward(
                                    importance.preactivation(),
                                    gradient(importance.lower()),
                                    ofUpper.get(site),
                                    on.leak()));
        }
        phases.enter(Phases.REST);
        return outcome;
    }

    /// How used the batch has each site's subcomponents, `[C]` each.
    private List<Tensor> used(Coupling coupling, int stream, int index) {
        return IntStream.range(0, on.sites().size())
                .mapToObj(site -> coupling.used(stream, index, site))
                .map(used -> Tensors.of(used, on.target().type(), used.length))
                .toList();
    }

    private CausalImportance leaf(Tensor preactivation) {
        CausalImportance importance = CausalImportance.of(preactivation, on.leak());
        importance.lower().requires_grad_(true);
        return importance;
    }

    /// A slice's part of a mean over the batch; zero for a routing that replaced no site.
    private Tensor mean(@Nullable Tensor sum, double count) {
        return sum == null ? Tensors.zeros(on.target().type()) : sum.div(new Scalar(count));
    }

    /// The value of a term on the importances of every site; its gradient is added to theirs.
    private static double onImportances(
            List<Tensor> upper,
            List<Tensor> gradients,
            double[][] weights,
            double coefficient,
            BiFunction<Tensor, double[], ImportanceLosses.Weighted> term) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    double value = 0;
                    for (int site = 0; site < weights.length; site++) {
                        ImportanceLosses.Weighted one = term.apply(upper.get(site), weights[site]);
                        value += one.value();
                        gradients.get(site).add_(one.gradient(), new Scalar(coefficient));
                    }
                    return value;
                }));
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : leaf.new_zeros(leaf.shape());
    }
}
