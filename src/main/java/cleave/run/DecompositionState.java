package cleave.run;

import cleave.config.UserError;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.hub.Model;
import cleave.ranks.Exchange;
import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.training.CompactionReceipt;
import cleave.training.Trainer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The decomposition of a run and its trainer. Both are replaced when dead subcomponents are merged
/// (spec C1).
final class DecompositionState implements AutoCloseable {
    private final RunFile file;
    private final Model model;
    private final Exchange exchange;
    private State state;

    /// What a merging replaces.
    private record State(
            Decomposition decomposition,
            Parameters parameters,
            TensorMap remainders,
            Trainer trainer)
            implements AutoCloseable {
        @Override
        public void close() {
            trainer.close();
            remainders.close();
            parameters.close();
        }
    }

    private DecompositionState(RunFile file, Model model, Exchange exchange, State state) {
        this.file = file;
        this.model = model;
        this.exchange = exchange;
        this.state = state;
    }

    /// A decomposition at its beginning.
    static DecompositionState fresh(
            RunFile file, Model model, List<DecomposedSite> sites, Exchange exchange) {
        Parameters parameters = DecompositionRun.fresh(file, model, sites);
        Decomposition decomposition =
                new Decomposition(
                        model.target(), sites, file.importance(), file.leak(), parameters.views());
        return begun(file, model, decomposition, parameters, exchange);
    }

    /// A saved decomposition, with a trainer at step 0.
    ///
    /// @param sites in the original numbering
    static DecompositionState saved(
            RunFile file,
            Model model,
            List<DecomposedSite> sites,
            Checkpoint checkpoint,
            Exchange exchange) {
        try (TensorMap saved =
                DecompositionFile.read(checkpoint.decomposition(), sites, file.importance())) {
            return Scopes.run(() -> {
                List<DecomposedSite> living = DecompositionFile.living(saved, sites);
                SortedMap<String, Tensor> remainders =
                        new TreeMap<>(DecompositionFile.remainders(saved, sites));
                remainders.replaceAll(
                        (_, remainder) -> remainder.to(DecompositionRun.type(file)).clone());
                Decomposition decomposition =
                        new Decomposition(
                                model.target(),
                                living,
                                file.importance(),
                                file.leak(),
                                Compaction.narrow(
                                        DecompositionFile.parameters(saved, sites),
                                        sites,
                                        living,
                                        file.importance()),
                                remainders);
                Parameters parameters = own(file, decomposition);
                return begun(
                        file, model, decomposition.on(parameters.views()), parameters, exchange);
            });
        }
    }

    /// A copy of a decomposition's numbers.
    private static Parameters own(RunFile file, Decomposition decomposition) {
        return new Parameters(decomposition.parameters(), DecompositionRun.type(file));
    }

    /// A training with a trainer at step 0.
    private static DecompositionState begun(
            RunFile file,
            Model model,
            Decomposition decomposition,
            Parameters parameters,
            Exchange exchange) {
        Trainer trainer =
                DecompositionRun.trainer(file, model, decomposition, parameters, exchange);
        return new DecompositionState(
                file, model, exchange, state(decomposition, parameters, trainer));
    }

    private static State state(
            Decomposition decomposition, Parameters parameters, Trainer trainer) {
        return new State(
                decomposition,
                parameters,
                TensorMap.of("remainders", decomposition.remainders()),
                trainer);
    }

    Trainer trainer() {
        return state.trainer();
    }

    /// The parameters of the subcomponents that are left.
    Parameters parameters() {
        return state.parameters();
    }

    /// Refuses to go on when ranks do not have the same parameters at the same step, as processors
    /// of different kinds come to.
    void requireAlike() {
        if (exchange.size() == 1) {
            return;
        }
        long sum = Tensors.checksum(parameters().flat());
        double[][] all = exchange.gather(trainer().nextStep(), sum);
        for (int rank = 1; rank < all.length; rank++) {
            if (!Arrays.equals(all[rank], all[0])) {
                throw new UserError(
                        "every rank must have the same parameters at the same step, got others on rank %d than on rank 0 at step %d\nhint: processors of different kinds round alike with machine.arithmetic: portable; all ranks must read the same files"
                                .formatted(rank, trainer().nextStep()));
            }
        }
    }

    /// What is saved of the decomposition.
    SortedMap<String, Tensor> toSave() {
        return DecompositionFile.of(state.decomposition());
    }

    /// Merges the subcomponents that are dead before the next step, if it is one at which the
    /// configuration asks for it and there are any.
    Optional<CompactionReceipt> compact() {
        long step = trainer().nextStep();
        if (step == file.steps()) {
            return Optional.empty();
        }
        return file.compaction()
                .filter(settings -> step % settings.every() == 0)
                .map(settings ->
                        Compaction.living(
                                state.decomposition().sites(), trainer()::stepsSinceUse, settings))
                .filter(living -> !living.equals(state.decomposition().sites()))
                .map(living -> Scopes.run(() -> keep(living)));
    }

    /// Lets one of each pair of twins take over before the next step, if it is one at which the
    /// configuration asks for it.
    List<TwinHandover> handOver() {
        long step = trainer().nextStep();
        if (step == file.steps()) {
            return List.of();
        }
        return file.twins()
                .filter(settings -> settings.at(step, file.steps()))
                .map(settings ->
                        TwinHandover.of(step, trainer().handOver(settings), state.decomposition()))
                .orElse(List.of());
    }

    private CompactionReceipt keep(List<DecomposedSite> living) {
        try (State before = state) {
            Decomposition merged = Compaction.merge(before.decomposition(), living);
            Parameters parameters = own(file, merged);
            Decomposition left = merged.on(parameters.views());
            state = state(left, parameters, before.trainer().after(left, parameters));
            RunFile.StreamFile stream = file.streams().getFirst();
            return CompactionReceipt.of(
                    state.trainer().nextStep(),
                    before.decomposition(),
                    state.decomposition(),
                    file.evaluation(model),
                    stream.weightDelta(),
                    file.machine().slice());
        }
    }

    @Override
    public void close() {
        state.close();
    }
}
