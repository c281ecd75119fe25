package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Parameters.Leaves;
import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid;
import cleave.loss.Divergence;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceLosses;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.Usage;
import cleave.loss.Losses;
import cleave.mask.MaskedForward;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/// The losses of one step and their gradients (spec T4), in slices of whole sequences.
///
/// A slice's graph is built, differentiated and freed before the next one of its worker, so memory
/// does not grow with the batch. Losses that add up over slices need one pass. Terms that couple
/// the batch (frequency, usage) depend on totals over all slices; those come from a first pass
/// without graph, after which the terms are weighted sums (see `ImportanceLosses`).
final class TrainingStep {
    private final Decomposition decomposition;
    private final List<Stream> streams;
    private final Faithfulness faithfulness;
    private final List<Leaves> leaves;
    private final Workers workers;
    private final long seed;
    private final long steps;
    private final int sliceRows;

    TrainingStep(
            Decomposition decomposition,
            List<Stream> streams,
            Faithfulness faithfulness,
            List<Leaves> leaves,
            Workers workers,
            long seed,
            long steps,
            int sliceRows) {
        this.decomposition = decomposition;
        this.streams = streams;
        this.faithfulness = faithfulness;
        this.leaves = leaves;
        this.workers = workers;
        this.seed = seed;
        this.steps = steps;
        this.sliceRows = sliceRows;
    }

    /// A few whole sequences of a stream's batch, and what its terms are divided by.
    private record Slice(
            int stream, Batch batch, double sequences, double positions, double lossPositions) {}

    /// Fills the leaves' gradients and adds them up into the first worker's.
    StepOutcome gradients(long step) {
        leaves.forEach(Leaves::clear);
        List<Slice> slices = slices(step);
        Coupling coupling = coupling(slices, step);
        List<List<StepOutcome>> outcomes =
                workers.run(
                        perWorker(
                                slices,
                                worker -> worker == 0 ? List.of(faithfulness(step)) : List.of(),
                                (slice, worker) ->
                                        slice(slice, leaves.get(worker), coupling, step)));
        StepOutcome total = StepOutcome.nothing(streams, decomposition.sites());
        // In slice order, whatever the number of workers.
        outcomes.getFirst().stream().limit(1).forEach(total::add);
        for (int i = 0; i < slices.size(); i++) {
            int worker = i % workers.count();
            int offset = worker == 0 ? 1 : 0;
            total.add(outcomes.get(worker).get(offset + i / workers.count()));
        }
        coupling.values(total);
        total.requireFinite(step);
        for (Leaves other : leaves.subList(1, leaves.size())) {
            leaves.getFirst().gradient().add_(other.gradient());
        }
        return total;
    }

    private StepOutcome faithfulness(long step) {
        return Scopes.run(() -> {
            Tensor loss =
                    Losses.faithfulness(
                            decomposition.on(leaves.getFirst().tensors()), faithfulness.relative());
            double coefficient = faithfulness.coefficient().at(step, steps);
            loss.mul(new Scalar(coefficient)).backward();
            StepOutcome outcome = StepOutcome.nothing(streams, decomposition.sites());
            outcome.faithfulness(Tensors.number(loss), coefficient);
            return outcome;
        });
    }

    /// One slice: losses and gradients.
    private StepOutcome slice(Slice slice, Leaves leaves, Coupling coupling, long step) {
        Stream stream = streams.get(slice.stream());
        Batch batch = slice.batch();
        Tensor valid = batch.valid();
        Decomposition on = decomposition.on(leaves.tensors());
        StepOutcome outcome = StepOutcome.nothing(streams, decomposition.sites());

        // 1. Clean forward of the frozen target: site inputs, block inputs, outputs.
        Clean clean = Scopes.withoutGradient(() -> on.target().clean(batch));
        Divergence divergence =
                Divergence.from(on.target().outputs(), clean.outputs(), batch.losses().counted());

        // 2. Gates, with their graph.
        List<Tensor> preactivations = on.preactivations(clean, valid);

        // 3. Importances, cut from that graph: leaves of the losses.
        List<CausalImportance> importances =
                preactivations.stream().map(x -> leaf(x.detach())).toList();
        List<Tensor> lower = importances.stream().map(CausalImportance::lower).toList();
        outcome.use(lower, valid);

        // 4. Losses.
        MaskedForward forward = new MaskedForward(on, batch, clean, lower, stream.weightDelta());
        Tensor total = Tensors.zeros(on.target().type());
        for (int index = 0; index < stream.losses().size(); index++) {
            LossTerm term = stream.losses().get(index);
            double coefficient = term.coefficient().at(step, steps);
            Tensor loss =
                    switch (term) {
                        case Reconstruction reconstruction -> {
                            Tensor sum =
                                    Losses.reconstruction(
                                            reconstruction, forward, divergence, seed, step, index);
                            yield sum == null ? null : sum.div(new Scalar(slice.lossPositions()));
                        }
                        case ImportanceMinimality minimality -> {
                            double p = minimality.p().at(step, steps);
                            double[][] weights = coupling.weights(slice.stream(), index);
                            Tensor sum = Tensors.zeros(on.target().type());
                            for (int site = 0; site < importances.size(); site++) {
                                Tensor upper = importances.get(site).upper();
                                Tensor powers =
                                        ImportanceLosses.powers(minimality, p, upper, valid);
                                sum = sum.add(ImportanceLosses.weighted(powers, weights[site]));
                            }
                            yield sum;
                        }
                        case Usage _ -> {
                            double[][] weights = coupling.weights(slice.stream(), index);
                            Tensor sum = Tensors.zeros(on.target().type());
                            for (int site = 0; site < importances.size(); site++) {
                                Tensor upper = importances.get(site).upper();
                                Tensor peaks = ImportanceLosses.peaks(upper, valid);
                                sum = sum.add(ImportanceLosses.weighted(peaks, weights[site]));
                            }
                            yield sum;
                        }
                    };
            outcome.term(
                    slice.stream(), index, loss == null ? 0 : Tensors.number(loss), coefficient);
            if (loss != null) {
                total = total.add(loss.mul(new Scalar(coefficient)));
            }
        }

        // 5. To U, V and the importances.
        if (total.requires_grad()) {
            total.backward();
        }

        // 6. Through the sigmoids by their own rule, and on through the gates.
        TensorVector roots = new TensorVector();
        TensorVector gradients = new TensorVector();
        for (int site = 0; site < importances.size(); site++) {
            CausalImportance g = importances.get(site);
            roots.push_back(preactivations.get(site));
            gradients.push_back(
                    LeakyHardSigmoid.backward(
                            g.preactivation(),
                            gradient(g.lower()),
                            gradient(g.upper()),
                            on.leak()));
        }
        torch.backward(roots, gradients, new BoolOptional(), false, new TensorVector());
        return outcome;
    }

    private CausalImportance leaf(Tensor preactivation) {
        CausalImportance importance = CausalImportance.of(preactivation, decomposition.leak());
        importance.lower().requires_grad_(true);
        importance.upper().requires_grad_(true);
        return importance;
    }

    private static Tensor gradient(Tensor leaf) {
        Tensor gradient = leaf.grad();
        return gradient.defined() ? gradient : leaf.new_zeros(leaf.shape());
    }

    private List<Slice> slices(long step) {
        List<Slice> slices = new ArrayList<>();
        for (int index = 0; index < streams.size(); index++) {
            Stream stream = streams.get(index);
            Batch batch =
                    stream.task()
                            .examples(
                                    seed, Draws.Purpose.DATA, step * stream.batch(), stream.batch())
                            .batch();
            double positions = batch.positions();
            double lossPositions = batch.losses().count();
            for (int row = 0; row < stream.batch(); row += sliceRows) {
                int rows = Math.min(sliceRows, stream.batch() - row);
                slices.add(
                        new Slice(
                                index,
                                batch.rows(row, rows),
                                stream.batch(),
                                positions,
                                lossPositions));
            }
        }
        return slices;
    }

    /// Weights of the importance terms; totals over the batch first where a term couples it.
    private Coupling coupling(List<Slice> slices, long step) {
        Coupling coupling = new Coupling(streams, decomposition.sites(), step, steps);
        for (Slice slice : slices) {
            coupling.sizes(slice.stream(), slice.positions(), slice.sequences());
        }
        List<Slice> coupled =
                slices.stream().filter(slice -> coupling.couples(slice.stream())).toList();
        if (!coupled.isEmpty()) {
            List<List<Coupling.Totals>> totals =
                    workers.run(
                            perWorker(
                                    coupled,
                                    _ -> List.of(),
                                    (slice, worker) ->
                                            totals(slice, leaves.get(worker), coupling)));
            for (int i = 0; i < coupled.size(); i++) {
                coupling.add(
                        coupled.get(i).stream(),
                        totals.get(i % workers.count()).get(i / workers.count()));
            }
        }
        return coupling;
    }

    private Coupling.Totals totals(Slice slice, Leaves leaves, Coupling coupling) {
        Decomposition on = decomposition.on(leaves.tensors());
        return Scopes.withoutGradient(() -> {
            Tensor valid = slice.batch().valid();
            Clean clean = on.target().clean(slice.batch());
            List<Tensor> upper =
                    on.importances(clean, valid).stream().map(CausalImportance::upper).toList();
            return coupling.totals(slice.stream(), upper, valid);
        });
    }

    @FunctionalInterface
    private interface OnSlice<T> {
        T run(Slice slice, int worker);
    }

    @FunctionalInterface
    private interface Before<T> {
        List<T> run(int worker);
    }

    /// Worker w takes slices w, w + workers, w + 2 workers, ...; each in a scope of its own.
    private <T> List<Callable<List<T>>> perWorker(
            List<Slice> slices, Before<T> before, OnSlice<T> onSlice) {
        List<Callable<List<T>>> tasks = new ArrayList<>();
        for (int w = 0; w < workers.count(); w++) {
            int worker = w;
            tasks.add(() -> {
                List<T> results = new ArrayList<>(before.run(worker));
                for (int i = worker; i < slices.size(); i += workers.count()) {
                    Slice slice = slices.get(i);
                    results.add(Scopes.run(() -> onSlice.run(slice, worker)));
                }
                return results;
            });
        }
        return tasks;
    }
}
