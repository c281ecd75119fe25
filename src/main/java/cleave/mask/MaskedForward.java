package cleave.mask;

import cleave.decomposition.Decomposition;
import cleave.engine.Products;
import cleave.engine.SliceMask;
import cleave.engine.SliceSite;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.subcomponent.MaskedSite;
import cleave.subcomponent.MaskedSite.DeltaShare;
import cleave.subcomponent.MaskedSubcomponents;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Forward passes of one batch under masks.
///
/// Reconstruction terms and every check of a finished decomposition go through here, so both mean
/// the same by a mask.
public final class MaskedForward implements MaskedPasses {
    private final Decomposition decomposition;
    private final Batch batch;
    private final Clean clean;
    private final List<Tensor> lower;
    private final WeightDelta weightDelta;
    private final List<Subcomponents> subcomponents;
    private final @Nullable SliceSite[] slices; // of sites whose passes run in a kernel
    private final boolean differentiated;

    /// Forward passes of `batch`.
    ///
    /// @param clean its clean pass
    /// @param lower the lower importances `[B, T, C]` of each site, in site order; empty for
    ///   maskings that read none
    /// @param weightDelta how much of the weight delta stays
    public MaskedForward(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            WeightDelta weightDelta) {
        this(decomposition, batch, clean, lower, weightDelta, false);
    }

    private MaskedForward(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            WeightDelta weightDelta,
            boolean differentiated) {
        this.decomposition = decomposition;
        this.batch = batch;
        this.clean = clean;
        this.lower = lower;
        this.weightDelta = weightDelta;
        this.subcomponents =
                decomposition.sites().stream().map(decomposition::subcomponents).toList();
        this.slices = new @Nullable SliceSite[subcomponents.size()];
        this.differentiated = differentiated;
    }

    /// Forward passes to be differentiated, in kernels where they fit, each while the scope that is
    /// open when it is made still is.
    ///
    /// The importances must be leaves, and U and V leaves that have a gradient to be added to;
    /// `backward` gives them theirs.
    public static MaskedForward differentiated(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            WeightDelta weightDelta) {
        var forward = new MaskedForward(decomposition, batch, clean, lower, weightDelta, true);
        for (int site = 0; site < lower.size(); site++) {
            Subcomponents one = forward.subcomponents.get(site);
            if (one.site().readsTokens()) {
                continue; // kernels multiply numbers
            }
            forward.slices[site] =
                    decomposition
                            .engine()
                            .narrowSite(one.V(), one.U(), lower.get(site), batch.valid());
        }
        return forward;
    }

    @Override
    public Batch batch() {
        return batch;
    }

    @Override
    public int sites() {
        return subcomponents.size();
    }

    @Override
    public Target.Forward pass(Masking masking, Routes routes, @Nullable MaskDraws draws) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : routes.sites()) {
            replaced.put(
                    decomposition.sites().get(site).name(),
                    replacement(site, masking.of(place(site, draws)), routes.at(site, batch)));
        }
        Target target = decomposition.target();
        return differentiated
                ? target.differentiated(decomposition.engine(), batch, replaced, clean)
                : target.forward(batch, replaced, clean);
    }

    private MaskedPlace place(int site, @Nullable MaskDraws draws) {
        Tensor g = lower.isEmpty() ? null : lower.get(site);
        return new MaskedPlace(site, decomposition, batch, g, weightDelta, draws);
    }

    private Replacement replacement(int site, SiteMasks masks, @Nullable Tensor routed) {
        Tensor delta = masks.delta();
        DeltaShare share =
                weightDelta == WeightDelta.ON
                        ? DeltaShare.WHOLE
                        : delta == null ? DeltaShare.NONE : DeltaShare.of(delta);
        Subcomponents parts = subcomponents.get(site);
        Tensor remainder = parts.remainder() == null ? null : masks.remainder();
        return new MaskedSite(
                products(), parts, masked(site, masks.form()), share, remainder, routed);
    }

    private Products products() {
        return decomposition.engine().products();
    }

    private MaskedSubcomponents masked(int site, MaskForm form) {
        SliceSite slice = slices[site];
        return slice == null || form instanceof MaskForm.Given
                ? new MaskedSubcomponents.Recorded(
                        products(), subcomponents.get(site), recorded(site, form))
                : new MaskedSubcomponents.InSlice(slice, inKernel(slice, form));
    }

    private static SliceMask inKernel(SliceSite slice, MaskForm form) {
        return switch (form) {
            case MaskForm.Importance _ -> new SliceMask.Importance();
            case MaskForm.Between(var r) -> new SliceMask.Stochastic(slice.sources(r::row));
            case MaskForm.Below(var r) -> new SliceMask.Binary(slice.sources(r::row));
            case MaskForm.Everywhere(double[] u) -> new SliceMask.Everywhere(slice.everywhere(u));
            case MaskForm.Used(double[] u) ->
                    new SliceMask.Used(slice.everywhere(u), slice.toPeaks());
            case MaskForm.Given _ -> throw new IllegalStateException("given masks have no kernel");
        };
    }

    /// Masks `[B, T, C]` in libtorch's graph.
    private Tensor recorded(int site, MaskForm form) {
        return switch (form) {
            case MaskForm.Importance _ -> lower.get(site);
            case MaskForm.Between(var r) -> MaskDraws.between(lower.get(site), r.tensor());
            case MaskForm.Below(var r) -> {
                Tensor g = lower.get(site);
                Tensor on = r.tensor().lt(g.detach());
                yield on.to(type()).add(g.sub(g.detach())); // 0, with the gradient of g
            }
            case MaskForm.Everywhere(double[] u) ->
                    Tensors.of(u, type(), u.length).expand(batch.rows(), batch.length(), u.length);
            case MaskForm.Used(double[] u) -> peaked(u, lower.get(site));
            case MaskForm.Given(Tensor mask) -> mask;
        };
    }

    /// The masks u with the gradient of each sequence's largest importance.
    private Tensor peaked(double[] u, Tensor g) {
        Tensor valid = batch.valid();
        // Padding is below every importance, so that it is none of the largest.
        Tensor seen = valid == null ? g : g.masked_fill(valid.logical_not().unsqueeze(2), -1e30);
        Tensor peaks = seen.amax(new long[] {1}, true); // [B, 1, C]
        Tensor used = Tensors.of(u, type(), u.length);
        Tensor open = used.lt(1).to(type());
        return used.add(peaks.sub(peaks.detach()).mul(open)).expand_as(g);
    }

    /// Adds what differentiated passes left in kernels to the gradients of U, V and the
    /// importances; once, after the last pass.
    public void backward() {
        for (SliceSite slice : slices) {
            if (slice != null) {
                slice.backward();
            }
        }
    }

    private Type type() {
        return decomposition.target().type();
    }
}
