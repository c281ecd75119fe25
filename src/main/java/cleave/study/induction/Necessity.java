package cleave.study.induction;

import cleave.analysis.Evaluation;
import cleave.analysis.Sample;
import cleave.config.UserError;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.study.induction.IdealFit.Ideal;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/// Which of the induction circuit's six matrices a target needs at all: what is left of its outputs
/// when one has no content and the others are fitted anew (spec N1 to N6), and what its own
/// matrices do when they are cut at every position (N7).
///
/// @param options what it was found with
/// @param sample what the figures were measured on
/// @param attention where the target's queries look
/// @param every every site with content at its token: can the table of the paper stand for this
///   target?
/// @param sites one by one
/// @param together sites that can all be without content at once, found greedily
/// @param withoutThem the fit of the others then
/// @param copy how much of V1 is needed
/// @param positionFree what is needed when no gate takes part and nothing is fitted
public record Necessity(
        Settings options,
        Sample sample,
        List<Attention> attention,
        Fit every,
        List<SiteNeed> sites,
        List<String> together,
        Fit withoutThem,
        Copy copy,
        PositionFree positionFree) {

    /// A refit at or below this divergence, in nats, stands for the target.
    public static final double SMALL_KL = 1e-3;

    /// A refit above `SMALL_KL` and not above this one is fitted on before it is given up.
    static final double NEAR_KL = 0.1;

    /// How many times as long.
    static final int LONGER = 3;

    /// The sites of the paper's table and the token at which each has its subcomponents (DST Table
    /// 1).
    public static final SequencedMap<String, String> PAPER = paper();

    static final int BATCH = 64;

    /// The site that copies; it may have as many subcomponents as its rank.
    private static final String COPY = "V1";

    /// What it is found with.
    ///
    /// @param steps of one refit (spec N3); some take more or fewer
    /// @param seed of fitting
    /// @param sequences of the evaluation stream
    /// @param rank subcomponents of each site but V1
    public record Settings(int steps, long seed, int sequences, int rank) {
        /// 400 steps, seed 0, 1,024 sequences, one subcomponent.
        public static final Settings DEFAULT = new Settings(400, 0, 1024, 1);

        /// Checks the numbers.
        public Settings {
            if (steps < 1 || sequences < 1 || rank < 1) {
                throw new UserError(
                        "steps, sequences and rank must be >= 1, got %d, %d and %d"
                                .formatted(steps, sequences, rank));
            }
            if (steps > Integer.MAX_VALUE / LONGER) { // a refit that does not reach it goes on
                throw new UserError(
                        "steps must be <= %d, got %d".formatted(Integer.MAX_VALUE / LONGER, steps));
            }
        }
    }

    /// How well a fit stands for the target.
    ///
    /// @param kl under stochastic masks, nats per loss position
    /// @param accuracy under stochastic masks
    /// @param importanceKl under masks equal to the ideal importances, which may do the work
    ///   themselves
    /// @param importanceAccuracy the same
    /// @param positionFreeKl with all content on at every position: no gate in the picture, but not
    ///   what the fit was made for
    /// @param positionFreeAccuracy the same
    public record Fit(
            double kl,
            double accuracy,
            double importanceKl,
            double importanceAccuracy,
            double positionFreeKl,
            double positionFreeAccuracy) {
        /// Whether it stands for the target, `SMALL_KL` being the limit.
        public boolean stands() {
            return kl <= SMALL_KL;
        }
    }

    /// Whether a site needs content.
    ///
    /// @param site its name
    /// @param token where the paper has its subcomponents
    /// @param without the fit of the others when it has none
    /// @param needed whether that does not stand for the target
    /// @param at the fit of all when its content is at each token; empty where it needs none
    /// @param named the token of the least divergence among these
    public record SiteNeed(
            String site,
            String token,
            Fit without,
            boolean needed,
            SequencedMap<String, Fit> at,
            Optional<String> named) {}

    /// Where the target's queries of one token look, mean share.
    ///
    /// @param layer counted from 0
    /// @param query the token that looks
    /// @param to share by token
    /// @param others the rest
    public record Attention(
            int layer, String query, SequencedMap<String, Double> to, double others) {}

    /// How much of the copying matrix is needed.
    ///
    /// @param site its name
    /// @param singularValues of its weight, falling
    /// @param sizes root mean square of its outputs at its token along their principal directions,
    ///   falling
    /// @param byRank the fit with this many subcomponents, from few to many
    /// @param neededRank the smallest one that stands for the target; empty when none does
    public record Copy(
            String site,
            List<Double> singularValues,
            List<Double> sizes,
            SequencedMap<Integer, Fit> byRank,
            OptionalInt neededRank) {}

    private static SequencedMap<String, String> paper() {
        SequencedMap<String, String> tokens = new LinkedHashMap<>();
        tokens.put("Q0", "m");
        tokens.put("K0", "s1");
        tokens.put("V0", "s1");
        tokens.put("Q1", "s2");
        tokens.put("K1", "m");
        tokens.put("V1", "m");
        return Collections.unmodifiableSequencedMap(tokens);
    }

    /// Finds out.
    ///
    /// @param task the evaluation stream, at the length of interest
    /// @param say takes a line about each fit
    /// @throws UserError when task or target are not the induction toy's
    public static Necessity of(Target target, Task task, Settings options, Consumer<String> say) {
        requireInduction(target, task);
        return Scopes.run(() -> new Search(target, task, options, say).result());
    }

    /// The sites that need content.
    public List<String> needed() {
        return sites.stream().filter(SiteNeed::needed).map(SiteNeed::site).toList();
    }

    private static void requireInduction(Target target, Task task) {
        List<String> names = target.sites().stream().map(Site::name).toList();
        if (!names.containsAll(PAPER.keySet())
                || names.contains("Q2")
                || !task.marks().containsAll(PAPER.values())) {
            throw new UserError(
                    "necessity must be asked of an induction transformer of two layers, got sites %s and marks %s"
                            .formatted(names, task.marks()));
        }
    }

    /// The fits, one after the other.
    private static final class Search {
        private final Target target;
        private final Task task;
        private final Settings options;
        private final Consumer<String> say;
        private final IdealFit fits;
        private final List<String> tokens;

        /// The first sequence that no fit was trained on.
        private long next = IdealFit.START_ROWS;

        Search(Target target, Task task, Settings options, Consumer<String> say) {
            this.target = target;
            this.task = task;
            this.options = options;
            this.say = say;
            fits = new IdealFit(target, task, List.copyOf(PAPER.keySet()), options);
            tokens = task.marks().stream().filter(PAPER.values()::contains).toList();
        }

        Necessity result() {
            PositionFree positionFree =
                    PositionFree.of(
                            target, task, List.copyOf(PAPER.keySet()), options.sequences(), BATCH);
            Ideal start = new Ideal(new TreeMap<>(), new TreeMap<>());
            for (String site : PAPER.keySet()) {
                start = start.with(site, token(site), start(site, token(site)));
            }
            Fitted every = longer("every site", fitted("every site", start, 2 * options.steps()));
            SequencedMap<String, Fitted> without = new LinkedHashMap<>();
            for (String site : PAPER.keySet()) {
                without.put(site, fitted(List.of(site), every));
            }
            Together together = together(every, without);
            List<SiteNeed> sites =
                    without.entrySet().stream()
                            .map(site -> need(site.getKey(), site.getValue().fit(), every))
                            .toList();
            AttentionSums attention = new AttentionSums(tokens);
            new Evaluation(target, task, options.sequences(), BATCH)
                    .forEach(slice -> attention.add(slice, task));
            return new Necessity(
                    options,
                    attention.sample(),
                    attention.means(),
                    every.fit(),
                    sites,
                    together.sites(),
                    together.rest().fit(),
                    copy(every),
                    positionFree);
        }

        /// Pieces and how well they stand for the target.
        private record Fitted(Ideal ideal, Fit fit) {}

        private Fitted fitted(String what, Ideal start, int steps) {
            int atLeastOne = Math.max(1, steps);
            Ideal ideal = fits.fitted(start, atLeastOne, next);
            next += (long) atLeastOne * BATCH;
            Fit fit = fits.measured(ideal);
            say.accept(String.format(Locale.ROOT, "%s: KL %.1e", what, fit.kl()));
            return new Fitted(ideal, fit);
        }

        /// One that nearly stands for the target gets more time.
        private Fitted longer(String what, Fitted before) {
            boolean near = !before.fit().stands() && before.fit().kl() <= NEAR_KL;
            if (!near) {
                return before;
            }
            Fitted after = fitted(what + ", longer", before.ideal(), LONGER * options.steps());
            return after.fit().kl() < before.fit().kl() ? after : before;
        }

        /// Fitted with these sites empty. Fewer pieces do not come nearer than more: where those
        /// cannot stand for the target, no more time is spent.
        private Fitted fitted(List<String> off, Fitted more) {
            String what = "without " + String.join(", ", off);
            Fitted fewer = fitted(what, more.ideal().without(off.getLast()), options.steps());
            return more.fit().stands() ? longer(what, fewer) : fewer;
        }

        private static String token(String site) {
            return PAPER.getOrDefault(site, "");
        }

        private Subcomponents.Initial start(String site, String token) {
            Tensor weight = target.weight(target.site(site));
            int whole = (int) Math.min(weight.size(0), weight.size(1));
            int rank = site.equals(COPY) ? whole : Math.min(options.rank(), whole);
            return fits.start(site, token, weight, rank);
        }

        /// Sites without content, and the fit of the others.
        private record Together(List<String> sites, Fitted rest) {}

        /// Empties one site after the other, the least missed first, as long as the others stand
        /// for the target (spec N5).
        private Together together(Fitted every, SequencedMap<String, Fitted> without) {
            List<String> spared =
                    without.entrySet().stream()
                            .filter(site -> site.getValue().fit().stands())
                            .sorted(Comparator.comparingDouble(site -> site.getValue().fit().kl()))
                            .map(Map.Entry::getKey)
                            .toList();
            List<String> gone = List.of();
            Fitted rest = every;
            for (String site : spared) {
                List<String> off = new ArrayList<>(gone);
                off.add(site);
                Fitted fewer =
                        gone.isEmpty() ? without.getOrDefault(site, every) : fitted(off, rest);
                if (fewer.fit().stands()) {
                    gone = List.copyOf(off);
                    rest = fewer;
                }
            }
            return new Together(gone, rest);
        }

        /// Where the content of a site that needs any has to be (spec N4).
        private SiteNeed need(String site, Fit without, Fitted every) {
            SequencedMap<String, Fit> at = new LinkedHashMap<>();
            Optional<String> named = Optional.empty();
            double least = Double.POSITIVE_INFINITY;
            for (String token : without.stands() ? List.<String>of() : tokens) {
                Fit fit = every.fit();
                if (!token.equals(token(site))) {
                    Ideal moved = every.ideal().with(site, token, start(site, token));
                    String what = "%s at %s".formatted(site, token);
                    fit = fitted(what, moved, options.steps() / 2).fit();
                }
                at.put(token, fit);
                if (fit.kl() < least) {
                    least = fit.kl();
                    named = Optional.of(token);
                }
            }
            return new SiteNeed(
                    site,
                    token(site),
                    without,
                    !without.stands(),
                    Collections.unmodifiableSequencedMap(at),
                    named);
        }

        /// The copying matrix with one subcomponent less at a time (spec N6).
        private Copy copy(Fitted every) {
            Tensor weight = target.weight(target.site(COPY));
            int rank = (int) Math.min(weight.size(0), weight.size(1));
            SequencedMap<Integer, Fit> byRank = new LinkedHashMap<>();
            byRank.put(rank, every.fit());
            Fitted more = every;
            for (int count = rank - 1; count >= 1; count--) {
                Subcomponents.Initial cut =
                        fits.start(COPY, token(COPY), IdealFit.weight(more.ideal(), COPY), count);
                String what = "%d of %s".formatted(count, COPY);
                Fitted fewer =
                        fitted(
                                what,
                                more.ideal().with(COPY, token(COPY), cut),
                                options.steps() / 4);
                more = more.fit().stands() ? longer(what, fewer) : fewer;
                byRank.putFirst(count, more.fit());
            }
            OptionalInt needed =
                    byRank.entrySet().stream()
                            .filter(fit -> fit.getValue().stands())
                            .mapToInt(Map.Entry::getKey)
                            .min();
            return new Copy(
                    COPY,
                    falling(Tensors.toDoubles(Tensors.singularValues(weight))),
                    falling(fits.outputs(COPY, token(COPY), weight).sizes()),
                    Collections.unmodifiableSequencedMap(byRank),
                    needed);
        }

        private static List<Double> falling(double[] values) {
            return Arrays.stream(values).boxed().sorted(Comparator.reverseOrder()).toList();
        }
    }
}
