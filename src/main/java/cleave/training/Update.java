package cleave.training;

import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.kernel.AdamKernel;
import cleave.kernel.Kernels;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

/// The end of a step: the workers' gradients are added up, clipped, and taken by Adam (spec T2, T3).
final class Update {
    /// Numbers that one task takes: the same ones whatever the number of workers, so that the order
    /// in which squares add up is too.
    private static final long PIECE = 1 << 20;

    private final Parameters parameters;
    private final List<Leaves> leaves;
    private final Adam adam;
    private final Workers workers;
    private final Optional<Double> clipSubcomponents;
    private final Optional<Double> clipGates;

    /// An update of these parameters.
    ///
    /// @param leaves of each worker
    /// @param clipSubcomponents largest gradient norm of U and V
    /// @param clipGates largest gradient norm of the gates
    Update(
            Parameters parameters,
            List<Leaves> leaves,
            Adam adam,
            Workers workers,
            Optional<Double> clipSubcomponents,
            Optional<Double> clipGates) {
        this.parameters = parameters;
        this.leaves = leaves;
        this.adam = adam;
        this.workers = workers;
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
        return Kernels.read(parameters.flat())
                ? inKernel(step, subcomponentRate, gateRate)
                : byLibtorch(step, subcomponentRate, gateRate);
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

    private Norms inKernel(long step, double subcomponentRate, double gateRate) {
        List<Piece> pieces = pieces();
        long gradient = Kernels.address(leaves.getFirst().gradient());
        long[] others =
                leaves.subList(1, leaves.size()).stream()
                        .mapToLong(other -> Kernels.address(other.gradient()))
                        .toArray();
        double[] squares = new double[pieces.size()];
        onWorkers(
                pieces.size(),
                i -> {
                    Piece piece = pieces.get(i);
                    long offset = Float.BYTES * piece.from();
                    long[] theirs = others.clone();
                    for (int other = 0; other < theirs.length; other++) {
                        theirs[other] += offset;
                    }
                    squares[i] = AdamKernel.addUp(gradient + offset, theirs, piece.count());
                });
        leaves.subList(1, leaves.size()).forEach(Leaves::wasCleared);
        double ofSubcomponents = 0;
        double ofGates = 0;
        for (int i = 0; i < squares.length; i++) {
            ofSubcomponents += pieces.get(i).subcomponents() ? squares[i] : 0;
            ofGates += pieces.get(i).subcomponents() ? 0 : squares[i];
        }
        Norms norms = finite(step, new Norms(Math.sqrt(ofSubcomponents), Math.sqrt(ofGates)));
        adam.begin();
        AdamKernel.Update subcomponents =
                adam.update(scale(norms.subcomponents(), clipSubcomponents), subcomponentRate);
        AdamKernel.Update gates = adam.update(scale(norms.gates(), clipGates), gateRate);
        long values = Kernels.address(parameters.flat());
        long first = Kernels.address(adam.firstMoment());
        long second = Kernels.address(adam.secondMoment());
        onWorkers(
                pieces.size(),
                i -> {
                    Piece piece = pieces.get(i);
                    long offset = Float.BYTES * piece.from();
                    AdamKernel.update(
                            piece.subcomponents() ? subcomponents : gates,
                            values + offset,
                            gradient + offset,
                            first + offset,
                            second + offset,
                            piece.count());
                });
        leaves.getFirst().wasCleared();
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

    private Norms byLibtorch(long step, double subcomponentRate, double gateRate) {
        Tensor gradient = leaves.getFirst().gradient();
        for (Leaves other : leaves.subList(1, leaves.size())) {
            gradient.add_(other.gradient());
        }
        long boundary = parameters.subcomponentNumbers();
        Tensor subcomponents = gradient.narrow(0, 0, boundary);
        Tensor gates = gradient.narrow(0, boundary, gradient.numel() - boundary);
        Norms norms =
                finite(
                        step,
                        new Norms(
                                Tensors.number(subcomponents.norm()),
                                Tensors.number(gates.norm())));
        clip(subcomponents, scale(norms.subcomponents(), clipSubcomponents));
        clip(gates, scale(norms.gates(), clipGates));
        adam.updateInPlace(parameters.flat(), gradient, boundary, subcomponentRate, gateRate);
        return norms;
    }

    private static void clip(Tensor gradient, double scale) {
        if (scale != 1) {
            gradient.mul_(scale);
        }
    }
}
