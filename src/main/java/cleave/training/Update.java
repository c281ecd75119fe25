package cleave.training;

import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.engine.AdamStep;
import cleave.engine.Engine;
import cleave.engine.Engine.AdamTensors;
import cleave.ranks.Exchange;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// The end of a step: the gradients of workers and of ranks are added up, clipped, and taken by
/// Adam (spec T2, T3).
final class Update {
    /// Numbers that one task takes: the same ones whatever the number of workers, so that the order
    /// in which squares add up is too.
    private static final long PIECE = 1 << 20;

    /// Pieces that ranks add up in one exchange, 32 MB in float32: while one bucket is under way,
    /// the next one's gradients of this rank's workers are added up, and the last one is measured.
    private static final int BUCKET = 8;

    private final Engine engine;
    private final Parameters parameters;
    private final List<Leaves> leaves;
    private final Adam adam;
    private final Workers workers;
    private final Exchange exchange;
    private final Optional<Double> clipSubcomponents;
    private final Optional<Double> clipGates;

    /// An update of these parameters.
    ///
    /// @param leaves of each worker, with one gradient of the gates
    /// @param clipSubcomponents largest gradient norm of U and V
    /// @param clipGates largest gradient norm of the gates
    Update(
            Engine engine,
            Parameters parameters,
            List<Leaves> leaves,
            Adam adam,
            Workers workers,
            Exchange exchange,
            Optional<Double> clipSubcomponents,
            Optional<Double> clipGates) {
        this.engine = engine;
        this.parameters = parameters;
        this.leaves = leaves;
        this.adam = adam;
        this.workers = workers;
        this.exchange = exchange;
        this.clipSubcomponents = clipSubcomponents;
        this.clipGates = clipGates;
    }

    /// The norms of both groups' gradients before clipping.
    record Norms(double subcomponents, double gates) {}

    /// Some of the numbers, all of one group.
    private record Piece(long from, long count, boolean subcomponents) {}

    /// Updates the parameters from the leaves' gradients.
    ///
    /// @throws NonFiniteLoss when a gradient is not finite; nothing is updated
    Norms apply(long step, double subcomponentRate, double gateRate) {
        List<Piece> pieces = pieces();
        Tensor gradient = leaves.getFirst().gradient();
        List<Leaves> others = leaves.subList(1, leaves.size());
        List<Tensor> theirs = others.stream().map(Leaves::gradient).toList();
        double[] squares = new double[pieces.size()];
        if (exchange.size() > 1) {
            overRanks(pieces, gradient, theirs, squares);
        } else {
            addUp(pieces, gradient, theirs, 0, pieces.size(), squares);
        }
        others.forEach(Leaves::wasCleared);
        double ofSubcomponents = 0;
        double ofGates = 0;
        for (int i = 0; i < squares.length; i++) {
            ofSubcomponents += pieces.get(i).subcomponents() ? squares[i] : 0;
            ofGates += pieces.get(i).subcomponents() ? 0 : squares[i];
        }
        Norms norms = finite(step, new Norms(Math.sqrt(ofSubcomponents), Math.sqrt(ofGates)));
        adam.begin();
        AdamStep subcomponents =
                adam.update(scale(norms.subcomponents(), clipSubcomponents), subcomponentRate);
        AdamStep gates = adam.update(scale(norms.gates(), clipGates), gateRate);
        AdamTensors on =
                new AdamTensors(
                        parameters.flat(), gradient, adam.firstMoment(), adam.secondMoment());
        onWorkers(
                pieces.size(),
                i -> {
                    Piece piece = pieces.get(i);
                    AdamStep one = piece.subcomponents() ? subcomponents : gates;
                    engine.adam(one, on, piece.from(), piece.count());
                });
        leaves.getFirst().wasCleared();
        return norms;
    }

    /// Adds the gradients of this rank's other workers, and then those of all ranks, in buckets.
    private void overRanks(
            List<Piece> pieces, Tensor gradient, List<Tensor> others, double[] squares) {
        Scopes.run(() -> {
            List<Exchange.Begun> begun = new ArrayList<>();
            for (int first = 0; first < pieces.size(); first += BUCKET) {
                int end = Math.min(pieces.size(), first + BUCKET);
                if (!others.isEmpty()) {
                    addUp(pieces, gradient, others, first, end, squares);
                }
                long from = pieces.get(first).from();
                Piece last = pieces.get(end - 1);
                begun.add(
                        exchange.beginSum(
                                gradient.narrow(0, from, last.from() + last.count() - from)));
            }
            for (int bucket = 0; bucket < begun.size(); bucket++) {
                begun.get(bucket).end();
                int first = bucket * BUCKET;
                int end = Math.min(pieces.size(), first + BUCKET);
                addUp(pieces, gradient, List.of(), first, end, squares);
            }
        });
    }

    /// Adds the gradients of U and V of other workers on some pieces.
    ///
    /// @param squares takes the sum of squares of each piece
    private void addUp(
            List<Piece> pieces,
            Tensor gradient,
            List<Tensor> others,
            int first,
            int end,
            double[] squares) {
        onWorkers(
                end - first,
                i -> {
                    Piece piece = pieces.get(first + i);
                    squares[first + i] =
                            engine.addUp(
                                    gradient,
                                    piece.subcomponents() ? others : List.of(), // gates' are shared
                                    piece.from(),
                                    piece.count());
                });
    }

    private static double scale(double norm, Optional<Double> bound) {
        return bound.isPresent() && norm > bound.get() ? bound.get() / norm : 1;
    }

    private static Norms finite(long step, Norms norms) {
        if (!Double.isFinite(norms.subcomponents())) {
            throw NonFiniteLoss.ofGradient(step, "subcomponents", norms.subcomponents());
        }
        if (!Double.isFinite(norms.gates())) {
            throw NonFiniteLoss.ofGradient(step, "gates", norms.gates());
        }
        return norms;
    }

    private List<Piece> pieces() {
        List<Piece> pieces = new ArrayList<>();
        long boundary = parameters.subcomponentNumbers();
        long all = parameters.flat().numel();
        for (long from = 0; from < all; ) {
            long end = from < boundary ? boundary : all;
            long count = Math.min(PIECE, end - from);
            pieces.add(new Piece(from, count, from < boundary));
            from += count;
        }
        return pieces;
    }

    @FunctionalInterface
    private interface OnPiece {
        void run(int piece);
    }

    /// Worker w takes pieces w, w + workers, w + 2 workers, ...
    private void onWorkers(int pieces, OnPiece work) {
        List<Callable<Boolean>> tasks = new ArrayList<>();
        for (int w = 0; w < workers.count(); w++) {
            int worker = w;
            tasks.add(() -> {
                for (int i = worker; i < pieces; i += workers.count()) {
                    work.run(i);
                }
                return true;
            });
        }
        workers.run(tasks);
    }
}
