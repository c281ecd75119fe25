package cleave.model;

import cleave.engine.Engine;
import cleave.engine.Products;
import cleave.tensor.Device;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/// The frozen network under study.
///
/// A target knows its sites and can run with the maps of some of them replaced. Masks are arguments
/// of a forward pass, never state. Biases, norms and embeddings are part of the target and stay as
/// they are.
public interface Target extends AutoCloseable {

    /// What outputs mean, and so how two of them are compared.
    enum Outputs {
        /// Logits of a categorical distribution.
        LOGITS,
        /// Plain numbers.
        VALUES
    }

    /// Outputs and attention patterns of a forward pass.
    ///
    /// @param outputs `[B, P, d_output]` at the loss positions
    /// @param attention as in `Clean`, for the blocks that ran
    /// @param free whether the numbers of `outputs` may be written over before the pass is
    ///   differentiated: what made them last does not need them
    record Forward(Tensor outputs, List<Tensor> attention, boolean free) {
        /// Outputs that have to stay.
        public Forward(Tensor outputs, List<Tensor> attention) {
            this(outputs, attention, false);
        }
    }

    /// Every site that can be decomposed, in canonical order.
    List<Site> sites();

    /// The target's weights by name, each in the type that it is kept in.
    SortedMap<String, Tensor> weights();

    /// What the outputs mean.
    Outputs outputs();

    /// The type that is computed in: FLOAT or DOUBLE.
    default Type type() {
        return Tensors.type(weights().firstEntry().getValue());
    }

    /// Where the weights are, and so where is computed.
    default Device device() {
        return weights().firstEntry().getValue().device();
    }

    /// How the target's large products are multiplied.
    default Products products() {
        return Products.EXACT;
    }

    /// Multiplies so from now on; said before the first pass. The target closes what it is given.
    ///
    /// @throws IllegalArgumentException when the target can multiply in the type of its numbers
    ///   only
    default void use(Products products) {
        if (products != Products.EXACT) {
            throw new IllegalArgumentException(
                    "products of this target must be in the type of its numbers, got "
                            + products.name());
        }
    }

    /// How many attention patterns a block has at most: one for each of its heads.
    default int patternsOfBlock() {
        return 1;
    }

    /// How many layers of attention there are.
    default int attentionLayers() {
        return 0;
    }

    /// What the scores of a layer's attention are made of; empty where queries or keys are normed,
    /// so that they are not sums of what their parts give.
    ///
    /// @param layer below `attentionLayers`
    default Optional<Scores> scores(int layer) {
        return Optional.empty();
    }

    /// The longest input.
    int maximumLength();

    /// Runs the target as it is and keeps what later passes need.
    Clean clean(Batch batch);

    /// Runs the target with some sites replaced, from the first block that holds one of them.
    ///
    /// @param replaced by site name
    /// @param from the kept clean pass of the same batch; null to run from the inputs
    Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from);

    /// The same numbers to be differentiated, some of what they come from held constant. A target
    /// without norms and attention has nothing to hold.
    default Forward forward(
            Batch batch, Map<String, Replacement> replaced, @Nullable Clean from, Held held) {
        return forward(batch, replaced, from);
    }

    /// The logits at the loss positions `[B, P, tokens]` if the residual stream at a point were
    /// what the last block gives; empty where no norm and head follow blocks.
    ///
    /// @param residual `[B, T, d]`, such as one of `Clean.blockInputs`
    default Optional<Tensor> unembedded(Batch batch, Tensor residual) {
        return Optional.empty();
    }

    /// The same to be differentiated while the scope that is open now is still open, so that what
    /// libtorch would not keep need not be its own: by an engine.
    default Forward differentiated(
            Engine engine, Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        return forward(batch, replaced, from);
    }

    /// The block that a pass starts from: that of the first replaced site, or `last` where none is
    /// replaced; 0 without a kept pass.
    default int firstBlock(Map<String, Replacement> replaced, @Nullable Clean from, int last) {
        return from == null
                ? 0
                : replaced.keySet().stream()
                        .mapToInt(name -> site(name).block())
                        .min()
                        .orElse(last);
    }

    /// A site's weight `W [d_out, d_in]`, a view of the stored tensor, in the type that it is kept
    /// in: [Products#map] takes it as it is.
    default Tensor weight(Site site) {
        Tensor stored = Tensors.named(site.stored().tensor(), weights());
        return site.stored().inputFirst()
                ? stored.narrow(1, site.stored().firstOutput(), site.dOut()).t()
                : stored.narrow(0, site.stored().firstOutput(), site.dOut());
    }

    /// The site of this name, its own or an alias.
    ///
    /// @throws IllegalArgumentException when there is none
    default Site site(String name) {
        return sites().stream()
                .filter(site -> site.isCalled(name))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "site must be one of %s, got %s"
                                        .formatted(
                                                sites().stream().map(Site::name).toList(), name)));
    }

    @Override
    void close();
}
