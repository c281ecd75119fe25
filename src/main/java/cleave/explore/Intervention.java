package cleave.explore;

import cleave.analysis.Importances;
import cleave.analysis.PromptAdversary;
import cleave.analysis.PromptRun;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.MaskDraws;
import cleave.mask.MaskForm;
import cleave.mask.MaskedForward;
import cleave.mask.MaskedPlace;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.SiteMasks;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// What the target and its decomposition say of a text with some subcomponents changed, and
/// without.
///
/// Under the target's own weights the masks are 1, with the weight delta and the remainder whole,
/// so that changing nothing leaves the target. Under importance, stochastic and rounded masks they
/// are those of training; under adversarial ones the sources are those that take the prediction at
/// `position` farthest from the target's while nothing is changed. The mask of a changed one is
/// multiplied in every case: by 0 where it is suppressed.
///
/// @param tokens of the text
/// @param position whose predictions are listed
/// @param regimes under each kind of masks
record Intervention(List<String> tokens, int position, List<Regime> regimes) {

    /// Draws that are averaged under stochastic masks.
    static final int DRAWS = 8;

    /// Steps that the adversary takes.
    static final int STEPS = 20;

    private static final int LISTED = 8;

    /// Predictions under one kind of masks.
    ///
    /// @param name `target`, `importance`, `stochastic`, `adversarial` or `rounded`
    /// @param top tokens that are likely before or after
    /// @param before how far the outputs without suppression are from the target's at each
    ///   position, nats
    /// @param after the same with it
    /// @param guesses what is most probable after each position, without suppression and with it
    record Regime(
            String name, List<Shift> top, double[] before, double[] after, List<Guess> guesses) {}

    /// The most probable token after a position without and with suppression, and its probability.
    record Guess(String before, double beforeProbability, String after, double afterProbability) {}

    /// The probability of a token without and with suppression.
    record Shift(String token, double before, double after) {}

    /// The kinds of masks.
    private enum Kind {
        TARGET(0.3),
        IMPORTANCE(0.4),
        STOCHASTIC(0.5),
        ADVERSARIAL(0.7),
        ROUNDED(0.9);

        /// How much of the work is done before it.
        private final double share;

        Kind(double share) {
            this.share = share;
        }

        /// @param worst the adversary's sources
        Masking masking(Masking.Sources worst) {
            return switch (this) {
                case TARGET -> new Masking.Ones();
                case IMPORTANCE -> new Masking.Importance();
                case STOCHASTIC -> new Masking.Stochastic();
                case ADVERSARIAL -> worst;
                case ROUNDED -> new Masking.Rounded();
            };
        }
    }

    /// What is done to subcomponents.
    ///
    /// @param names of those, `SITE:INDEX`
    /// @param scale what their masks are multiplied by, 0 to suppress them
    /// @param others what the masks of all others are multiplied by: 1, or 0 to keep these only
    /// @param positions where; none for everywhere
    record Change(List<String> names, double scale, double others, List<Integer> positions) {}

    /// Masks of another masking, multiplied.
    ///
    /// @param kept `[T, C]` of each site, what they are multiplied by; null where that is 1
    private record Suppressed(Masking of, List<@Nullable Tensor> kept) implements Masking {
        @Override
        public SiteMasks of(MaskedPlace place) {
            SiteMasks masks = of.of(place);
            Tensor keep = kept.get(place.index());
            if (keep == null) {
                return masks;
            }
            Tensor mask =
                    switch (masks.form()) {
                        case MaskForm.Importance _ -> place.importances();
                        case MaskForm.Between between ->
                                MaskDraws.between(place.importances(), between.r().tensor());
                        case MaskForm.Given given -> given.mask();
                        default ->
                                throw new IllegalArgumentException(
                                        "masks must be of a known form, got " + masks.form());
                    };
            return new SiteMasks(
                    new MaskForm.Given(mask.mul(keep)), masks.delta(), masks.remainder());
        }
    }

    /// Probabilities `[T][tokens]` and distances from the target `[T]`.
    private record Outputs(double[][] probabilities, double[] kl) {}

    /// Changes subcomponents on a text.
    ///
    /// @param position whose predictions are listed; -1 for the last
    /// @throws UserError when the run refuses the text, or there is no such subcomponent or
    ///   position
    static Intervention of(
            PromptRun run, String text, Change change, int position, Jobs.Watch watch) {
        int[] ids = run.tokens(text);
        int at = position < 0 ? ids.length - 1 : position;
        requirePositions(change, ids.length);
        requirePosition(at, ids.length);
        return Scopes.run(() -> Scopes.withoutGradient(() -> of(run, ids, change, at, watch)));
    }

    private static void requirePositions(Change change, int length) {
        for (int each : change.positions()) {
            requirePosition(each, length);
        }
    }

    private static void requirePosition(int position, int length) {
        if (position < 0 || position >= length) {
            throw new UserError(
                    "position must be in 0..%d, got %d".formatted(length - 1, position));
        }
    }

    private static Intervention of(
            PromptRun run, int[] ids, Change change, int position, Jobs.Watch watch) {
        Decomposition decomposition = run.loaded().decomposition();
        List<@Nullable Tensor> kept = kept(decomposition, change, ids.length);
        watch.step(0.2, "running the model");
        Batch batch = PromptRun.batch(ids);
        Clean clean = decomposition.target().clean(batch);
        List<Tensor> lower = Importances.of(decomposition, clean, batch);
        Tensor target = Tensors.logSoftmax(clean.outputs());
        Masking.Sources worst = worst(run, batch, lower, position, watch);
        List<Regime> regimes = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            WeightDelta delta =
                    kind == Kind.TARGET
                            ? WeightDelta.ON
                            : run.loaded().file().streams().getFirst().weightDelta();
            MaskedForward forward = new MaskedForward(decomposition, batch, clean, lower, delta);
            Masking masking = kind.masking(worst);
            Outputs before = outputs(forward, kind, masking, target, watch);
            Outputs after = outputs(forward, kind, new Suppressed(masking, kept), target, watch);
            regimes.add(
                    new Regime(
                            name(kind),
                            top(
                                    run,
                                    before.probabilities()[position],
                                    after.probabilities()[position]),
                            before.kl(),
                            after.kl(),
                            guesses(run, before.probabilities(), after.probabilities())));
        }
        return new Intervention(Arrays.stream(ids).mapToObj(run::text).toList(), position, regimes);
    }

    /// The sources against the prediction at one position.
    private static Masking.Sources worst(
            PromptRun run, Batch everywhere, List<Tensor> lower, int at, Jobs.Watch watch) {
        Decomposition decomposition = run.loaded().decomposition();
        Batch batch =
                new Batch(
                        everywhere.stream(),
                        0,
                        everywhere.inputs(),
                        null,
                        new LossPositions(Tensors.of(new long[] {at}, 1, 1), null));
        return PromptAdversary.worst(
                decomposition,
                run.loaded().file().streams().getFirst().weightDelta(),
                batch,
                decomposition.target().clean(batch),
                lower,
                STEPS,
                _ -> watch.step(0.25, "looking for the worst masks"));
    }

    private static List<Guess> guesses(PromptRun run, double[][] before, double[][] after) {
        return IntStream.range(0, before.length)
                .mapToObj(position -> {
                    int first = Prompt.largest(1, before[position]).getFirst();
                    int then = Prompt.largest(1, after[position]).getFirst();
                    return new Guess(
                            run.text(first),
                            Prompt.brief(before[position][first]),
                            run.text(then),
                            Prompt.brief(after[position][then]));
                })
                .toList();
    }

    /// How the target goes on from a text, always with the most probable token.
    ///
    /// @param tokens of the text
    /// @param before what comes after it with nothing changed
    /// @param after the same with subcomponents changed, also in what is written
    record Written(List<String> tokens, List<String> before, List<String> after) {}

    /// Goes on from a text with some subcomponents changed, and without; it ends early where the
    /// run takes no longer text.
    ///
    /// @throws UserError as `of` does
    static Written written(PromptRun run, String text, Change change, int count, Jobs.Watch watch) {
        int[] ids = run.tokens(text);
        requirePositions(change, ids.length);
        int most = Math.min(count, run.longest() - ids.length);
        Change nothing = new Change(List.of(), 1, 1, List.of());
        List<String> before = goneOn(run, ids, nothing, most, 0, watch);
        return new Written(
                Arrays.stream(ids).mapToObj(run::text).toList(),
                before,
                goneOn(run, ids, change, most, 0.5, watch));
    }

    private static List<String> goneOn(
            PromptRun run, int[] ids, Change change, int count, double from, Jobs.Watch watch) {
        List<String> words = new ArrayList<>();
        int[] all = ids;
        for (int i = 0; i < count; i++) {
            watch.step(from + 0.5 * i / count, "writing");
            int[] now = all;
            int next = Scopes.run(() -> Scopes.withoutGradient(() -> next(run, now, change)));
            words.add(run.text(next));
            all = Arrays.copyOf(now, now.length + 1);
            all[now.length] = next;
        }
        return words;
    }

    private static int next(PromptRun run, int[] ids, Change change) {
        Decomposition decomposition = run.loaded().decomposition();
        Batch all = PromptRun.batch(ids);
        Batch batch =
                new Batch(
                        all.stream(),
                        0,
                        all.inputs(),
                        null,
                        LossPositions.last(1, ids.length, null));
        Clean clean = decomposition.target().clean(batch);
        Tensor outputs =
                new MaskedForward(decomposition, batch, clean, List.of(), WeightDelta.ON)
                        .passes(
                                new Suppressed(
                                        new Masking.Ones(),
                                        kept(decomposition, change, ids.length)),
                                new Routing.All(),
                                new MaskDraws(0, 0, 0, 0))
                        .getFirst()
                        .get()
                        .outputs();
        return (int) Tensors.number(outputs.argmax());
    }

    private static String name(Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    /// `[T, C]` of each site, what masks are multiplied by.
    private static List<@Nullable Tensor> kept(
            Decomposition decomposition, Change change, int length) {
        Map<String, double[]> bySite = new LinkedHashMap<>();
        if (change.others() != 1) {
            for (DecomposedSite site : decomposition.sites()) {
                bySite.put(site.name(), filled(change.others(), change, length, site.count()));
            }
        }
        for (String name : change.names()) {
            int colon = name.lastIndexOf(':');
            if (colon < 0 || !name.substring(colon + 1).matches("[0-9]{1,9}")) {
                throw new UserError("subcomponent must be SITE:INDEX, got " + name);
            }
            String siteName = name.substring(0, colon);
            int index = Integer.parseInt(name.substring(colon + 1));
            DecomposedSite site =
                    decomposition.sites().stream()
                            .filter(each -> each.name().equals(siteName))
                            .findFirst()
                            .orElseThrow(() -> unknown(name));
            int place = site.living().indexOf(index);
            if (place < 0) {
                throw unknown(name);
            }
            double[] keep =
                    bySite.computeIfAbsent(siteName, _ -> filled(1, change, length, site.count()));
            for (int position = 0; position < length; position++) {
                if (isAt(change, position)) {
                    keep[position * site.count() + place] = change.scale();
                }
            }
        }
        return decomposition.sites().stream()
                .<@Nullable Tensor>map(site -> {
                    double[] keep = bySite.get(site.name());
                    return keep == null
                            ? null
                            : Tensors.of(keep, decomposition.target().type(), length, site.count());
                })
                .toList();
    }

    /// A factor where something is changed, 1 elsewhere.
    private static double[] filled(double factor, Change change, int length, int count) {
        double[] filled = new double[length * count];
        for (int i = 0; i < filled.length; i++) {
            filled[i] = isAt(change, i / count) ? factor : 1;
        }
        return filled;
    }

    private static boolean isAt(Change change, int position) {
        return change.positions().isEmpty() || change.positions().contains(position);
    }

    private static UserError unknown(String name) {
        return new UserError("subcomponent must be one of the run's, got " + name);
    }

    private static Outputs outputs(
            MaskedForward forward, Kind kind, Masking masking, Tensor target, Jobs.Watch watch) {
        int draws = kind == Kind.STOCHASTIC ? DRAWS : 1;
        double[][] sum = {};
        double[] kl = {};
        for (int draw = 0; draw < draws; draw++) {
            int number = draw;
            watch.step(kind.share, "under %s masks".formatted(name(kind)));
            double[][] each =
                    Scopes.run(() -> {
                        Tensor logs =
                                Tensors.logSoftmax(
                                        forward.passes(
                                                        masking,
                                                        new Routing.All(),
                                                        new MaskDraws(0, number, 0, 0))
                                                .getFirst()
                                                .get()
                                                .outputs());
                        Tensor distance = target.exp().mul(target.sub(logs)).sum(2);
                        return new double[][] {
                            Tensors.toDoubles(logs.exp()), Tensors.toDoubles(distance)
                        };
                    });
            int length = each[1].length;
            int tokens = each[0].length / length;
            if (draw == 0) {
                sum = new double[length][tokens];
                kl = new double[length];
            }
            for (int position = 0; position < length; position++) {
                kl[position] += Math.max(0, each[1][position]) / draws;
                for (int token = 0; token < tokens; token++) {
                    sum[position][token] += each[0][position * tokens + token] / draws;
                }
            }
        }
        return new Outputs(sum, Arrays.stream(kl).map(Prompt::brief).toArray());
    }

    private static List<Shift> top(PromptRun run, double[] before, double[] after) {
        Set<Integer> tokens = new LinkedHashSet<>(Prompt.largest(LISTED, before));
        tokens.addAll(Prompt.largest(LISTED / 2, after));
        return tokens.stream()
                .map(token ->
                        new Shift(
                                run.text(token),
                                Prompt.brief(before[token]),
                                Prompt.brief(after[token])))
                .toList();
    }
}
