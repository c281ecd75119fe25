package cleave.explore;

import cleave.analysis.PromptRun;
import cleave.analysis.Importances;
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
import org.jspecify.annotations.Nullable;

/// What the target and its decomposition say of a text with some subcomponents suppressed, and
/// without.
///
/// Under the target's own weights the masks are 1, with the weight delta and the remainder whole,
/// so that suppressing nothing leaves the target. Under importance, stochastic and rounded masks
/// they are those of training; a suppressed one is 0 in every case.
///
/// @param tokens of the text
/// @param position whose predictions are listed
/// @param regimes under each kind of masks
record Intervention(List<String> tokens, int position, List<Regime> regimes) {

    /// Draws that are averaged under stochastic masks.
    static final int DRAWS = 8;

    private static final int LISTED = 8;

    /// Predictions under one kind of masks.
    ///
    /// @param name `target`, `importance`, `stochastic` or `rounded`
    /// @param top tokens that are likely before or after
    /// @param before how far the outputs without suppression are from the target's at each
    ///   position, nats
    /// @param after the same with it
    record Regime(String name, List<Shift> top, double[] before, double[] after) {}

    /// The probability of a token without and with suppression.
    record Shift(String token, double before, double after) {}

    /// The kinds of masks.
    private enum Kind {
        TARGET(0.3),
        IMPORTANCE(0.4),
        STOCHASTIC(0.5),
        ROUNDED(0.9);

        /// How much of the work is done before it.
        private final double share;

        Kind(double share) {
            this.share = share;
        }

        Masking masking() {
            return switch (this) {
                case TARGET -> new Masking.Ones();
                case IMPORTANCE -> new Masking.Importance();
                case STOCHASTIC -> new Masking.Stochastic();
                case ROUNDED -> new Masking.Rounded();
            };
        }
    }

    /// Masks of another masking, those of suppressed subcomponents 0.
    ///
    /// @param kept `[T, C]` of each site, 0 where suppressed; null where nothing is
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

    /// Suppresses subcomponents on a text.
    ///
    /// @param off names of those, `SITE:INDEX`
    /// @param positions where they are off; none for everywhere
    /// @param position whose predictions are listed; -1 for the last
    /// @throws UserError when the run refuses the text, or there is no such subcomponent or
    ///   position
    static Intervention of(
            PromptRun run,
            String text,
            List<String> off,
            List<Integer> positions,
            int position,
            Jobs.Watch watch) {
        int[] ids = run.tokens(text);
        int at = position < 0 ? ids.length - 1 : position;
        for (int each : positions) {
            requirePosition(each, ids.length);
        }
        requirePosition(at, ids.length);
        return Scopes.run(
                () -> Scopes.withoutGradient(() -> of(run, ids, off, positions, at, watch)));
    }

    private static void requirePosition(int position, int length) {
        if (position < 0 || position >= length) {
            throw new UserError(
                    "position must be in 0..%d, got %d".formatted(length - 1, position));
        }
    }

    private static Intervention of(
            PromptRun run,
            int[] ids,
            List<String> off,
            List<Integer> positions,
            int position,
            Jobs.Watch watch) {
        Decomposition decomposition = run.loaded().decomposition();
        List<@Nullable Tensor> kept = kept(decomposition, off, positions, ids.length);
        watch.step(0.2, "running the model");
        Batch batch = PromptRun.batch(ids);
        Clean clean = decomposition.target().clean(batch);
        List<Tensor> lower = Importances.of(decomposition, clean, batch);
        Tensor target = Tensors.logSoftmax(clean.outputs());
        List<Regime> regimes = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            WeightDelta delta =
                    kind == Kind.TARGET
                            ? WeightDelta.ON
                            : run.loaded().file().streams().getFirst().weightDelta();
            MaskedForward forward = new MaskedForward(decomposition, batch, clean, lower, delta);
            Outputs before = outputs(forward, kind, kind.masking(), target, watch);
            Outputs after =
                    outputs(forward, kind, new Suppressed(kind.masking(), kept), target, watch);
            regimes.add(
                    new Regime(
                            name(kind),
                            top(
                                    run,
                                    before.probabilities()[position],
                                    after.probabilities()[position]),
                            before.kl(),
                            after.kl()));
        }
        return new Intervention(Arrays.stream(ids).mapToObj(run::text).toList(), position, regimes);
    }

    private static String name(Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    /// `[T, C]` of each site, 0 where suppressed.
    private static List<@Nullable Tensor> kept(
            Decomposition decomposition, List<String> off, List<Integer> positions, int length) {
        Map<String, double[]> bySite = new LinkedHashMap<>();
        for (String name : off) {
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
                    bySite.computeIfAbsent(
                            siteName,
                            _ -> {
                                double[] ones = new double[length * site.count()];
                                Arrays.fill(ones, 1);
                                return ones;
                            });
            for (int position = 0; position < length; position++) {
                if (positions.isEmpty() || positions.contains(position)) {
                    keep[position * site.count() + place] = 0;
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
