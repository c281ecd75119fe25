package cleave.mask;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.Routing.Drawn;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.subcomponent.MaskedSite;
import cleave.subcomponent.MaskedSite.DeltaShare;
import cleave.subcomponent.MaskedSubcomponents;
import cleave.engine.SliceMask;
import cleave.engine.SliceSite;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Forward passes of one batch under masks.
///
/// Reconstruction terms and every check of a finished decomposition go through here, so both mean
/// the same by a mask.
public final class MaskedForward {
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
    /// @param lower the lower importances `[B, T, C]` of each site, in site order
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
            forward.slices[site] =
                    decomposition
                            .engine()
                            .narrowSite(one.V(), one.U(), lower.get(site), batch.valid());
        }
        return forward;
    }

    /// The passes that a routing asks for, to be averaged: L for `each_alone`, none for a
    /// batch-drawn routing that replaces no site, else one.
    public List<Target.Forward> runs(MaskSource source, Routing routing, MaskDraws draws) {
        return passes(source, routing, draws).stream().map(Supplier::get).toList();
    }

    /// The same passes, each made when asked for, so that what one holds can be freed before the
    /// next. Only what kernels add up outlives a pass; `backward` takes its gradients on.
    public List<Supplier<Target.Forward>> passes(
            MaskSource source, Routing routing, MaskDraws draws) {
        return switch (routing) {
            case Routing.All _ -> List.of(() -> run(source, draws, everySite(), null));
            case Routing.EachAlone _ ->
                    everySite().stream()
                            .<Supplier<Target.Forward>>map(
                                    site -> () -> run(source, draws, List.of(site), null))
                            .toList();
            case Routing.RandomSubset(Drawn drawn) -> routed(source, routing, drawn, draws);
            case Routing.Bernoulli(double _, Drawn drawn) -> routed(source, routing, drawn, draws);
        };
    }

    private List<Supplier<Target.Forward>> routed(
            MaskSource source, Routing routing, Drawn drawn, MaskDraws draws) {
        boolean[][] routed = draws.routed(routing, batch, subcomponents.size());
        if (drawn == Drawn.PER_POSITION) {
            return List.of(() -> run(source, draws, everySite(), routed));
        }
        List<Integer> chosen = everySite().stream().filter(site -> routed[site][0]).toList();
        return chosen.isEmpty() ? List.of() : List.of(() -> run(source, draws, chosen, null));
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

    /// One pass with every site's mask given, in site order, each `[B, T, C]` or broadcastable to
    /// it.
    ///
    /// @param remainders of which sites the mask of the remainder is 1, by place; of the others it
    ///   is 0
    public Target.Forward run(List<Tensor> masks, IntPredicate remainders) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : everySite()) {
            Tensor mask = masks.get(site).expand_as(lower.get(site));
            replaced.put(
                    name(site),
                    replacement(
                            site, mask, null, remainders.test(site) ? everywhere() : null, null));
        }
        return pass(replaced);
    }

    /// One pass with some sites under masks and their remainders whole; every other site keeps the
    /// target's own map, which is what masks of 1 with the whole weight delta make of it.
    ///
    /// @param masks by site name, each `[B, T, C]` or broadcastable to it
    public Target.Forward some(Map<String, Tensor> masks) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : everySite()) {
            Tensor mask = masks.get(name(site));
            if (mask != null) {
                replaced.put(
                        name(site),
                        replacement(
                                site, mask.expand_as(lower.get(site)), null, everywhere(), null));
            }
        }
        return pass(replaced);
    }

    /// A pass with one site replaced, under a mask `[C]` at every position.
    ///
    /// @param remainder whether the mask of its remainder is 1; else it is 0
    public Target.Forward alone(int site, double[] mask, boolean remainder) {
        SliceSite slice = slices[site];
        MaskedSubcomponents masked =
                slice != null
                        ? new MaskedSubcomponents.InSlice(
                                slice, new SliceMask.Everywhere(slice.everywhere(mask)))
                        : new MaskedSubcomponents.Recorded(
                                subcomponents.get(site),
                                Tensors.of(mask, type(), mask.length).expand_as(lower.get(site)));
        Tensor remainderMask = remainder ? everywhere() : null;
        return pass(Map.of(name(site), replacement(site, masked, null, remainderMask, null)));
    }

    /// One pass with every site under the masks `u [C]` at every position, and no remainder. The
    /// gradient of masks below 1 passes to each sequence's largest importance, which positions that
    /// share it share evenly.
    ///
    /// @param used u of each site
    public Target.Forward used(List<double[]> used) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : everySite()) {
            SliceSite slice = slices[site];
            double[] u = used.get(site);
            MaskedSubcomponents masked =
                    slice != null
                            ? new MaskedSubcomponents.InSlice(
                                    slice,
                                    new SliceMask.Used(slice.everywhere(u), slice.toPeaks()))
                            : new MaskedSubcomponents.Recorded(
                                    subcomponents.get(site), peaked(u, lower.get(site)));
            replaced.put(name(site), replacement(site, masked, null, null, null));
        }
        return pass(replaced);
    }

    /// The masks u with the gradient of each sequence's largest importance.
    private Tensor peaked(double[] u, Tensor g) {
        Tensor valid = batch.valid();
        // Padding is below every importance, so that it is none of the largest.
        Tensor seen =
                valid == null
                        ? g
                        : g.masked_fill(valid.logical_not().unsqueeze(2), -1e30);
        Tensor peaks = seen.amax(new long[] {1}, true); // [B, 1, C]
        Tensor used = Tensors.of(u, type(), u.length);
        Tensor open = used.lt(1).to(type());
        return used.add(peaks.sub(peaks.detach()).mul(open)).expand_as(g);
    }

    /// One pass with every site under sources that all sequences and positions share (spec M4).
    public Target.Forward run(SharedSources shared) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : everySite()) {
            Tensor mask = MaskDraws.between(lower.get(site), shared.sources().get(site));
            Tensor deltaMask =
                    weightDelta == WeightDelta.STOCHASTIC
                            ? shared.deltas().get(site).expand(batch.rows(), batch.length())
                            : null;
            Tensor remainderMask =
                    shared.remainders().get(site).expand(batch.rows(), batch.length());
            replaced.put(name(site), replacement(site, mask, deltaMask, remainderMask, null));
        }
        return pass(replaced);
    }

    private Target.Forward run(
            MaskSource source,
            MaskDraws draws,
            List<Integer> sites,
            boolean @Nullable [][] routed) {
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (int site : sites) {
            Tensor deltaMask =
                    weightDelta == WeightDelta.STOCHASTIC && source == MaskSource.STOCHASTIC
                            ? draws.deltas(batch, name(site), type())
                            : null;
            Tensor where =
                    routed == null ? null : Tensors.of(routed[site], batch.rows(), batch.length());
            replaced.put(
                    name(site),
                    replacement(
                            site,
                            masked(source, site, draws),
                            deltaMask,
                            remainderMask(source, site, draws),
                            where));
        }
        return pass(replaced);
    }

    private MaskedSubcomponents masked(MaskSource source, int site, MaskDraws draws) {
        SliceSite slice = slices[site];
        SliceMask kernel =
                slice == null
                        ? null
                        : switch (source) {
                            case IMPORTANCE -> new SliceMask.Importance();
                            case STOCHASTIC ->
                                    new SliceMask.Stochastic(sources(site, slice, draws));
                            case BINARY -> new SliceMask.Binary(sources(site, slice, draws));
                            case ROUNDED, ONES, ZERO -> null;
                        };
        return slice == null || kernel == null
                ? new MaskedSubcomponents.Recorded(
                        subcomponents.get(site), mask(source, site, draws))
                : new MaskedSubcomponents.InSlice(slice, kernel);
    }

    private SliceMask.Sources sources(int site, SliceSite slice, MaskDraws draws) {
        DecomposedSite decomposed = decomposition.sites().get(site);
        return slice.sources((row, into) -> draws.sources(batch, row, decomposed, into, 0));
    }

    private Tensor mask(MaskSource source, int site, MaskDraws draws) {
        Tensor g = lower.get(site); // [B, T, C]
        return switch (source) {
            case IMPORTANCE -> g;
            case STOCHASTIC -> {
                DecomposedSite decomposed = decomposition.sites().get(site);
                yield MaskDraws.between(g, draws.sources(batch, decomposed, type()));
            }
            case BINARY -> {
                DecomposedSite decomposed = decomposition.sites().get(site);
                Tensor on = draws.sources(batch, decomposed, type()).lt(g.detach());
                yield on.to(type()).add(g.sub(g.detach())); // 0, with the gradient of g
            }
            case ROUNDED -> g.detach().gt(0.5).to(type());
            case ONES -> g.detach().new_ones(g.shape());
            case ZERO -> g.detach().new_zeros(g.shape());
        };
    }

    /// The mask of a site's remainder, a part of importance 0 (spec C3); null for zeros.
    private @Nullable Tensor remainderMask(MaskSource source, int site, MaskDraws draws) {
        if (subcomponents.get(site).remainder() == null) {
            return null;
        }
        return switch (source) {
            case IMPORTANCE, BINARY, ROUNDED, ZERO -> null;
            case STOCHASTIC -> draws.remainders(batch, name(site), type());
            case ONES -> everywhere();
        };
    }

    private Tensor everywhere() {
        return Tensors.ones(type(), 1, 1).expand(batch.rows(), batch.length());
    }

    private Replacement replacement(
            int site,
            Tensor mask,
            @Nullable Tensor deltaMask,
            @Nullable Tensor remainderMask,
            @Nullable Tensor routed) {
        return replacement(
                site,
                new MaskedSubcomponents.Recorded(subcomponents.get(site), mask),
                deltaMask,
                remainderMask,
                routed);
    }

    private Replacement replacement(
            int site,
            MaskedSubcomponents masked,
            @Nullable Tensor deltaMask,
            @Nullable Tensor remainderMask,
            @Nullable Tensor routed) {
        DeltaShare share =
                weightDelta == WeightDelta.ON
                        ? DeltaShare.WHOLE
                        : deltaMask == null ? DeltaShare.NONE : DeltaShare.of(deltaMask);
        return new MaskedSite(subcomponents.get(site), masked, share, remainderMask, routed);
    }

    private Target.Forward pass(Map<String, Replacement> replaced) {
        Target target = decomposition.target();
        return differentiated
                ? target.differentiated(decomposition.engine(), batch, replaced, clean)
                : target.forward(batch, replaced, clean);
    }

    private List<Integer> everySite() {
        return java.util.stream.IntStream.range(0, subcomponents.size()).boxed().toList();
    }

    private String name(int site) {
        return decomposition.sites().get(site).name();
    }

    private Type type() {
        return decomposition.target().type();
    }
}
