package cleave.attribution;

import cleave.decomposition.Decomposition;
import cleave.engine.Products;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A target whose subcomponents' activations are leaves, on the same sequence many times.
///
/// @param stream `[R, T, d]` what goes into the first decomposed block, a leaf; none where a pass
///   cannot begin there, or the embedding is decomposed
/// @param inputs `[R, T, d_in]` of each site
/// @param given `[R, T, C]` of each site, what multiplies U: the activations, times the importances
///   under masks equal to them; leaves
/// @param activations `[R, T, C]` of each site
/// @param reads V `[d_in, C]` of each site
/// @param outputs `[R, T, d_output]`
record Cut(
        List<Tensor> stream,
        List<Tensor> inputs,
        List<Tensor> given,
        List<Tensor> activations,
        List<Tensor> reads,
        Tensor outputs) {
    /// Sequences that run side by side; each gives the way back from one reader at a time.
    static final int ROWS = 16;

    /// The pass of one sequence, whose way back can be asked for.
    ///
    /// @param lower the lower importances `[1, T, C]` of each site
    static Cut of(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            Attribution.Settings settings) {
        Target target = decomposition.target();
        Tensor copies = Tensors.of(new long[ROWS], ROWS);
        Batch many =
                new Batch(
                        batch.stream(),
                        batch.firstExample(),
                        batch.inputs().index_select(0, copies),
                        batch.valid() == null ? null : batch.valid().index_select(0, copies),
                        new LossPositions(batch.losses().index().index_select(0, copies), null));
        int count = decomposition.sites().size();
        Tensor[] inputs = new Tensor[count];
        Tensor[] given = new Tensor[count];
        Tensor[] activations = new Tensor[count];
        List<Tensor> reads = new ArrayList<>();
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int s = 0; s < count; s++) {
            int site = s;
            Subcomponents parts = decomposition.subcomponents(decomposition.sites().get(site));
            Tensor V = parts.V().detach();
            Tensor U = parts.U().detach();
            boolean masked = settings.base() == Attribution.Base.IMPORTANCE;
            Tensor rest = parts.W().detach().t().sub(V.matmul(U)); // [d_in, d_out]
            reads.add(V);
            replaced.put(
                    decomposition.sites().get(site).name(),
                    (input, _, _) -> {
                        inputs[site] = input;
                        Tensor a = Products.EXACT.product(input.detach(), V);
                        activations[site] = a;
                        Tensor leaf = masked ? a.mul(lower.get(site)) : a.clone();
                        given[site] = leaf.detach().requires_grad_(true);
                        Tensor written = given[site].matmul(U);
                        return masked ? written : written.add(Products.EXACT.product(input, rest));
                    });
        }
        List<Tensor> stream = new ArrayList<>();
        Clean from = clean;
        boolean fromTokens =
                decomposition.sites().stream().anyMatch(site -> site.site().readsTokens());
        if (!clean.blockInputs().isEmpty() && !fromTokens) {
            int first = target.firstBlock(replaced, clean, clean.blockInputs().size() - 1);
            Tensor leaf =
                    clean.blockInputs()
                            .get(first)
                            .index_select(0, copies)
                            .detach()
                            .requires_grad_(true);
            stream.add(leaf);
            // A pass begins with the first of them that it needs.
            from =
                    new Clean(
                            clean.outputs(),
                            clean.inputs(),
                            Collections.nCopies(clean.blockInputs().size(), leaf),
                            clean.attention());
        }
        Clean begin = from;
        Tensor outputs =
                Scopes.withGradient(
                        () -> target.forward(many, replaced, begin, settings.held()).outputs());
        return new Cut(
                stream,
                Arrays.asList(inputs),
                Arrays.asList(given),
                Arrays.asList(activations),
                reads,
                outputs);
    }

    /// The leaves, the stream first.
    List<Tensor> leaves() {
        List<Tensor> leaves = new ArrayList<>(stream);
        leaves.addAll(given);
        return leaves;
    }
}
