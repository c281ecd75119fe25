package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Replacement;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/// What taking parts of weights away would do to an answer, to first order: the gradient of its
/// log-probability with respect to what each site writes. One pass forward and back says it of all
/// parts at once; how much they really do, [EachAlone] says.
///
/// @param inputs `[T, d_in]` what each site reads, by name
/// @param gradients `[T, d_out]` of the answer's log-probability by what each site writes
public record FirstOrder(SortedMap<String, Tensor> inputs, SortedMap<String, Tensor> gradients) {

    /// Copies the maps, not the tensors.
    public FirstOrder {
        inputs = Collections.unmodifiableSortedMap(new TreeMap<>(inputs));
        gradients = Collections.unmodifiableSortedMap(new TreeMap<>(gradients));
    }

    /// Asks the target, at all sites of a decomposition. The tensors belong to the caller's scope.
    ///
    /// @param sentence of a prompt and its answer
    public static FirstOrder of(Decomposition decomposition, Sentence sentence) {
        Target target = decomposition.target();
        Questions asked =
                Questions.of(
                        decomposition,
                        new QuestionGroup("first order", List.of(sentence), LossesAt.ANSWER),
                        false);
        List<String> names = decomposition.sites().stream().map(DecomposedSite::name).toList();
        return Objects.requireNonNull(
                Scopes.withGradient(() -> {
                    SortedMap<String, Tensor> inputs = new TreeMap<>();
                    List<Tensor> leaves = new ArrayList<>();
                    Map<String, Replacement> replaced = new HashMap<>();
                    for (DecomposedSite site : decomposition.sites()) {
                        Tensor input = Tensors.named(site.name(), asked.pass().clean().inputs());
                        inputs.put(site.name(), input.select(0, 0));
                        // What a site writes is differentiated at a sum that changes nothing.
                        Tensor leaf =
                                Tensors.zeros(target.type(), 1, input.size(1), site.site().dOut())
                                        .requires_grad_(true);
                        leaves.add(leaf);
                        replaced.put(
                                site.name(),
                                (x, weight, positions) ->
                                        target.products()
                                                .map(x, weight)
                                                .add(
                                                        positions == null
                                                                ? leaf
                                                                : at(leaf, positions)));
                    }
                    Tensor outputs = target.forward(asked.pass().batch(), replaced, null).outputs();
                    Tensor labels = asked.labels().unsqueeze(2); // [1, P, 1]
                    Tensor logarithm = Tensors.logSoftmax(outputs).gather(2, labels).sum();
                    List<Tensor> found = Tensors.gradients(logarithm, leaves);
                    SortedMap<String, Tensor> gradients = new TreeMap<>();
                    for (int i = 0; i < names.size(); i++) {
                        gradients.put(names.get(i), found.get(i).select(0, 0).detach());
                    }
                    return new FirstOrder(inputs, gradients);
                }));
    }

    /// The rows of a leaf `[1, T, d]` at positions `[1, P]`.
    private static Tensor at(Tensor leaf, Tensor positions) {
        return leaf.index_select(1, positions.select(0, 0));
    }

    /// The fall of the log-probability that each singular direction `[r]` of a site's weight brings
    /// when it is taken out, to first order, in nats.
    public double[] singular(String site, Tensors.Svd svd) {
        return Tensors.toDoubles(
                Tensors.named(site, inputs)
                        .matmul(svd.V().t()) // [T, r]
                        .mul(Tensors.named(site, gradients).matmul(svd.U()))
                        .sum(0)
                        .mul(svd.S()));
    }

    /// The same of each entry `[d_in]` of a site's input.
    ///
    /// @param W the site's weight
    public double[] inputs(String site, Tensor W) {
        return Tensors.toDoubles(
                Tensors.named(site, gradients).matmul(W).mul(Tensors.named(site, inputs)).sum(0));
    }

    /// The same of all that a site writes at each position `[T]`.
    ///
    /// @param W the site's weight
    public double[] positions(String site, Tensor W) {
        return Tensors.toDoubles(
                Tensors.named(site, inputs)
                        .matmul(W.t())
                        .mul(Tensors.named(site, gradients))
                        .sum(1));
    }
}
