package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.engine.GatePass;
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
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

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
        List<Tensor> ofUpper = upper.stream().map(Tensors::zerosLike).toList();
        StepOutcome outcome = StepOutcome.nothing(streams, on.sites());
        outcome.use(on.engine(), lower, valid);

        // 4. Losses, and from them to U, V and the importances: pass by pass, each freed before the
        // next is made.
        Divergence divergence =
                Divergence.from(
                        on.target().outputs(),
                        opened.clean().outputs(),
                        slice.batch().losses().counted());
        MaskedForward forward =
                MaskedForward.differentiated(
                        on, slice.batch(), opened.clean(), lower, stream.weightDelta());
        int firstTerm =
                streams.subList(0, slice.stream()).stream().mapToInt(s -> s.losses().size()).sum();
        for (int index = 0; index < stream.losses().size(); index++) {
            LossTerm term = stream.losses().get(index);
            phases.enter(term.name());
            double coefficient = term.coefficient().at(step, steps);
            double value =
                    switch (term) {
                        case Reconstruction reconstruction ->
                                onPasses(
                                        term.name(),
                                        Losses.reconstruction(
                                                reconstruction,
                                                forward,
                                                divergence,
                                                seed,
                                                step,
                                                firstTerm + index),
                                        1 / slice.lossPositions(),
                                        coefficient);
                        case UnusedEffect _ -> {
                            int site = (int) (step % on.sites().size());
                            double[] unused = coupling.unused(slice.stream(), index, site);
                            double share = 1 - Arrays.stream(unused).min().orElse(1);
                            if (share == 0) {
                                yield 0;
                            }
                            yield onPasses(
                                    term.name(),
                                    List.of(() ->
                                            Losses.unusedEffect(
                                                    forward,
                                                    on.target().outputs(),
                                                    slice.batch(),
                                                    site,
                                                    unused)),
                                    share / slice.lossPositions(),
                                    coefficient);
                        }
                        case UsedAlone _ -> {
                            List<double[]> used = used(coupling, slice.stream(), index);
                            yield onPasses(
                                    term.name(),
                                    List.of(() -> Losses.usedAlone(forward, divergence, used)),
                                    1 / slice.lossPositions(),
                                    coefficient);
                        }
                        case ImportanceMinimality minimality -> {
                            double p = minimality.p().at(step, steps);
                            yield onImportances(
                                    ofUpper,
                                    coupling.weights(slice.stream(), index),
                                    (site, w, gradient) ->
                                            ImportanceLosses.powers(
                                                    on.engine(),
                                                    minimality,
                                                    p,
                                                    upper.get(site),
                                                    valid,
                                                    w,
                                                    gradient,
                                                    coefficient));
                        }
                        case Usage _ ->
                                onImportances(
                                        ofUpper,
                                        coupling.weights(slice.stream(), index),
                                        (site, w, gradient) ->
                                                ImportanceLosses.peaks(
                                                        on.engine(),
                                                        upper.get(site),
                                                        valid,
                                                        w,
                                                        gradient,
                                                        coefficient));
                    };
            outcome.term(slice.stream(), index, value, coefficient);
        }

        // 5. From the weight deltas and the kernels, which passes share, to U, V and the
        // importances.
        phases.enter(Phases.BACKWARD);
        forward.backward();

        // 6. Through the sigmoids by their own rule, and on through the gates.
        phases.enter(Phases.GATES_BACKWARD);
        for (int site = 0; site < lower.size(); site++) {
            CausalImportance importance = opened.importances().get(site);
            opened.gates()
                    .get(site)
                    .backward(
                            LeakyHardSigmoid.backward(
                                    on.engine(),
                                    importance.preactivation(),
                                    gradient(importance.lower()),
                                    ofUpper.get(site),
                                    on.leak()));
        }
        phases.enter(Phases.REST);
        return outcome;
    }

    /// How used the batch has each site's subcomponents, `[C]` each.
    private List<double[]> used(Coupling coupling, int stream, int index) {
        return IntStream.range(0, on.sites().size())
                .mapToObj(site -> coupling.used(stream, index, site))
                .toList();
    }

    private CausalImportance leaf(Tensor preactivation) {
        CausalImportance importance = CausalImportance.of(on.engine(), preactivation, on.leak());
        importance.lower().requires_grad_(true);
        return importance;
    }

    /// The value of a term on masked passes; its gradient is added to those of U, V and the
    /// importances.
    ///
    /// @param losses of each pass
    /// @param scale of a pass's loss in the term
    private double onPasses(
            String name, List<Supplier<Tensor>> losses, double scale, double coefficient) {
        double value = 0;
        for (Supplier<Tensor> loss : losses) {
            phases.enter(name);
            value +=
                    Scopes.run(() -> {
                        if (coefficient == 0) {
                            return Tensors.number(Scopes.withoutGradient(loss));
                        }
                        Tensor one = loss.get();
                        if (one.requires_grad()) {
                            phases.enter(Phases.BACKWARD);
                            one.mul(coefficient * scale).backward();
                        }
                        return Tensors.number(one);
                    });
        }
        return value * scale;
    }

    /// A term on the importances of one site: its value; its gradient is added.
    @FunctionalInterface
    private interface OnSite {
        double run(int site, double[] weights, Tensor gradient);
    }

    /// The value of a term on the importances of every site; its gradient is added to theirs.
    private static double onImportances(List<Tensor> gradients, double[][] weights, OnSite term) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    double value = 0;
                    for (int site = 0; site < weights.length; site++) {
                        value += term.run(site, weights[site], gradients.get(site));
                    }
                    return value;
                }));
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : leaf.new_zeros(leaf.shape());
    }
}
