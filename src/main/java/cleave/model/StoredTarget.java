package cleave.model;

import cleave.engine.Products;
import cleave.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/// A target that keeps its sites, its weights and what multiplies them; how it runs is left to say.
public abstract class StoredTarget implements Target {
    private final List<Site> sites;
    private final SortedMap<String, Tensor> weights;
    private final Runnable onClose;
    private Products products = Products.EXACT;

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    ///
    /// @param sites every site that can be decomposed, in canonical order
    protected StoredTarget(List<Site> sites, SortedMap<String, Tensor> weights, Runnable onClose) {
        this.sites = List.copyOf(sites);
        this.weights = weights;
        this.onClose = onClose;
    }

    /// What a site makes of x without bias, `[B, T, d_out]`: by its own map, or by what stands in
    /// for it.
    ///
    /// @param x `[B, T, d_in]` at every position
    protected final Tensor map(Site site, Tensor x, Map<String, Replacement> replaced) {
        return Weights.map(products, weight(site), x, replaced.get(site.name()));
    }

    @Override
    public final List<Site> sites() {
        return sites;
    }

    @Override
    public final SortedMap<String, Tensor> weights() {
        return weights;
    }

    @Override
    public final Products products() {
        return products;
    }

    @Override
    public final void use(Products other) {
        products.close();
        products = other;
    }

    @Override
    public void close() {
        products.close();
        onClose.run();
    }
}
