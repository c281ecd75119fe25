package cleave.analysis;

import cleave.attribution.Attribution;
import cleave.attribution.PromptGraph;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Divergence;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Held;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The few subcomponents that keep the answer to one prompt, each at its positions, found by
/// fitting importances of their own to the prompt; and what other ways of choosing as many keep.
///
/// @param tokens the prompt's
/// @param answer the token that is kept
/// @param target its probability after the prompt, by the target
/// @param members what was found, the most important first
/// @param choices how well it keeps the answer, and how well others do
/// @param fitted whether an adversary took part in the fit; without one the choice may be
///   unfaithful: masks other than those that it was fitted under may take the answer away
public record Explanation(
        List<String> tokens,
        PromptAttribution.Token answer,
        double target,
        List<Member> members,
        List<Choice> choices,
        boolean fitted) {

    // Of the peers' recipe, but for the adversary, which is kept from step to step here.
    private static final double POWER = 0.3;
    private static final double LEAST = 1e-3; // added to an importance, for the slope at 0
    private static final double RATE = 0.02;
    private static final double BETA_1 = 0.9;
    private static final double BETA_2 = 0.99;
    private static final int ASCENTS = 2;
    private static final int DRAWS = 16;

    /// A subcomponent at a position.
    ///
    /// @param subcomponent `SITE:INDEX`
    /// @param importance that was fitted
    public record Member(String subcomponent, int position, double importance) {}

    /// How well a choice of subcomponents keeps the answer.
    ///
    /// @param name `importances` those of the decomposition, `fitted`, `greedy` what is left when
    ///   the one that matters least is taken away again and again, `attribution` those through
    ///   which most of the answer comes
    /// @param pieces how many subcomponents at positions there are
    /// @param importance the answer's probability under masks equal to the importances
    /// @param stochastic the mean over draws of stochastic masks
    /// @param rounded under masks of 1 where the importance is above 0.5
    /// @param attacks the least that an adversary found who sets all that is not of importance 1
    /// @param plateau whether the last of them took less than a tenth of what the one before left
    public record Choice(
            String name,
            int pieces,
            double importance,
            double stochastic,
            double rounded,
            List<Attack> attacks,
            boolean plateau) {}

    /// What an adversary left of the answer.
    public record Attack(int steps, double probability) {}

    /// What is asked.
    ///
    /// @param steps of the fit
    /// @param adversary whether one takes part
    /// @param minimality coefficient of the importances' sum
    /// @param attacks numbers of steps of ascent, growing, after which an adversary's best is told
    /// @param seed of the draws
    public record Settings(
            int steps, boolean adversary, double minimality, List<Integer> attacks, long seed) {
        /// Keeps its own list.
        public Settings {
            attacks = List.copyOf(attacks);
        }
    }

    /// Finds the few.
    ///
    /// @param answer the token as text; null for the most probable
    /// @param progress told now and then which share is done
    /// @throws UserError when the run refuses the text or the answer
    public static Explanation of(
            PromptRun run,
            String prompt,
            @Nullable String answer,
            Settings settings,
            DoubleConsumer progress) {
        PromptAttribution attribution =
                PromptAttribution.of(
                        run,
                        prompt,
                        answer,
                        null,
                        new Attribution.Settings(0, Attribution.Base.IMPORTANCE, Held.NORMS, 0, 0),
                        share -> progress.accept(0.1 * share));
        int[] ids = attribution.ids().stream().mapToInt(Integer::intValue).toArray();
        return Scopes.run(() ->
                new Search(
                                run.loaded().decomposition(),
                                run.loaded().file().streams().getFirst().weightDelta(),
                                ids,
                                attribution,
                                settings,
                                progress)
                        .result());
    }

    /// One search. Its tensors belong to the scope it is made in.
    private static final class Search {
        private final Decomposition decomposition;
        private final WeightDelta weightDelta;
        private final PromptAttribution attribution;
        private final Settings settings;
        private final DoubleConsumer progress;
        private final Batch batch;
        private final Clean clean;
        private final Divergence divergence; // from the answer alone: -log p, nats
        private final List<double[]> own; // the decomposition's importances [T * C] by site
        private final List<Integer> widths;

        Search(
                Decomposition decomposition,
                WeightDelta weightDelta,
                int[] ids,
                PromptAttribution attribution,
                Settings settings,
                DoubleConsumer progress) {
            this.decomposition = decomposition;
            this.weightDelta = weightDelta;
            this.attribution = attribution;
            this.settings = settings;
            this.progress = progress;
            Batch everywhere = PromptRun.batch(ids);
            batch =
                    new Batch(
                            everywhere.stream(),
                            0,
                            everywhere.inputs(),
                            null,
                            LossPositions.last(1, ids.length, null));
            Target target = decomposition.target();
            clean = Scopes.withoutGradient(() -> target.clean(batch));
            long tokens = clean.outputs().size(2);
            double[] sure = new double[(int) tokens];
            sure[attribution.answer().id()] = 1e4;
            divergence =
                    Divergence.from(
                            Target.Outputs.LOGITS,
                            Tensors.of(sure, target.type(), 1, 1, tokens),
                            null);
            own =
                    Scopes.withoutGradient(() ->
                            Importances.of(decomposition, clean, batch).stream()
                                    .map(Tensors::toDoubles)
                                    .toList());
            widths = decomposition.sites().stream().map(DecomposedSite::count).toList();
        }

        Explanation result() {
            List<double[]> fitted = fit();
            List<Member> members = members(fitted);
            int count = members.size();
            List<Choice> choices = new ArrayList<>();
            choices.add(choice("importances", own));
            progress.accept(0.75);
            choices.add(choice("fitted", fitted));
            progress.accept(0.8);
            choices.add(choice("greedy", greedy(count)));
            progress.accept(0.9);
            choices.add(choice("attribution", strongest(count)));
            progress.accept(1);
            return new Explanation(
                    attribution.tokens(),
                    attribution.answer(),
                    attribution.probability(),
                    members,
                    choices,
                    settings.adversary());
        }

        private int length() {
            return (int) batch.length();
        }

        private List<Tensor> tensors(List<double[]> importances) {
            Type type = decomposition.target().type();
            return IntStream.range(0, importances.size())
                    .mapToObj(site ->
                            Tensors.of(importances.get(site), type, 1, length(), widths.get(site)))
                    .toList();
        }

        private MaskedForward forward(List<Tensor> lower) {
            return new MaskedForward(decomposition, batch, clean, lower, weightDelta);
        }

        /// `-log p` of the answer.
        private Tensor missing(MaskedForward forward, Masking masking, long draw) {
            return divergence.sum(
                    forward.passes(
                                    masking,
                                    new Routing.All(),
                                    new MaskDraws(settings.seed(), draw, 0, 0))
                            .getFirst()
                            .get()
                            .outputs());
        }

        private double probability(List<double[]> importances, Masking masking, long draw) {
            return Scopes.run(() ->
                    Scopes.withoutGradient(() ->
                            Math.exp(
                                    -Tensors.number(
                                            missing(
                                                    forward(tensors(importances)),
                                                    masking,
                                                    draw)))));
        }

        /// Sources of every subcomponent at every position, of deltas and remainders, drawn anew.
        private Masking.Sources sources(String name) {
            Type type = decomposition.target().type();
            Draws.Key key =
                    Draws.key(settings.seed(), Draws.Purpose.EVALUATION)
                            .with("explanation")
                            .with(name);
            List<Tensor> sources = new ArrayList<>();
            List<Tensor> deltas = new ArrayList<>();
            List<Tensor> remainders = new ArrayList<>();
            for (DecomposedSite site : decomposition.sites()) {
                int numbers = length() * site.count();
                float[] drawn = new float[numbers + 2 * length()];
                key.with(site.name()).uniforms(drawn, 0, drawn.length);
                sources.add(
                        Tensors.of(Arrays.copyOf(drawn, numbers), type, 1, length(), site.count()));
                int first = numbers + length();
                deltas.add(Tensors.of(Arrays.copyOfRange(drawn, numbers, first), type, length()));
                remainders.add(
                        Tensors.of(Arrays.copyOfRange(drawn, first, drawn.length), type, length()));
            }
            return new Masking.Sources(sources, deltas, remainders);
        }

        /// The importances that keep the answer with least of them.
        private List<double[]> fit() {
            List<double[]> g = own.stream().map(double[]::clone).toList();
            List<double[]> first = g.stream().map(each -> new double[each.length]).toList();
            List<double[]> second = g.stream().map(each -> new double[each.length]).toList();
            Masking.Sources worst = sources("fit");
            worst.all().forEach(source -> source.requires_grad_(true));
            for (int step = 1; step <= settings.steps(); step++) {
                int now = step;
                List<double[]> slopes = Scopes.run(() -> slopes(g, worst, now));
                double rate = RATE * 0.5 * (1 + Math.cos(Math.PI * (now - 1) / settings.steps()));
                for (int site = 0; site < g.size(); site++) {
                    double[] value = g.get(site);
                    double[] slope = slopes.get(site);
                    for (int i = 0; i < value.length; i++) {
                        if (own.get(site)[i] <= 0) {
                            continue; // off in the decomposition, and so here
                        }
                        double whole =
                                slope[i]
                                        + settings.minimality()
                                                * POWER
                                                * Math.pow(value[i] + LEAST, POWER - 1);
                        double[] m = first.get(site);
                        double[] v = second.get(site);
                        m[i] = BETA_1 * m[i] + (1 - BETA_1) * whole;
                        v[i] = BETA_2 * v[i] + (1 - BETA_2) * whole * whole;
                        double mean = m[i] / (1 - Math.pow(BETA_1, now));
                        double size = Math.sqrt(v[i] / (1 - Math.pow(BETA_2, now)));
                        value[i] = Math.clamp(value[i] - rate * mean / (size + 1e-12), 0, 1);
                    }
                }
                progress.accept(0.1 + 0.6 * step / settings.steps());
            }
            return g;
        }

        /// The slopes of `-log p`, half under stochastic masks and half under the adversary's.
        private List<double[]> slopes(List<double[]> g, Masking.Sources worst, int step) {
            List<Tensor> leaves = tensors(g);
            if (settings.adversary()) {
                List<Tensor> fixed = tensors(g);
                SourceAscent.Part part = new SourceAscent.Part(() -> forward(fixed), divergence);
                for (int i = 0; i < ASCENTS; i++) {
                    SourceAscent.move(part, worst);
                }
            }
            leaves.forEach(leaf -> leaf.requires_grad_(true));
            MaskedForward forward = forward(leaves);
            double share = settings.adversary() ? 0.5 : 1;
            missing(forward, new Masking.Stochastic(), step).mul(share).backward();
            if (settings.adversary()) {
                Masking.Sources still =
                        new Masking.Sources(
                                detached(worst.sources()),
                                detached(worst.deltas()),
                                detached(worst.remainders()));
                missing(forward, still, step).mul(share).backward();
            }
            return leaves.stream().map(leaf -> Tensors.toDoubles(leaf.grad())).toList();
        }

        private static List<Tensor> detached(List<Tensor> tensors) {
            return tensors.stream().map(Tensor::detach).toList();
        }

        private List<Member> members(List<double[]> g) {
            List<Member> members = new ArrayList<>();
            for (int site = 0; site < g.size(); site++) {
                DecomposedSite at = decomposition.sites().get(site);
                for (int i = 0; i < g.get(site).length; i++) {
                    if (g.get(site)[i] > 0) {
                        members.add(
                                new Member(
                                        at.name() + ":" + at.living().get(i % at.count()),
                                        i / at.count(),
                                        g.get(site)[i]));
                    }
                }
            }
            members.sort(Comparator.comparingDouble(member -> -member.importance()));
            return members;
        }

        private List<double[]> none() {
            return own.stream().map(each -> new double[each.length]).toList();
        }

        /// Takes the one whose going costs the answer least away until so many are left.
        private List<double[]> greedy(int count) {
            List<double[]> g = none();
            List<int[]> left = new ArrayList<>();
            for (int site = 0; site < own.size(); site++) {
                for (int i = 0; i < own.get(site).length; i++) {
                    if (own.get(site)[i] > 0) {
                        g.get(site)[i] = 1;
                        left.add(new int[] {site, i});
                    }
                }
            }
            while (left.size() > count) {
                int[] least = left.getFirst();
                double kept = -1;
                for (int[] each : left) {
                    g.get(each[0])[each[1]] = 0;
                    double probability = probability(g, new Masking.Importance(), 0);
                    g.get(each[0])[each[1]] = 1;
                    if (probability > kept) {
                        kept = probability;
                        least = each;
                    }
                }
                g.get(least[0])[least[1]] = 0;
                left.remove(least);
            }
            return g;
        }

        private List<double[]> strongest(int count) {
            List<double[]> g = none();
            attribution.graph().nodes().stream()
                    .filter(node -> node.kind() == PromptGraph.Kind.SUBCOMPONENT)
                    .sorted(Comparator.comparingDouble(node -> -node.influence()))
                    .limit(count)
                    .forEach(node -> {
                        DecomposedSite site = decomposition.site(node.site());
                        int place = site.living().indexOf(node.index());
                        g.get(decomposition.sites().indexOf(site))[
                                        node.position() * site.count() + place] =
                                1;
                    });
            return g;
        }

        private Choice choice(String name, List<double[]> g) {
            double stochastic = 0;
            for (int draw = 0; draw < DRAWS; draw++) {
                stochastic += probability(g, new Masking.Stochastic(), 1_000_000L + draw) / DRAWS;
            }
            List<Attack> attacks = Scopes.run(() -> attacks(name, g));
            return new Choice(
                    name,
                    members(g).size(),
                    probability(g, new Masking.Importance(), 0),
                    stochastic,
                    probability(g, new Masking.Rounded(), 0),
                    attacks,
                    hasPlateau(attacks));
        }

        private static boolean hasPlateau(List<Attack> attacks) {
            int last = attacks.size() - 1;
            return last >= 1
                    && attacks.get(last).probability() > 0.9 * attacks.get(last - 1).probability();
        }

        private List<Attack> attacks(String name, List<double[]> g) {
            List<Tensor> lower = tensors(g);
            SourceAscent ascent =
                    new SourceAscent(
                            List.of(new SourceAscent.Part(() -> forward(lower), divergence)),
                            sources(name));
            List<Attack> attacks = new ArrayList<>();
            int taken = 0;
            for (int steps : settings.attacks()) {
                for (; taken < steps; taken++) {
                    ascent.step();
                }
                ascent.measure();
                attacks.add(new Attack(steps, Math.exp(-ascent.largest())));
            }
            return attacks;
        }
    }
}
