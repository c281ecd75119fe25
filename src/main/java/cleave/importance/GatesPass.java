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
                for (int site = 0; site < passes.size(); site++) {
                    passes.get(site).backward(gradients.get(site));
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
