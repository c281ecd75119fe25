package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid;
import cleave.loss.Divergence;
import cleave.loss.ImportanceLosses;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.Usage;
import cleave.loss.Losses;
import cleave.mask.MaskedForward;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
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
    /// @param preactivations of each site `[B, T, C]`, with the gates' graph
    /// @param importances of each site, leaves of the losses' graph
    record Opened(
            Slice slice,
            Clean clean,
            List<Tensor> preactivations,
            List<CausalImportance> importances) {}

    /// Runs the target and the gates.
    Opened open(Slice slice) {
        // 1. Clean forward of the frozen target: site inputs, block inputs, outputs.
        phases.enter(Phases.CLEAN);
        Clean clean = Scopes.withoutGradient(() -> on.target().clean(slice.batch()));
        // 2. Gates, with their graph.
        phases.enter(Phases.GATES);
        List<Tensor> preactivations = on.preactivations(clean, slice.batch().valid());
        // 3. Importances, cut from that graph.
        return new Opened(
                slice, clean, preactivations, preactivations.stream().map(this::leaf).toList());
    }

    /// Computes the losses and adds their gradients to the leaves.
    StepOutcome close(Opened opened, Coupling coupling, long seed, long step) {
        phases.enter(Phases.REST);
        Slice slice = opened.slice();
        Stream stream = streams.get(slice.stream());
        Tensor valid = slice.batch().valid();
        List<Tensor> lower = opened.importances().stream().map(CausalImportance::lower).toList();
        List<Tensor> upper = opened.importances().stream().map(CausalImportance::upper).toList();
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
            Tensor loss =
                    switch (term) {
                        case Reconstruction reconstruction ->
                                mean(
                                        Losses.reconstruction(
                                                reconstruction,
                                                forward,
                                                divergence,
                                                seed,
                                                step,
                                                firstTerm + index),
                                        slice.lossPositions());
                        case ImportanceMinimality minimality -> {
                            double p = minimality.p().at(step, steps);
                            yield weighted(
                                    upper,
                                    coupling.weights(slice.stream(), index),
                                    g -> ImportanceLosses.powers(minimality, p, g, valid));
                        }
                        case Usage _ ->
                                weighted(
                                        upper,
                                        coupling.weights(slice.stream(), index),
                                        g -> ImportanceLosses.peaks(g, valid));
                    };
            double coefficient = term.coefficient().at(step, steps);
            outcome.term(slice.stream(), index, Tensors.number(loss), coefficient);
            total = total.add(loss.mul(new Scalar(coefficient)));
        }

        // 5. To U, V and the importances.
        phases.enter(Phases.BACKWARD);
        if (total.requires_grad()) {
            total.backward();
        }

        // 6. Through the sigmoids by their own rule, and on through the gates.
        phases.enter(Phases.GATES_BACKWARD);
        TensorVector roots = new TensorVector();
        TensorVector gradients = new TensorVector();
        for (int site = 0; site < upper.size(); site++) {
            roots.push_back(opened.preactivations().get(site));
            gradients.push_back(
                    LeakyHardSigmoid.backward(
                            opened.importances().get(site).preactivation(),
                            gradient(lower.get(site)),
                            gradient(upper.get(site)),
                            on.leak()));
        }
        torch.backward(roots, gradients, new BoolOptional(), false, new TensorVector());
        phases.enter(Phases.REST);
        return outcome;
    }

    private CausalImportance leaf(Tensor preactivation) {
        CausalImportance importance = CausalImportance.of(preactivation.detach(), on.leak());
        importance.lower().requires_grad_(true);
        importance.upper().requires_grad_(true);
        return importance;
    }

    /// A slice's part of a mean over the batch; zero for a routing that replaced no site.
    private Tensor mean(@Nullable Tensor sum, double count) {
        return sum == null ? Tensors.zeros(on.target().type()) : sum.div(new Scalar(count));
    }

    /// The weighted sum over sites and subcomponents of numbers that add up over slices.
    private Tensor weighted(
            List<Tensor> upper, double[][] weights, Function<Tensor, Tensor> numbers) {
        Tensor sum = Tensors.zeros(on.target().type());
        for (int site = 0; site < upper.size(); site++) {
            sum = sum.add(ImportanceLosses.weighted(numbers.apply(upper.get(site)), weights[site]));
        }
        return sum;
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : leaf.new_zeros(leaf.shape());
    }
}
