package cleave.reference;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UnusedEffect;
import cleave.loss.Usage;
import cleave.loss.UsedAlone;
import cleave.mask.MaskDraws;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.model.Target.Outputs;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.Phases;
import cleave.training.Stream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// A training step as the specification says it and nothing else: one graph over a stream's whole
/// batch with every activation stored, every site replaced in every forward pass, no slices, no
/// workers, nothing kept from the clean pass but its outputs and the inputs of gates.
///
/// What the fast step is compared with: the tests compare numbers, `cleave bench step` time and
/// memory. It is written as eager PyTorch would be, gates included, and shares with the fast step
/// only the target, the draws and the kernels; what neither graph nor later lines need is freed
/// where a Python function would return.
public final class PlainStep {
    private final Decomposition decomposition;
    private final List<Stream> streams;
    private final Faithfulness faithfulness;
    private final long seed;
    private final long step;
    private final long steps;
    private final Phases phases;
    private final List<Subcomponents> subcomponents;
    private final List<Tensor> deltas; // [d_out, d_in]

    private PlainStep(
            Decomposition decomposition,
            List<Stream> streams,
            Faithfulness faithfulness,
            long seed,
            long step,
            long steps,
            Phases phases) {
        this.decomposition = decomposition;
        this.streams = streams;
        this.faithfulness = faithfulness;
        this.seed = seed;
        this.step = step;
        this.steps = steps;
        this.phases = phases;
        subcomponents = decomposition.sites().stream().map(decomposition::subcomponents).toList();
        deltas = subcomponents.stream().map(PlainStep::delta).toList();
    }

    /// Adds the gradients of one step to those of the decomposition's tensors, and returns the
    /// total (spec L7). Opens its own scope.
    ///
    /// @param decomposition on tensors that require gradients
    /// @param seed of every draw
    /// @param step counted from 0
    /// @param steps length of the run, for schedules
    /// @param phases hears where it is
    public static double gradients(
            Decomposition decomposition,
            List<Stream> streams,
            Faithfulness faithfulness,
            long seed,
            long step,
            long steps,
            Phases phases) {
        return Scopes.run(() -> {
            phases.enter(Phases.REST);
            return new PlainStep(decomposition, streams, faithfulness, seed, step, steps, phases)
                    .gradients();
        });
    }

    private double gradients() {
        Tensor total = faithfulness().mul(faithfulness.coefficient().at(step, steps));
        List<OnStream> each = streams.stream().map(OnStream::new).toList();
        for (OnStream stream : each) {
            total = total.add(stream.total());
        }
        phases.enter(Phases.BACKWARD);
        total.backward();
        phases.enter(Phases.GATES_BACKWARD);
        each.forEach(OnStream::backwardThroughGates);
        phases.enter(Phases.REST);
        return Tensors.number(total);
    }

    // L3
    private Tensor faithfulness() {
        phases.enter("faithfulness");
        return Scopes.keep(() -> {
            Tensor sum = Tensors.zeros(decomposition.target().type());
            double count = 0;
            for (int site = 0; site < deltas.size(); site++) {
                Tensor W = subcomponents.get(site).W();
                Tensor square = deltas.get(site).pow(2).sum();
                sum = sum.add(faithfulness.relative() ? square.div(W.pow(2).sum()) : square);
                count += faithfulness.relative() ? 1 : W.numel();
            }
            return sum.div(count);
        });
    }

    private static Tensor delta(Subcomponents parts) {
        return parts.W().sub(parts.V().matmul(parts.U()).transpose(0, 1));
    }

    /// One stream's batch under the current parameters.
    private final class OnStream {
        private final Stream stream;
        private final Batch batch;
        private final Clean clean;
        private final Tensor valid; // [B, T]
        private final List<Tensor> preactivations; // [B, T, C], with the gates' graph
        private final List<Tensor> cut = new ArrayList<>(); // [B, T, C], the same without
        private final List<Tensor> lower = new ArrayList<>(); // [B, T, C]
        private final List<Tensor> upper = new ArrayList<>(); // [B, T, C]

        OnStream(Stream stream) {
            this.stream = stream;
            phases.enter(Phases.DATA);
            batch =
                    stream.task()
                            .examples(seed, Purpose.DATA, step * stream.batch(), stream.batch())
                            .batch();
            Tensor flags = batch.valid();
            valid = flags == null ? Tensors.onesLike(batch.inputs()).gt(0) : flags;
            phases.enter(Phases.CLEAN);
            clean = Scopes.withoutGradient(() -> decomposition.target().clean(batch));
            phases.enter(Phases.GATES);
            preactivations = preactivations();
            for (Tensor x : preactivations) {
                Tensor leaf = x.detach();
                leaf.requires_grad_(true);
                cut.add(leaf);
                lower.add(lower(leaf));
                upper.add(upper(leaf));
            }
        }

        private List<Tensor> preactivations() {
            return PlainGates.preactivations(
                    decomposition.function(), decomposition.gateInputs(clean, batch.valid()));
        }

        // G3; one whose leak is in the way back alone is a leaf of its own, continued in
        // backwardThroughGates.
        private Tensor lower(Tensor x) {
            return switch (decomposition.leak()) {
                case PLAIN ->
                        Scopes.keep(() ->
                                Tensors.where(
                                        x.gt(1),
                                        Tensors.onesLike(x),
                                        Tensors.where(x.le(0), x.mul(0.01), x)));
                case SIGN_GATED, BOTH_SIGNS -> {
                    Tensor clamped = Scopes.keep(() -> x.detach().clamp_min(0).clamp_max(1));
                    clamped.requires_grad_(true);
                    yield clamped;
                }
            };
        }

        // G2
        private Tensor upper(Tensor x) {
            return Scopes.keep(() -> {
                Tensor above = x.mul(0.01).add(0.99);
                return Tensors.where(
                        x.lt(0), Tensors.zerosLike(x), Tensors.where(x.gt(1), above, x));
            });
        }

        /// G3, with the gradient G of the whole total that has arrived at the importances.
        void backwardThroughGates() {
            List<Tensor> roots = new ArrayList<>();
            List<Tensor> gradients = new ArrayList<>();
            for (int site = 0; site < preactivations.size(); site++) {
                Tensor x = cut.get(site);
                Tensor gradient = x.grad().defined() ? x.grad() : Tensors.zerosLike(x);
                if (decomposition.leak() != Leak.PLAIN) {
                    Tensor G = lower.get(site).grad();
                    gradient = G.defined() ? gradient.add(leaked(x, G)) : gradient;
                }
                roots.add(preactivations.get(site));
                gradients.add(gradient);
            }
            Tensors.backward(roots, gradients);
        }

        private Tensor leaked(Tensor x, Tensor G) {
            return Scopes.withoutGradient(() ->
                    Scopes.keep(() -> {
                        Tensor zero = Tensors.zerosLike(G);
                        Tensor leaked = G.mul(0.01);
                        if (decomposition.leak() == Leak.SIGN_GATED) {
                            leaked = Tensors.where(G.lt(0), leaked, zero);
                        }
                        return Tensors.where(x.le(0), leaked, Tensors.where(x.le(1), G, zero));
                    }));
        }

        // L7
        Tensor total() {
            Tensor total = Tensors.zeros(decomposition.target().type());
            for (int index = 0; index < stream.losses().size(); index++) {
                LossTerm term = stream.losses().get(index);
                int place = index;
                phases.enter(term.name());
                Tensor loss =
                        Scopes.keep(() ->
                                switch (term) {
                                    case Reconstruction reconstruction ->
                                            reconstruction(reconstruction, termsBefore() + place);
                                    case ImportanceMinimality minimality -> minimality(minimality);
                                    case Usage usage -> usage(usage);
                                    case UnusedEffect _ -> unusedEffect();
                                    case UsedAlone _ -> usedAlone();
                                    default ->
                                            throw new IllegalArgumentException(
                                                    "the plain step knows no term " + term.name());
                                });
                total = total.add(loss.mul(term.coefficient().at(step, steps)));
            }
            return total;
        }

        // R5: terms count through all streams
        private int termsBefore() {
            return streams.subList(0, streams.indexOf(stream)).stream()
                    .mapToInt(other -> other.losses().size())
                    .sum();
        }

        // L2
        private Tensor reconstruction(Reconstruction term, int index) {
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (int draw = 0; draw < term.draws(); draw++) {
                List<@Nullable Tensor> tables = routings(term.routing(), index, draw); // [L, B, T]
                MaskDraws masks = new MaskDraws(seed, step, index, draw);
                for (@Nullable Tensor table : tables) {
                    Tensor one = Scopes.keep(() -> divergence(forward(term.masks(), table, masks)));
                    sum = sum.add(one.div(tables.size()));
                }
            }
            return sum.div(term.draws());
        }

        // M3; null where every site is replaced everywhere.
        private List<@Nullable Tensor> routings(Routing routing, int term, int draw) {
            int L = decomposition.sites().size();
            return switch (routing) {
                case Routing.All _ -> Collections.singletonList(null);
                case Routing.EachAlone _ -> {
                    List<@Nullable Tensor> tables = new ArrayList<>();
                    for (int alone = 0; alone < L; alone++) {
                        int only = alone;
                        tables.add(table((site, _, _) -> site == only));
                    }
                    yield tables;
                }
                case Routing.RandomSubset(Drawn drawn) ->
                        List.of(
                                table((site, row, t) -> {
                                    float[] u = uniforms(drawn, row, t, L + 1, term, draw);
                                    int k = 1 + (int) (u[0] * (double) L);
                                    int smaller = 0;
                                    for (int other = 0; other < L; other++) {
                                        smaller += u[1 + other] < u[1 + site] ? 1 : 0;
                                    }
                                    return smaller < k;
                                }));
                case Routing.Bernoulli(double probability, Drawn drawn) ->
                        List.of(
                                table((site, row, t) ->
                                        uniforms(drawn, row, t, L, term, draw)[site]
                                                < probability));
            };
        }

        private float[] uniforms(Drawn drawn, int row, int t, int count, int term, int draw) {
            boolean perBatch = drawn == Drawn.PER_BATCH;
            int at = perBatch ? 0 : t;
            float[] all = new float[(at + 1) * count];
            Draws.key(seed, Purpose.ROUTING)
                    .with(step)
                    .with(perBatch ? -1 : batch.firstExample() + row)
                    .with(term)
                    .with(draw)
                    .uniforms(all, 0, all.length);
            return Arrays.copyOfRange(all, at * count, all.length);
        }

        private Tensor table(Routed routed) {
            int L = decomposition.sites().size();
            int rows = (int) batch.rows();
            int length = (int) batch.length();
            boolean[] flags = new boolean[L * rows * length];
            for (int i = 0; i < flags.length; i++) {
                int site = i / (rows * length);
                flags[i] = routed.at(site, i / length % rows, i % length);
            }
            return Tensors.of(flags, L, rows, length);
        }

        // S2, M1, M2
        private Tensor forward(Masking source, @Nullable Tensor table, MaskDraws draws) {
            SortedMap<String, Replacement> replaced = new TreeMap<>();
            for (int site = 0; site < decomposition.sites().size(); site++) {
                String name = decomposition.sites().get(site).name();
                replaced.put(name, replacement(site, source, table, draws));
            }
            return decomposition.target().forward(batch, replaced, null).outputs();
        }

        private Replacement replacement(
                int site, Masking source, @Nullable Tensor table, MaskDraws draws) {
            Subcomponents parts = subcomponents.get(site);
            Tensor mask = mask(source, site, draws);
            Tensor share = deltaMask(source, decomposition.sites().get(site).name(), draws);
            Tensor routed = table == null ? null : table.select(0, site).unsqueeze(2); // [B, T, 1]
            return (input, weight, positions) ->
                    Scopes.keep(() -> {
                        Tensor output =
                                input.matmul(parts.V())
                                        .mul(Positions.select(mask, positions))
                                        .matmul(parts.U());
                        if (share != null) {
                            Tensor rest = input.matmul(deltas.get(site).transpose(0, 1));
                            output =
                                    output.add(
                                            rest.mul(
                                                    Positions.select(
                                                            share.unsqueeze(2), positions)));
                        }
                        return routed == null
                                ? output
                                : Tensors.where(
                                        Positions.select(routed, positions),
                                        output,
                                        input.matmul(weight.transpose(0, 1)));
                    });
        }

        private Tensor mask(Masking source, int site, MaskDraws draws) {
            Tensor g = lower.get(site);
            DecomposedSite decomposed = decomposition.sites().get(site);
            return switch (source) {
                case Masking.Stochastic _ -> {
                    Tensor r = sources(decomposed, draws);
                    yield g.add(Tensors.onesLike(g).sub(g).mul(r));
                }
                case Masking.Importance _ -> g;
                case Masking.Binary _ -> {
                    Tensor r = sources(decomposed, draws);
                    Tensor on =
                            Tensors.where(r.lt(g), Tensors.onesLike(g), Tensors.zerosLike(g))
                                    .detach();
                    yield on.add(g).sub(g.detach());
                }
                case Masking.Rounded _ ->
                        Tensors.where(g.gt(0.5), Tensors.onesLike(g), Tensors.zerosLike(g));
                case Masking.Ones _ -> Tensors.onesLike(g);
                case Masking.Zero _ -> Tensors.zerosLike(g);
                default ->
                        throw new IllegalArgumentException(
                                "the plain step knows no masks " + source.name());
            };
        }

        private Tensor sources(DecomposedSite site, MaskDraws draws) {
            return draws.sources(batch, site.name(), site.count(), decomposition.target().type());
        }

        private @Nullable Tensor deltaMask(Masking source, String site, MaskDraws draws) {
            long[] shape = {batch.rows(), batch.length()};
            return switch (stream.weightDelta()) {
                case NONE -> null;
                case ON -> Tensors.ones(decomposition.target().type(), shape);
                case STOCHASTIC ->
                        source instanceof Masking.Stochastic
                                ? draws.deltas(batch, site, decomposition.target().type())
                                : null;
            };
        }

        // L1
        private Tensor divergence(Tensor outputs) {
            return divergence(clean.outputs(), outputs);
        }

        private Tensor divergence(Tensor reference, Tensor outputs) {
            if (decomposition.target().outputs() != Outputs.LOGITS) {
                throw new IllegalArgumentException("the plain step knows logits only");
            }
            Tensor logP = Tensors.logSoftmax(reference);
            Tensor each = logP.exp().mul(logP.sub(Tensors.logSoftmax(outputs))); // [B, P, v]
            Tensor counted = batch.losses().counted();
            if (counted == null) {
                return each.sum().div(batch.losses().index().numel());
            }
            Tensor weights = counted.to(decomposition.target().type()).unsqueeze(2);
            return each.mul(weights).sum().div(weights.sum());
        }

        // L4, L5
        private Tensor minimality(ImportanceMinimality term) {
            double p = term.p().at(step, steps);
            double z = term.zeroIsFree() ? StrictMath.pow(term.epsilon(), p) : 0;
            double K =
                    term.positions() == PositionReduction.MEAN
                            ? Tensors.number(valid.sum())
                            : batch.rows();
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (Tensor g : upper) {
                Tensor powers = g.add(term.epsilon()).pow(p);
                Tensor A =
                        powers.sub(z)
                                .mul(valid.to(decomposition.target().type()).unsqueeze(2))
                                .sum(0, 1)
                                .div(K); // [C]
                Tensor frequency = A.mul(A.mul(K).add(1).log2());
                sum = sum.add(A.add(frequency.mul(term.frequency())).sum());
            }
            return sum;
        }

        // L6
        private Tensor usage(Usage term) {
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (Tensor g : upper) {
                Tensor seen = Tensors.where(valid.unsqueeze(2), g, Tensors.fullLike(g, -1));
                Tensor f = seen.amax(1).mean(0); // [C]
                Tensor powers = f.add(term.offset()).pow(term.exponent());
                double nothing = StrictMath.pow(term.offset(), term.exponent());
                sum = sum.add(powers.sub(nothing).sum());
            }
            return sum;
        }

        // L8
        private Tensor unusedEffect() {
            int site = (int) (step % decomposition.sites().size());
            Tensor largest = largest(site);
            Tensor none = alone(site, Tensors.zerosLike(largest)).detach();
            return divergence(none, alone(site, Tensors.onesLike(largest).sub(largest)))
                    .mul(largest.amax());
        }

        private Tensor largest(int site) {
            return upper.get(site)
                    .detach()
                    .mul(valid.to(decomposition.target().type()).unsqueeze(2))
                    .amax(0, 1)
                    .clamp_max(1); // [C]
        }

        // L9
        private Tensor usedAlone() {
            Map<String, Replacement> replaced = new LinkedHashMap<>();
            for (int site = 0; site < decomposition.sites().size(); site++) {
                Tensor g = lower.get(site);
                Tensor own =
                        Tensors.where(valid.unsqueeze(2), g, Tensors.fullLike(g, -1e30))
                                .amax(new long[] {1}, true); // [B, 1, C]
                Tensor u = largest(site);
                Tensor through = Tensors.where(u.lt(1), own, own.detach());
                Tensor mask = u.add(through).sub(own.detach());
                replaced.put(decomposition.sites().get(site).name(), masked(site, mask));
            }
            return divergence(decomposition.target().forward(batch, replaced, null).outputs());
        }

        private Tensor alone(int site, Tensor mask) {
            return decomposition
                    .target()
                    .forward(
                            batch,
                            Map.of(decomposition.sites().get(site).name(), masked(site, mask)),
                            null)
                    .outputs();
        }

        private Replacement masked(int site, Tensor mask) {
            DecomposedSite decomposed = decomposition.sites().get(site);
            Subcomponents parts = decomposition.subcomponents(decomposed);
            double share = stream.weightDelta() == WeightDelta.ON ? 1 : 0;
            return (input, _, _) ->
                    input.matmul(parts.V())
                            .mul(mask)
                            .matmul(parts.U())
                            .add(input.matmul(delta(parts).transpose(0, 1)).mul(share));
        }
    }

    /// Whether a site is replaced at a position.
    @FunctionalInterface
    private interface Routed {
        boolean at(int site, int row, int position);
    }
}
