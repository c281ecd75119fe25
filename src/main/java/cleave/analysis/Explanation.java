package cleave.analysis;

import cleave.attribution.Attribution;
import cleave.attribution.PromptGraph;
import cleave.config.Reach;
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
/// @param minimality the coefficient of the fit that was taken
/// @param ceiling the answer's probability with every subcomponent whole at every position and
///   nothing of weight deltas and remainders. An adversary who may move all that is not chosen can
///   go there whatever is chosen, so that no choice keeps more of the answer against it
public record Explanation(
        List<String> tokens,
        PromptAttribution.Token answer,
        double target,
        List<Member> members,
        List<Choice> choices,
        boolean fitted,
        double minimality,
        double ceiling) {

    // Of the peers' recipe, but for the adversary, which is kept from step to step here.
    private static final double MINIMALITY = 0.09;
    private static final int FITS = 6;
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
    /// @param attacks the least that an adversary found who sets all that is not of importance 1,
    ///   weight deltas and remainders too
    /// @param plateau whether the last of them took less than a tenth of what the one before left
    /// @param others the same where weight deltas and remainders stay away, as under masks equal to
    ///   the importances
    /// @param on the same where only those subcomponents are moved that are on in the
    ///   decomposition, and all else is drawn at random once: a weaker adversary, that of the peers
    public record Choice(
            String name,
            int pieces,
            double importance,
            double stochastic,
            double rounded,
            List<Attack> attacks,
            boolean plateau,
            List<Attack> others,
            List<Attack> on) {}

    /// What an adversary left of the answer.
    public record Attack(int steps, double probability) {}

    /// What is asked.
    ///
    /// @param steps of a fit
    /// @param adversary whether one takes part
    /// @param minimality coefficient of the importances' sum; null for the largest of 0.09 and its
    ///   halves at which the answer is kept
    /// @param keep which share of the target's probability is to be kept under importance,
    ///   stochastic and rounded masks
    /// @param pieces subcomponents at positions that may be chosen at most
    /// @param attacks numbers of steps of ascent, growing, after which an adversary's best is told
    /// @param seed of the draws
    public record Settings(
            int steps,
            boolean adversary,
            @Nullable Double minimality,
            double keep,
            int pieces,
            List<Integer> attacks,
            long seed) {
        /// Keeps its own list.
        public Settings {
            attacks = List.copyOf(attacks);
        }
    }

    /// What an adversary may move.
    private enum Moved {
        /// Everything.
        ALL,
        /// Every subcomponent; weight deltas and remainders are 0.
        SUBCOMPONENTS,
        /// Those that are on in the decomposition.
        ON
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
        private final List<Tensor> onMasks; // 1 where the decomposition has a subcomponent on

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
            onMasks =
                    tensors(
                            own.stream()
                                    .map(site ->
                                            Arrays.stream(site).map(g -> g > 0 ? 1 : 0).toArray())
                                    .toList());
        }

        Explanation result() {
            Fit fit = best();
            List<double[]> fitted = fit.importances();
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
            List<double[]> whole = none();
            whole.forEach(each -> Arrays.fill(each, 1));
            return new Explanation(
                    attribution.tokens(),
                    attribution.answer(),
                    attribution.probability(),
                    members,
                    choices,
                    settings.adversary(),
                    fit.minimality(),
                    probability(whole, new Masking.Importance(), 0));
        }

        /// A fit.
        private record Fit(double minimality, List<double[]> importances) {}

        /// The first fit that keeps the answer, of less and less minimality; the last one that has
        /// no more than the wanted pieces where none does.
        private Fit best() {
            Double given = settings.minimality();
            if (given != null) {
                return new Fit(given, fit(given));
            }
            double minimality = MINIMALITY;
            Fit best = new Fit(minimality, fit(minimality));
            for (int i = 1; i < FITS && !keeps(best.importances()); i++) {
                minimality /= 2;
                Fit next = new Fit(minimality, fit(minimality));
                if (members(next.importances()).size() > settings.pieces()) {
                    return best;
                }
                best = next;
            }
            return best;
        }

        private boolean keeps(List<double[]> g) {
            double wanted = settings.keep() * attribution.probability();
            return probability(g, new Masking.Importance(), 0) >= wanted
                    && probability(g, new Masking.Rounded(), 0) >= wanted
                    && stochastic(g) >= wanted;
        }

        private double stochastic(List<double[]> g) {
            double mean = 0;
            for (int draw = 0; draw < DRAWS; draw++) {
                mean += probability(g, new Masking.Stochastic(), 1_000_000L + draw) / DRAWS;
            }
            return mean;
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

        private Draws.Key key(String name) {
            return Draws.key(settings.seed(), Draws.Purpose.EVALUATION)
                    .with("explanation")
                    .with(name);
        }

        private Masking.Sources sources(Draws.Key key) {
            return PromptAdversary.drawn(decomposition, length(), key);
        }

        /// Sources that an adversary moves where subcomponents are on, and drawn ones elsewhere.
        private Masking.Sources mixed(List<Tensor> moved, Masking.Sources drawn) {
            return new Masking.Sources(
                    IntStream.range(0, moved.size())
                            .mapToObj(site -> {
                                Tensor on = onMasks.get(site);
                                return drawn.sources()
                                        .get(site)
                                        .mul(Tensors.rsub(on, 1))
                                        .add(moved.get(site).mul(on));
                            })
                            .toList(),
                    drawn.deltas(),
                    drawn.remainders());
        }

        /// The importances that keep the answer with least of them.
        private List<double[]> fit(double minimality) {
            List<double[]> g = own.stream().map(double[]::clone).toList();
            List<double[]> first = g.stream().map(each -> new double[each.length]).toList();
            List<double[]> second = g.stream().map(each -> new double[each.length]).toList();
            List<Tensor> worst = sources(key("fit")).sources();
            worst.forEach(source -> source.requires_grad_(true));
            Reach reach = new Reach("--steps", settings.steps());
            for (long step = 1; step <= settings.steps(); step++) {
                long now = step;
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
                                        + minimality
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
                reach.done(step);
                progress.accept(0.1 + 0.6 * step / settings.steps());
            }
            return g;
        }

        /// The slopes of `-log p`, half under stochastic masks and half under the adversary's, who
        /// moves what is on in the decomposition while all else is drawn anew.
        private List<double[]> slopes(List<double[]> g, List<Tensor> worst, long step) {
            List<Tensor> leaves = tensors(g);
            leaves.forEach(leaf -> leaf.requires_grad_(true));
            MaskedForward forward = forward(leaves);
            double share = settings.adversary() ? 0.5 : 1;
            missing(forward, new Masking.Stochastic(), step).mul(share).backward();
            if (settings.adversary()) {
                Masking.Sources drawn = sources(key("fit").with(step));
                List<Tensor> fixed = tensors(g);
                for (int i = 0; i < ASCENTS; i++) {
                    ascend(fixed, worst, drawn);
                }
                List<Tensor> still = worst.stream().map(Tensor::detach).toList();
                missing(forward, mixed(still, drawn), step).mul(share).backward();
            }
            return leaves.stream().map(leaf -> Tensors.toDoubles(leaf.grad())).toList();
        }

        private void ascend(List<Tensor> g, List<Tensor> worst, Masking.Sources drawn) {
            Scopes.run(() -> {
                missing(forward(g), mixed(worst, drawn), 0).backward();
                Scopes.withoutGradient(() -> {
                    worst.forEach(SourceAscent::move);
                    return true;
                });
            });
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
            List<Attack> attacks = attacks(name, g, Moved.ALL);
            return new Choice(
                    name,
                    members(g).size(),
                    probability(g, new Masking.Importance(), 0),
                    stochastic(g),
                    probability(g, new Masking.Rounded(), 0),
                    attacks,
                    hasPlateau(attacks),
                    attacks(name, g, Moved.SUBCOMPONENTS),
                    attacks(name, g, Moved.ON));
        }

        private List<Attack> attacks(String name, List<double[]> g, Moved moved) {
            return Scopes.run(() ->
                    switch (moved) {
                        case ON -> attacksOn(name, g);
                        case ALL, SUBCOMPONENTS -> attacks(name, g, moved == Moved.ALL);
                    });
        }

        private List<Attack> attacks(String name, List<double[]> g, boolean rest) {
            List<Tensor> lower = tensors(g);
            Masking.Sources start = sources(key(name));
            if (!rest) {
                start.deltas().forEach(Tensor::zero_);
                start.remainders().forEach(Tensor::zero_);
            }
            SourceAscent ascent =
                    new SourceAscent(
                            List.of(new SourceAscent.Part(() -> forward(lower), divergence)),
                            start,
                            rest);
            List<Attack> attacks = new ArrayList<>();
            int taken = 0;
            for (int steps : settings.attacks()) {
                Reach reach = new Reach("--attack", steps);
                for (int begun = taken; taken < steps; taken++) {
                    reach.done(taken - begun);
                    ascent.step();
                }
                ascent.measure();
                attacks.add(new Attack(steps, Math.exp(-ascent.largest())));
            }
            return attacks;
        }

        /// The ascent of those that are on in the decomposition.
        private List<Attack> attacksOn(String name, List<double[]> g) {
            List<Tensor> lower = tensors(g);
            Masking.Sources drawn = sources(key(name));
            List<Tensor> worst = sources(key(name).with("on")).sources();
            worst.forEach(source -> source.requires_grad_(true));
            List<Attack> attacks = new ArrayList<>();
            double least = 1;
            int taken = 0;
            for (int steps : settings.attacks()) {
                Reach reach = new Reach("--attack", steps);
                for (int begun = taken; taken < steps; taken++) {
                    reach.done(taken - begun);
                    ascend(lower, worst, drawn);
                    least = Math.min(least, left(lower, mixed(worst, drawn)));
                }
                least = Math.min(least, left(lower, mixed(worst, drawn)));
                attacks.add(new Attack(steps, least));
            }
            return attacks;
        }

        private double left(List<Tensor> lower, Masking masking) {
            return Scopes.run(() ->
                    Scopes.withoutGradient(
                            () -> Math.exp(-Tensors.number(missing(forward(lower), masking, 0)))));
        }
    }

    /// Whether the last attack took less than a tenth of what the one before left.
    public static boolean hasPlateau(List<Attack> attacks) {
        int last = attacks.size() - 1;
        return last >= 1
                && attacks.get(last).probability() > 0.9 * attacks.get(last - 1).probability();
    }
}
