package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.importance.GatesPass;
import cleave.importance.GatesPass.Turns;
import cleave.importance.LeakyHardSigmoid;
import cleave.loss.BatchSummary;
import cleave.loss.Divergence;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.mask.MaskedForward;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;

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
    /// @param sizes of the whole batch
    record Slice(int stream, Batch batch, BatchSummary.Sizes sizes) {}

    /// A slice between its gates and its losses.
    ///
    /// @param clean the target's clean pass
    /// @param gates of all sites
    /// @param importances of each site, the lower ones leaves of the reconstructions' graph
    record Opened(Slice slice, Clean clean, GatesPass gates, List<CausalImportance> importances) {}

    /// Runs the target and the gates.
    Opened open(Slice slice) {
        // 1. Clean forward of the frozen target: site inputs, block inputs, outputs.
        phases.enter(Phases.CLEAN);
        Clean clean = Scopes.withoutGradient(() -> on.target().clean(slice.batch()));
        // 2. Gates, with their way back.
        phases.enter(Phases.GATES);
        GatesPass gates = on.gates(clean, slice.batch().valid());
        // 3. Importances, leaves of the losses' graph.
        return new Opened(
                slice, clean, gates, gates.preactivations().stream().map(this::leaf).toList());
    }

    /// Computes the losses and adds their gradients to the leaves.
    ///
    /// @param turns at the gradients of the gates, which workers share
    StepOutcome close(Opened opened, Summaries summaries, long seed, long step, Turns turns) {
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
                Divergence.taking(
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
            double coefficient = term.coefficient().at(step, steps);
            LossSlice view =
                    new LossSlice(
                            on.engine(),
                            divergence,
                            forward,
                            upper,
                            ofUpper,
                            slice.sizes(),
                            new LossSlice.Draw(seed, step, steps, firstTerm + index),
                            coefficient,
                            listener(term.name()));
            phases.enter(term.name());
            double value = term.apply(view, summaries.of(slice.stream(), index));
            outcome.term(slice.stream(), index, value, coefficient);
        }

        // 5. From the kernels, which passes share, to U, V and the importances.
        phases.enter(Phases.BACKWARD);
        forward.backward();

        // 6. Through the sigmoids by their own rule, and on through the gates.
        phases.enter(Phases.GATES_BACKWARD);
        List<Tensor> gradients = new ArrayList<>();
        for (int site = 0; site < lower.size(); site++) {
            CausalImportance importance = opened.importances().get(site);
            gradients.add(
                    LeakyHardSigmoid.backward(
                            on.engine(),
                            importance.preactivation(),
                            gradient(importance.lower()),
                            ofUpper.get(site),
                            on.leak()));
        }
        opened.gates().backward(gradients, turns);
        phases.enter(Phases.REST);
        return outcome;
    }

    private LossSlice.Listener listener(String term) {
        return new LossSlice.Listener() {
            @Override
            public void forward() {
                phases.enter(term);
            }

            @Override
            public void backward() {
                phases.enter(Phases.BACKWARD);
            }
        };
    }

    private CausalImportance leaf(Tensor preactivation) {
        CausalImportance importance = CausalImportance.of(on.engine(), preactivation, on.leak());
        importance.lower().requires_grad_(true);
        return importance;
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : leaf.new_zeros(leaf.shape());
    }
}
