package cleave.engine;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// The gates of one site on one slice: their pre-activations, and the way back to their parameters.
public interface GatePass {

    /// The pre-activations `[B, T, C]`, outside any graph.
    Tensor preactivation();

    /// Adds the gradients of the gate's parameters, which must be leaves, to theirs; once.
    ///
    /// @param gradient of the pre-activations `[B, T, C]`
    void backward(Tensor gradient);

    /// A pass through libtorch's own graph.
    ///
    /// @param graph the pre-activations with their graph
    static GatePass recorded(Tensor graph) {
        Tensor preactivation = graph.detach();
        return new GatePass() {
            @Override
            public Tensor preactivation() {
                return preactivation;
            }

            @Override
            public void backward(Tensor gradient) {
                Tensors.backward(graph, gradient);
            }
        };
    }
}
