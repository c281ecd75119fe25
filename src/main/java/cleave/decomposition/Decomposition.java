package cleave.decomposition;

import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.engine.Products;
import cleave.importance.CausalImportance;
import cleave.importance.GateInputs;
import cleave.importance.GatesPass;
import cleave.importance.ImportanceFunction;
import cleave.importance.ImportanceFunction.GatedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Clean;
import cleave.model.Site;
import cleave.model.Target;
import cleave.subcomponent.DirectionStart;
import cleave.subcomponent.InputStart;
import cleave.subcomponent.SingularStart;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Device;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.SortedMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// A target's decomposed sites with their subcomponents and gates.
///
/// @param target the frozen network
/// @param sites the decomposed sites, in the target's order
/// @param function predicts causal importances
/// @param leak of the lower sigmoid
/// @param tensors parameters by name: `SITE.U`, `SITE.V`, `SITE.gate.NAME`, and `gate.NAME` of
///   those that all gates share; plain views or a worker's leaves
/// @param remainders the frozen sums R `[d_out, d_in]` of merged subcomponents, by site; a site
///   without one had none merged, a tied site uses the other's (spec C2)
/// @param engine computes the step, the same one for the whole run
public record Decomposition(
        Target target,
        List<DecomposedSite> sites,
        ImportanceFunction function,
        Leak leak,
        SortedMap<String, Tensor> tensors,
        SortedMap<String, Tensor> remainders,
        Engine engine) {

    /// A decomposition on the engine for the target's numbers on this processor.
    public Decomposition(
            Target target,
            List<DecomposedSite> sites,
            ImportanceFunction function,
            Leak leak,
            SortedMap<String, Tensor> tensors,
            SortedMap<String, Tensor> remainders) {
        this(
                target,
                sites,
                function,
                leak,
                tensors,
                remainders,
                Engines.of(target.type(), target.device(), target.products()));
    }

    /// A decomposition of which nothing was merged.
    public Decomposition(
            Target target,
            List<DecomposedSite> sites,
            ImportanceFunction function,
            Leak leak,
            SortedMap<String, Tensor> tensors) {
        this(target, sites, function, leak, tensors, Collections.emptySortedMap());
    }

    /// A site and its subcomponents.
    ///
    /// @param original their number before any was merged into the remainder
    /// @param living which of those are left, ascending
    public record DecomposedSite(Site site, int original, List<Integer> living) {
        /// A site with all its subcomponents.
        public DecomposedSite(Site site, int count) {
            this(site, count, new Indices(count));
        }

        /// The site's name.
        public String name() {
            return site.name();
        }

        /// The number of subcomponents C, the merged ones not among them.
        public int count() {
            return living.size();
        }

        /// The site as its gates see it.
        public GatedSite gated() {
            return new GatedSite(site, count());
        }

        /// Whether none was merged.
        public boolean isWhole() {
            return count() == original;
        }

        /// The same with only the subcomponents at these places among the living, ascending.
        DecomposedSite keep(int... places) {
            return new DecomposedSite(
                    site, original, Arrays.stream(places).mapToObj(living::get).toList());
        }

        /// The places of its subcomponents among those of an earlier state of the site.
        public int[] placesIn(DecomposedSite earlier) {
            return living.stream()
                    .mapToInt(c -> Collections.binarySearch(earlier.living, c))
                    .toArray();
        }
    }

    /// The numbers 0 to `size` - 1, without a place in memory for each.
    private static final class Indices extends AbstractList<Integer> implements RandomAccess {
        private final int size;

        Indices(int size) {
            this.size = size;
        }

        @Override
        public Integer get(int index) {
            return Objects.checkIndex(index, size);
        }

        @Override
        public int size() {
            return size;
        }
    }

    /// Fresh parameters for these sites (spec S3, G6), of the target's type. Each is drawn where it
    /// stays; beside them there is one site's U and V at a time.
    ///
    /// @param inputs some inputs `[N, d_in]` of a site; asked for when subcomponents or gates begin
    ///   at them alone
    public static Parameters initial(
            Target target,
            List<DecomposedSite> sites,
            ImportanceFunction function,
            Subcomponents.Start start,
            long seed,
            Function<Site, Tensor> inputs) {
        return Scopes.run(() ->
                new Parameters(
                        AllParameters.of(sites, function).map((_, form) -> form.shape()),
                        target.type(),
                        views -> {
                            for (DecomposedSite site : sites) {
                                Scopes.run(() -> {
                                    if (site.site().tiedTo().isEmpty()) {
                                        startSubcomponents(
                                                target, site, start, seed, inputs, views);
                                    }
                                    startGate(target, site, function, seed, inputs, views);
                                });
                            }
                            Draws.Key key =
                                    Draws.key(seed, Draws.Purpose.INITIALISATION).with("gate");
                            function.shared(sites.stream().map(DecomposedSite::site).toList())
                                    .forEach((name, parameter) ->
                                            parameter.start(
                                                    key.with(name),
                                                    Tensors.named(
                                                            AllParameters.nameOfShared(name),
                                                            views)));
                        }));
    }

    /// Parameters of these sites with shapes alone, for finding out what they and their steps take.
    public static Parameters shaped(
            Type type, List<DecomposedSite> sites, ImportanceFunction function) {
        return Device.META.run(() ->
                Scopes.run(() ->
                        new Parameters(
                                AllParameters.of(sites, function).map((_, form) -> form.shape()),
                                type,
                                _ -> {})));
    }

    private static void startSubcomponents(
            Target target,
            DecomposedSite decomposed,
            Subcomponents.Start start,
            long seed,
            Function<Site, Tensor> inputs,
            SortedMap<String, Tensor> into) {
        Site site = decomposed.site();
        Tensor W = target.weight(site).to(target.type());
        int count = decomposed.count();
        Subcomponents.Initial drawn =
                switch (start) {
                    case ALIGNED, KAIMING -> Subcomponents.initial(site, W, count, start, seed);
                    case SINGULAR -> SingularStart.at(site, W, count, seed);
                    case INPUTS -> InputStart.at(site, W, inputs.apply(site), count, seed);
                    case DIRECTIONS -> DirectionStart.at(site, W, inputs.apply(site), count, seed);
                };
        Tensors.named(SiteParameters.nameOfV(site.name()), into).copy_(drawn.V());
        Tensors.named(SiteParameters.nameOfU(site.name()), into).copy_(drawn.U());
    }

    private static void startGate(
            Target target,
            DecomposedSite decomposed,
            ImportanceFunction function,
            long seed,
            Function<Site, Tensor> inputs,
            SortedMap<String, Tensor> into) {
        Site site = decomposed.site();
        Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with(site.name());
        function.parameters(site, decomposed.count())
                .forEach((name, parameter) ->
                        parameter.start(
                                key.with(name),
                                Tensors.named(SiteParameters.nameOfGate(site.name(), name), into)));
        if (function.startsAtInputs()) {
            Tensor V =
                    site.tiedTo()
                            .map(other -> Tensors.named(SiteParameters.nameOfU(other), into).t())
                            .orElseGet(
                                    () -> Tensors.named(SiteParameters.nameOfV(site.name()), into));
            Tensor read = inputs.apply(site);
            function.startedAt(
                            Products.EXACT.product(
                                    site.readsTokens() ? read : read.to(target.type()), V))
                    .forEach((name, value) ->
                            Tensors.named(SiteParameters.nameOfGate(site.name(), name), into)
                                    .copy_(value));
        }
    }

    /// The names and shapes of the parameters of these sites.
    public static SortedMap<String, List<Long>> shapes(
            List<DecomposedSite> sites, ImportanceFunction function) {
        return AllParameters.of(sites, function).map((_, form) -> form.shape()).named();
    }

    /// The parameters, by site.
    public AllParameters<Tensor> parameters() {
        return AllParameters.of(sites, function).map((name, _) -> tensor(name));
    }

    /// The same decomposition on other tensors, such as a worker's leaves.
    public Decomposition on(SortedMap<String, Tensor> other) {
        return new Decomposition(target, sites, function, leak, other, remainders, engine);
    }

    /// The same decomposition on another engine.
    public Decomposition on(Engine other) {
        return new Decomposition(target, sites, function, leak, tensors, remainders, other);
    }

    /// The decomposed site of this name.
    ///
    /// @throws IllegalArgumentException when there is none
    public DecomposedSite site(String name) {
        return sites.stream()
                .filter(site -> site.name().equals(name))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "site must be one of %s, got %s"
                                        .formatted(
                                                sites.stream().map(DecomposedSite::name).toList(),
                                                name)));
    }

    /// U, V and W of a site; a tied site uses the other's, transposed (spec S5).
    public Subcomponents subcomponents(DecomposedSite decomposed) {
        Site site = decomposed.site();
        Tensor W = target.weight(site);
        Tensor remainder = remainder(site);
        return site.tiedTo()
                .map(other ->
                        new Subcomponents(
                                site,
                                W,
                                tensor(SiteParameters.nameOfU(other)).t(),
                                tensor(SiteParameters.nameOfV(other)).t(),
                                remainder))
                .orElseGet(() ->
                        new Subcomponents(
                                site,
                                W,
                                tensor(SiteParameters.nameOfV(site.name())),
                                tensor(SiteParameters.nameOfU(site.name())),
                                remainder));
    }

    /// The frozen sum R `[d_out, d_in]` of a site's merged subcomponents; null when none was
    /// merged. A tied site has the other's, transposed (spec C2).
    public @Nullable Tensor remainder(Site site) {
        Tensor stored = remainders.get(site.tiedTo().orElse(site.name()));
        return stored == null || site.tiedTo().isEmpty() ? stored : stored.t();
    }

    /// What a site's gates add to their pre-activations `[C]`.
    public Tensor gateBias(DecomposedSite decomposed) {
        return tensor(SiteParameters.nameOfGate(decomposed.name(), function.bias()));
    }

    /// What the gates of all sites read on a slice.
    public GateInputs gateInputs(Clean clean, @Nullable Tensor valid) {
        List<GateInputs.OfSite> all =
                sites.stream()
                        .map(site -> {
                            Tensor input = Tensors.named(site.name(), clean.inputs());
                            return new GateInputs.OfSite(
                                    site.site(),
                                    input,
                                    site.site().readsTokens() ? rows(site.site(), input) : input,
                                    subcomponents(site).V(),
                                    name -> tensor(SiteParameters.nameOfGate(site.name(), name)));
                        })
                        .toList();
        return new GateInputs(
                engine, all, name -> tensor(AllParameters.nameOfShared(name)), valid, clean);
    }

    /// What the target looks up for tokens, `[B, T, d_out]`.
    private Tensor rows(Site site, Tensor tokens) {
        return Products.EXACT.map(tokens, target.weight(site)).to(target.type());
    }

    /// The gates of all sites (spec G1), with their way back to the parameters.
    public GatesPass gates(Clean clean, @Nullable Tensor valid) {
        return function.open(gateInputs(clean, valid));
    }

    /// The causal importances of every site, in site order.
    public List<CausalImportance> importances(Clean clean, @Nullable Tensor valid) {
        return gates(clean, valid).preactivations().stream()
                .map(preactivation -> CausalImportance.of(engine, preactivation, leak))
                .toList();
    }

    private Tensor tensor(String name) {
        return Tensors.named(name, tensors);
    }
}
