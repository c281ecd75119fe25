package cleave.analysis;

import cleave.analysis.Explanation.Attack;
import cleave.analysis.Explanation.Choice;
import cleave.analysis.Explanation.Member;
import cleave.analysis.Explanation.Settings;
import cleave.attribution.PromptGraph;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleConsumer;

/// One search for the few that keep an answer. Its tensors belong to the scope it is made in.
final class ExplanationSearch {
    private static final double MINIMALITY = 0.09; // of the peers' recipe
    private static final int FITS = 6;

    private final Decomposition decomposition;
    private final PromptAttribution attribution;
    private final Settings settings;
    private final DoubleConsumer progress;
    private final AnswerUnderMasks answer;
    private final ChoiceAttacks attacks;
    private final ImportanceFit fit;

    /// A search.
    ///
    /// @param ids the prompt's tokens
    /// @param progress told now and then which share is done
    ExplanationSearch(
            Decomposition decomposition,
            WeightDelta weightDelta,
            int[] ids,
            PromptAttribution attribution,
            Settings settings,
            DoubleConsumer progress) {
        this.decomposition = decomposition;
        this.attribution = attribution;
        this.settings = settings;
        this.progress = progress;
        answer =
                new AnswerUnderMasks(
                        decomposition,
                        weightDelta,
                        ids,
                        attribution.answer().id(),
                        settings.seed());
        attacks = new ChoiceAttacks(answer, settings.attacks());
        fit =
                new ImportanceFit(
                        answer,
                        settings.steps(),
                        settings.adversary(),
                        share -> progress.accept(0.1 + 0.6 * share));
    }

    /// Finds the few, and how well they and others keep the answer.
    Explanation result() {
        Fit best = best();
        List<double[]> fitted = best.importances();
        List<Member> members = members(fitted);
        int count = members.size();
        List<Choice> choices = new ArrayList<>();
        choices.add(choice("importances", answer.own()));
        progress.accept(0.75);
        choices.add(choice("fitted", fitted));
        progress.accept(0.8);
        choices.add(choice("greedy", greedy(count)));
        progress.accept(0.9);
        choices.add(choice("attribution", strongest(count)));
        progress.accept(1);
        List<double[]> whole = answer.none();
        whole.forEach(each -> Arrays.fill(each, 1));
        return new Explanation(
                attribution.tokens(),
                attribution.answer(),
                attribution.probability(),
                members,
                choices,
                settings.adversary(),
                best.minimality(),
                answer.probability(whole, new Masking.Importance(), 0));
    }

    /// A fit.
    private record Fit(double minimality, List<double[]> importances) {}

    /// The first fit that keeps the answer, of less and less minimality; the last one that has no
    /// more than the wanted pieces where none does.
    private Fit best() {
        Double given = settings.minimality();
        if (given != null) {
            return new Fit(given, fit.of(given));
        }
        double minimality = MINIMALITY;
        Fit best = new Fit(minimality, fit.of(minimality));
        for (int i = 1; i < FITS && !keeps(best.importances()); i++) {
            minimality /= 2;
            Fit next = new Fit(minimality, fit.of(minimality));
            if (members(next.importances()).size() > settings.pieces()) {
                return best;
            }
            best = next;
        }
        return best;
    }

    private boolean keeps(List<double[]> g) {
        double wanted = settings.keep() * attribution.probability();
        return answer.probability(g, new Masking.Importance(), 0) >= wanted
                && answer.probability(g, new Masking.Rounded(), 0) >= wanted
                && answer.stochastic(g) >= wanted;
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

    /// Takes the one whose going costs the answer least away until so many are left.
    private List<double[]> greedy(int count) {
        List<double[]> own = answer.own();
        List<double[]> g = answer.none();
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
                double probability = answer.probability(g, new Masking.Importance(), 0);
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
        List<double[]> g = answer.none();
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
        List<Attack> all = attacks.on(name, g, ChoiceAttacks.Moved.ALL);
        return new Choice(
                name,
                members(g).size(),
                answer.probability(g, new Masking.Importance(), 0),
                answer.stochastic(g),
                answer.probability(g, new Masking.Rounded(), 0),
                all,
                Explanation.hasPlateau(all),
                attacks.on(name, g, ChoiceAttacks.Moved.SUBCOMPONENTS),
                attacks.on(name, g, ChoiceAttacks.Moved.ON));
    }
}
