package cleave.engine;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// What the attention head of one site's gates reads on one slice (spec G4), and the way back to
/// its parameters.
public interface HeadPass {

    /// What it reads at each position `[B, T, h]`, outside any graph.
    Tensor seen();

    /// Adds the gradients of the head's parameters, which must be leaves that have one, to theirs;
    /// once.
    ///
    /// @param gradient of what was seen `[B, T, h]`
    void backward(Tensor gradient);

    /// A pass through libtorch's own graph.
    ///
    /// @param graph what was seen, with its graph
    static HeadPass recorded(Tensor graph) {
        Tensor seen = graph.detach();
        return new HeadPass() {
            @Override
            public Tensor seen() {
                return seen;
            }

            @Override
            public void backward(Tensor gradient) {
                if (graph.requires_grad()) {
                    Tensors.backward(graph, gradient);
                }
            }
        };
    }
}
