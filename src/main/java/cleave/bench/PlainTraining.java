package cleave.bench;

import cleave.decomposition.Decomposition;
import cleave.reference.PlainStep;
import cleave.run.PreparedRun;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.Adam;
import cleave.training.Phases;
import cleave.training.Trainer;
import java.util.Collection;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// Training with the plain step: parameters, gradients and moments each a tensor of its own, as
/// PyTorch's optimisers keep them, and gradients dropped after each update.
final class PlainTraining implements Workload {
    private final PreparedRun run;
    private final Trainer.Method method;
    private final SortedMap<String, Tensor> leaves = new TreeMap<>();
    private final SortedMap<String, Adam> adams = new TreeMap<>();
    private final Decomposition decomposition;
    private final Set<String> subcomponents; // names of U and V
    private Phases phases = Phases.NONE;
    private long nextStep;

    PlainTraining(PreparedRun run) {
        this.run = run;
        method = run.method();
        Scopes.run(() -> run.parameters().views().forEach(this::add));
        decomposition = run.decomposition().on(leaves);
        subcomponents = decomposition.parameters().subcomponents().keySet();
    }

    private void add(String name, Tensor initial) {
        Tensor leaf = Scopes.own(initial.detach().clone());
        leaf.requires_grad_(true);
        leaves.put(name, leaf);
        adams.put(name, new Adam(method.adam(), leaf.detach().view(-1)));
    }

    @Override
    public void run() {
        PlainStep.gradients(decomposition, method, nextStep, phases);
        phases.enter(Phases.OPTIMIZER);
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    clipInPlace(group(true), method.clipSubcomponents());
                    clipInPlace(group(false), method.clipGates());
                    double rate = method.learningRate().at(nextStep, method.steps());
                    leaves.forEach((name, leaf) -> {
                        Objects.requireNonNull(adams.get(name))
                                .updateInPlace(
                                        leaf.detach().view(-1),
                                        leaf.grad().reshape(-1),
                                        isSubcomponents(name)
                                                ? rate * method.subcomponentRate()
                                                : rate);
                        leaf.clearGrad();
                    });
                    return nextStep++;
                }));
        phases.enter(Phases.REST);
    }

    private Collection<Tensor> group(boolean subcomponents) {
        return leaves.entrySet().stream()
                .filter(leaf -> subcomponents == isSubcomponents(leaf.getKey()))
                .map(Map.Entry::getValue)
                .toList();
    }

    private boolean isSubcomponents(String name) {
        return subcomponents.contains(name);
    }

    // T3
    private static void clipInPlace(Collection<Tensor> group, Optional<Double> bound) {
        double square = 0;
        for (Tensor leaf : group) {
            square += Math.pow(Tensors.number(leaf.grad().norm()), 2);
        }
        if (bound.isPresent() && Math.sqrt(square) > bound.get()) {
            for (Tensor leaf : group) {
                leaf.grad().mul_(bound.get() / Math.sqrt(square));
            }
        }
    }

    /// The parameters by name.
    SortedMap<String, Tensor> parameters() {
        return leaves;
    }

    @Override
    public void listen(Phases phases) {
        this.phases = phases;
    }

    @Override
    public void close() {
        adams.values().forEach(Adam::close);
        leaves.values().forEach(Scopes::release);
        run.close();
    }
}
