package cleave.reference;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engines;
import cleave.importance.GatesPass;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.BatchSummary;
import cleave.loss.Divergence;
import cleave.loss.ImportanceMinimality;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UnusedEffect;
import cleave.loss.Usage;
import cleave.loss.UsedAlone;
import cleave.mask.MaskDraws;
import cleave.mask.MaskForm;
import cleave.mask.MaskedPasses;
import cleave.mask.MaskedPlace;
import cleave.mask.Masking;
import cleave.mask.Routes;
import cleave.mask.SiteMasks;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.model.Target.Forward;
import cleave.model.Target.Outputs;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.training.Phases;
import cleave.training.Stream;
import cleave.training.Trainer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// One step of the method as one reads it beside the paper, which every fast path is held to.
///
/// It has one graph over a stream's whole batch and keeps every activation. It forms each weight
/// delta `Delta = W - R - (V U)^T` and adds `d (x Delta^T)`, as the method defines a site (spec
/// S2): the fast step folds the delta into W, so one that folded too could not tell whether that is
/// right. It has no slices, no workers and no kernels, and shares with the fast step only the
/// target, the draws and what a masking says. A user's own masking, importance function and loss
/// term run in it as well; a term of one's own gets the whole batch as its one slice.
///
/// Importances and deltas are cut out of the graph as leaves: the sigmoids have a rule of their own
/// for the way back, and terms of one's own differentiate pass by pass.
public final class PlainStep {
    private final Decomposition decomposition;
    private final Trainer.Method method;
    private final long step;
    private final Phases phases;
    private final Type type;
    private final Outputs outputs;
    private final List<DecomposedSite> sites;
    private final List<Subcomponents> parts; // V, U, W and R of each site
    private final List<Tensor> deltas = new ArrayList<>(); // [d_out, d_in] of each site, leaves

    private PlainStep(Decomposition given, Trainer.Method method, long step, Phases phases) {
        decomposition = given.on(Engines.LIBTORCH);
        this.method = method;
        this.step = step;
        this.phases = phases;
        type = given.target().type();
        outputs = given.target().outputs();
        sites = given.sites();
        parts = sites.stream().map(given::subcomponents).toList();
    }

    /// Adds the gradients of one step to those of the decomposition's tensors, and returns the
    /// total (spec L7). Opens its own scope.
    ///
    /// @param decomposition on tensors that require gradients
    /// @param method the streams with their terms, faithfulness, the seed and the run's length
    /// @param step counted from 0
    /// @param phases hears where it is
    public static double gradients(
            Decomposition decomposition, Trainer.Method method, long step, Phases phases) {
        return Scopes.run(() -> new PlainStep(decomposition, method, step, phases).gradients());
    }

    private double gradients() {
        phases.enter("faithfulness");
        List<Tensor> formed = parts.stream().map(Subcomponents::delta).toList();
        formed.forEach(delta -> deltas.add(leaf(delta)));
        Tensor total =
                faithfulness().mul(method.faithfulness().coefficient().at(step, method.steps()));
        List<OnStream> streams = new ArrayList<>();
        int terms = 0; // draws are keyed by a term's index among those of all streams (spec R5)
        for (Stream stream : method.streams()) {
            streams.add(new OnStream(stream));
            total = total.add(streams.getLast().total(terms));
            terms += stream.losses().size();
        }
        phases.enter(Phases.BACKWARD);
        total.backward();
        Tensors.backward(formed, deltas.stream().map(Tensor::grad).toList());
        phases.enter(Phases.GATES_BACKWARD);
        streams.forEach(OnStream::backwardThroughGates);
        phases.enter(Phases.REST);
        return Tensors.number(total);
    }

    // L3
    private Tensor faithfulness() {
        boolean relative = method.faithfulness().relative();
        Tensor sum = Tensors.zeros(type);
        double count = 0;
        for (int site = 0; site < deltas.size(); site++) {
            Tensor W = parts.get(site).W();
            Tensor square = deltas.get(site).pow(2).sum();
            sum = sum.add(relative ? square.div(W.pow(2).sum()) : square);
            count += relative ? 1 : W.numel();
        }
        return sum.div(count);
    }

    /// The same numbers without their graph; gradients add up in the result's own.
    private static Tensor leaf(Tensor graph) {
        Tensor leaf = graph.detach();
        leaf.requires_grad_(true);
        leaf.setGrad(Tensors.zerosLike(leaf));
        return leaf;
    }

    /// One stream's batch under the current parameters. In the shapes P are the loss positions.
    private final class OnStream implements MaskedPasses {
        private final Stream stream;
        private final Batch batch;
        private final BatchSummary.Sizes sizes;
        private final Clean clean;
        private final Tensor valid; // [B, T, 1]: 1, and 0 at padding
        private final GatesPass gates;
        private final List<Tensor> lower; // g [B, T, C] of each site, leaves
        private final List<Tensor> upper; // likewise

        OnStream(Stream stream) {
            this.stream = stream;
            phases.enter(Phases.DATA);
            long first = step * stream.batch();
            batch =
                    stream.task()
                            .examples(method.seed(), Purpose.DATA, first, stream.batch())
                            .batch();
            sizes = BatchSummary.Sizes.of(batch);
            Tensor flags = batch.valid();
            valid = (flags == null ? ones() : flags.to(type)).unsqueeze(2);
            phases.enter(Phases.CLEAN);
            clean = Scopes.withoutGradient(() -> decomposition.target().clean(batch));
            phases.enter(Phases.GATES);
            gates = decomposition.function().recorded(decomposition.gateInputs(clean, flags));
            lower = gates.preactivations().stream().map(x -> leaf(lower(x))).toList();
            upper = gates.preactivations().stream().map(x -> leaf(upper(x))).toList();
        }

        // G3
        private Tensor lower(Tensor x) {
            double slope = decomposition.leak() == Leak.PLAIN ? 0.01 : 0;
            return Scopes.keep(() -> Tensors.where(x.gt(0), x.clamp_max(1), x.mul(slope)));
        }

        // G2
        private Tensor upper(Tensor x) {
            return Scopes.keep(() -> Tensors.where(x.gt(1), x.mul(0.01).add(0.99), x.clamp_min(0)));
        }

        /// G2 and G3, with the gradients of the whole total.
        void backwardThroughGates() {
            List<Tensor> gradients = new ArrayList<>();
            for (int site = 0; site < sites.size(); site++) {
                Tensor x = gates.preactivations().get(site);
                Tensor G = lower.get(site).grad();
                Tensor below =
                        (decomposition.leak() == Leak.SIGN_GATED ? G.clamp_max(0) : G).mul(0.01);
                Tensor ofLower = Tensors.where(x.le(0), below, G.mul(x.le(1)));
                Tensor ofUpper = upper.get(site).grad();
                Tensor slope = Tensors.where(x.gt(1), Tensors.fullLike(x, 0.01), x.ge(0).to(type));
                gradients.add(ofLower.add(ofUpper.mul(slope)));
            }
            gates.backward(gradients);
        }

        // L7
        Tensor total(int firstTerm) {
            Tensor total = Tensors.zeros(type);
            int next = firstTerm;
            for (LossTerm term : stream.losses()) {
                int index = next++;
                phases.enter(term.name());
                Tensor loss =
                        Scopes.keep(() ->
                                switch (term) {
                                    case Reconstruction one -> reconstruction(one, index);
                                    case ImportanceMinimality one -> minimality(one);
                                    case Usage one -> usage(one);
                                    case UnusedEffect _ -> unusedEffect();
                                    case UsedAlone _ -> usedAlone();
                                    default -> own(term, index);
                                });
                total = total.add(loss.mul(term.coefficient().at(step, method.steps())));
            }
            return total;
        }

        // L1
        private Tensor divergence(Tensor from, Tensor of) {
            Tensor each; // [B, P]
            if (outputs == Outputs.LOGITS) {
                Tensor logP = Tensors.logSoftmax(from);
                each = logP.exp().mul(logP.sub(Tensors.logSoftmax(of))).sum(-1);
            } else {
                each = of.sub(from).pow(2).mean(-1);
            }
            Tensor counted = batch.losses().counted();
            Tensor sum = counted == null ? each.sum() : each.mul(counted).sum();
            return sum.div(sizes.lossPositions());
        }

        // L2
        private Tensor reconstruction(Reconstruction term, int index) {
            Tensor sum = Tensors.zeros(type);
            for (int draw = 0; draw < term.draws(); draw++) {
                MaskDraws draws = new MaskDraws(method.seed(), step, index, draw);
                var passes = passes(term.masks(), term.routing(), draws);
                for (Supplier<Forward> pass : passes) {
                    Tensor one =
                            Scopes.keep(() -> divergence(clean.outputs(), pass.get().outputs()));
                    sum = sum.add(one.div(passes.size()));
                }
            }
            return sum.div(term.draws());
        }

        // L4, L5
        private Tensor minimality(ImportanceMinimality term) {
            double p = term.p().at(step, method.steps());
            double z = term.zeroIsFree() ? StrictMath.pow(term.epsilon(), p) : 0;
            double K = term.divisor(sizes);
            Tensor sum = Tensors.zeros(type);
            for (Tensor g : upper) {
                Tensor A = g.add(term.epsilon()).pow(p).sub(z).mul(valid).sum(0, 1).div(K); // [C]
                Tensor frequency = A.mul(A.mul(K).add(1).log2());
                sum = sum.add(A.add(frequency.mul(term.frequency())).sum());
            }
            return sum;
        }

        // L6
        private Tensor usage(Usage term) {
            Tensor sum = Tensors.zeros(type);
            for (Tensor g : upper) {
                Tensor f = seen(g).amax(1).mean(0); // [C]
                Tensor powers = f.add(term.offset()).pow(term.exponent());
                sum = sum.add(powers.sub(StrictMath.pow(term.offset(), term.exponent())).sum());
            }
            return sum;
        }

        /// Importances with padding below all of them.
        private Tensor seen(Tensor g) {
            return g.masked_fill(valid.eq(0), -1e30);
        }

        // L8
        private Tensor unusedEffect() {
            int site = (int) (step % sites.size());
            double[] used = used(site);
            double[] unused = Arrays.stream(used).map(u -> 1 - u).toArray();
            Tensor none = alone(site, new double[used.length], false).detach();
            Tensor distance = divergence(none, alone(site, unused, true));
            return distance.mul(Arrays.stream(used).max().orElse(0));
        }

        private Tensor alone(int site, double[] masks, boolean remainder) {
            List<double[]> upToSite = Collections.nCopies(site + 1, masks);
            return pass(new Masking.Everywhere(upToSite, remainder), Routes.only(site)).outputs();
        }

        /// How used each subcomponent of a site is in the batch `[C]`.
        private double[] used(int site) {
            return Tensors.toDoubles(seen(upper.get(site).detach()).amax(0, 1).clamp_max(1));
        }

        // L9
        private Tensor usedAlone() {
            List<double[]> used = IntStream.range(0, sites.size()).mapToObj(this::used).toList();
            return divergence(clean.outputs(), pass(new Masking.Used(used)).outputs());
        }

        /// A term that the method does not know. It adds its gradients itself, to those of U, V,
        /// the deltas and the importances.
        private Tensor own(LossTerm term, int index) {
            LossSlice slice =
                    new LossSlice(
                            decomposition.engine(),
                            Divergence.from(outputs, clean.outputs(), batch.losses().counted()),
                            this,
                            upper,
                            upper.stream().map(Tensor::grad).toList(),
                            sizes,
                            new LossSlice.Draw(method.seed(), step, method.steps(), index),
                            term.coefficient().at(step, method.steps()));
            return Tensors.zeros(type).add(term.applyToWhole(slice));
        }

        @Override
        public Batch batch() {
            return batch;
        }

        @Override
        public int sites() {
            return sites.size();
        }

        // S2, M1, M2, C3
        @Override
        public Forward pass(Masking masking, Routes routes, @Nullable MaskDraws draws) {
            Map<String, Replacement> replaced = new LinkedHashMap<>();
            for (int site : routes.sites()) {
                Tensor g = lower.get(site);
                var place =
                        new MaskedPlace(site, decomposition, batch, g, stream.weightDelta(), draws);
                Tensor routed = routes.at(site, batch);
                replaced.put(sites.get(site).name(), replacement(site, masking.of(place), routed));
            }
            return decomposition.target().forward(batch, replaced, null);
        }

        private Replacement replacement(int site, SiteMasks masks, @Nullable Tensor routed) {
            Subcomponents own = parts.get(site);
            Tensor m = mask(masks.form(), lower.get(site)); // [B, T, C]
            Tensor d = stream.weightDelta() == WeightDelta.ON ? ones() : masks.delta(); // [B, T]
            Tensor n = masks.remainder(); // [B, T]
            return (x, _, positions) ->
                    Scopes.keep(() -> {
                        Tensor y =
                                times(x, own.V())
                                        .mul(Positions.select(m, positions))
                                        .matmul(own.U());
                        if (d != null) {
                            y = y.add(times(x, deltas.get(site).t()).mul(at(d, positions)));
                        }
                        Tensor R = own.remainder();
                        if (R != null && n != null) {
                            y = y.add(times(x, R.t()).mul(at(n, positions)));
                        }
                        return routed == null
                                ? y
                                : Tensors.where(at(routed, positions), y, times(x, own.W().t()));
                    });
        }

        /// `x M`, where a token x is one-hot.
        private static Tensor times(Tensor x, Tensor M) {
            return Tensors.type(x) == Type.LONG
                    ? x.eq(Tensors.arange(M.size(0))).to(Tensors.type(M)).matmul(M)
                    : x.matmul(M);
        }

        // M1, L9
        private Tensor mask(MaskForm form, Tensor g) {
            return switch (form) {
                case MaskForm.Importance _ -> g;
                case MaskForm.Between(var r) -> g.add(Tensors.rsub(g, 1).mul(r.tensor()));
                case MaskForm.Below(var r) -> throughTo(g, r.tensor().lt(g).to(type));
                case MaskForm.Everywhere(double[] u) -> Tensors.of(u, type, u.length).expand_as(g);
                case MaskForm.Used(double[] u) -> {
                    Tensor used = Tensors.of(u, type, u.length).expand_as(g);
                    Tensor peak = seen(g).amax(new long[] {1}, true); // [B, 1, C]
                    yield Tensors.where(used.lt(1), throughTo(peak, used), used);
                }
                case MaskForm.Given(Tensor mask) -> mask;
            };
        }

        /// The numbers `value` with the gradient of g.
        private static Tensor throughTo(Tensor g, Tensor value) {
            return value.add(g.sub(g.detach()));
        }

        private static Tensor at(Tensor perPosition, @Nullable Tensor positions) {
            return Positions.select(perPosition.unsqueeze(2), positions);
        }

        private Tensor ones() {
            return Tensors.ones(type, batch.rows(), batch.length());
        }
    }
}
