package cleave.importance;

import cleave.engine.GatePass;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;

/// The gates of all sites on one slice: their pre-activations, and the way back to their
/// parameters.
public interface GatesPass {

    /// The pre-activations `[B, T, C]` of each site, in site order, outside any graph.
    List<Tensor> preactivations();

    /// Adds the gradients of the gates' parameters, which must be leaves, to theirs; once.
    ///
    /// @param gradients of the pre-activations `[B, T, C]`, in site order
    void backward(List<Tensor> gradients);

    /// The same where slices add to gradients that they share: each part of the parameters is added
    /// to when it is this slice's turn. A pass that knows no parts is one.
    default void backward(List<Tensor> gradients, Turns turns) {
        turns.take(0, () -> backward(gradients));
    }

    /// In which order slices add to gradients that they share.
    @FunctionalInterface
    interface Turns {
        /// Slices that share nothing.
        Turns NONE = (_, add) -> add.run();

        /// Runs `add` once every slice before this one has added to the part.
        ///
        /// @param part of the parameters; no two parts have a number in common
        void take(int part, Runnable add);
    }

    /// Passes that each know one site.
    static GatesPass each(List<GatePass> passes) {
        List<Tensor> preactivations = passes.stream().map(GatePass::preactivation).toList();
        return new GatesPass() {
            @Override
            public List<Tensor> preactivations() {
                return preactivations;
            }

            @Override
            public void backward(List<Tensor> gradients) {
                backward(gradients, Turns.NONE);
            }

            @Override
            public void backward(List<Tensor> gradients, Turns turns) {
                for (int site = 0; site < passes.size(); site++) {
                    GatePass pass = passes.get(site);
                    Tensor gradient = gradients.get(site);
                    turns.take(site, () -> pass.backward(gradient));
                }
            }
        };
    }

    /// A pass through libtorch's own graph.
    ///
    /// @param graphs the pre-activations of each site with their graph
    static GatesPass recorded(List<Tensor> graphs) {
        List<Tensor> preactivations = graphs.stream().map(Tensor::detach).toList();
        return new GatesPass() {
            @Override
            public List<Tensor> preactivations() {
                return preactivations;
            }

            @Override
            public void backward(List<Tensor> gradients) {
                Tensors.backward(graphs, gradients);
            }
        };
    }
}
