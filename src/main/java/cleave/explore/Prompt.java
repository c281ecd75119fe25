package cleave.explore;

import cleave.analysis.Importances;
import cleave.analysis.PromptRun;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Products;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// What a text's tokens are, which subcomponents are on at each, and what the target expects next.
///
/// @param tokens as text
/// @param next the most probable tokens after each
/// @param loss how little each token was expected after those before it, nats; of the first, 0
/// @param pieces the subcomponents that are on anywhere, `SITE:INDEX`
/// @param on which of them are on at each position, by place in `pieces`
/// @param importance their importances there
/// @param inner their inner activations there
record Prompt(
        List<String> tokens,
        List<List<Expected>> next,
        List<Double> loss,
        List<String> pieces,
        List<int[]> on,
        List<double[]> importance,
        List<double[]> inner) {

    /// Tokens listed after each position.
    private static final int LISTED = 5;

    // Smaller importances are left out.
    private static final double LEAST = 0.01;

    /// A token that may come next.
    record Expected(String token, double probability) {}

    /// Reads a text.
    ///
    /// @throws cleave.config.UserError when the run has no tokenizer, or it or the run refuses the
    ///   text
    static Prompt of(PromptRun run, String text, Jobs.Watch watch) {
        int[] ids = run.tokens(text);
        watch.step(0.4, "running the model");
        return Scopes.run(() -> Scopes.withoutGradient(() -> of(run, ids)));
    }

    private static Prompt of(PromptRun run, int... ids) {
        Decomposition decomposition = run.loaded().decomposition();
        Batch batch = PromptRun.batch(ids);
        Clean clean = decomposition.target().clean(batch);
        List<Tensor> lower = Importances.of(decomposition, clean, batch);
        List<String> pieces = new ArrayList<>();
        List<List<Integer>> on = places(ids.length);
        List<List<Double>> importance = places(ids.length);
        List<List<Double>> inner = places(ids.length);
        for (int s = 0; s < lower.size(); s++) {
            DecomposedSite site = decomposition.sites().get(s);
            double[] g = Tensors.toDoubles(lower.get(s));
            double[] a =
                    Scopes.run(() ->
                            Tensors.toDoubles(
                                    Products.EXACT.product(
                                            Tensors.named(site.name(), clean.inputs()),
                                            decomposition.subcomponents(site).V())));
            int count = site.count();
            for (int place = 0; place < count; place++) {
                boolean known = false;
                for (int position = 0; position < ids.length; position++) {
                    double own = g[position * count + place];
                    if (own < LEAST) {
                        continue;
                    }
                    if (!known) {
                        pieces.add(site.name() + ":" + site.living().get(place));
                        known = true;
                    }
                    on.get(position).add(pieces.size() - 1);
                    importance.get(position).add(brief(own));
                    inner.get(position).add(brief(a[position * count + place]));
                }
            }
        }
        Tensor logs = Tensors.logSoftmax(clean.outputs());
        List<List<Expected>> next = new ArrayList<>();
        List<Double> loss = new ArrayList<>(List.of(0.0));
        for (int position = 0; position < ids.length; position++) {
            int at = position;
            double[] row =
                    Scopes.run(
                            () -> Tensors.toDoubles(logs.select(0, 0).select(0, at).contiguous()));
            next.add(expected(run, row));
            if (position + 1 < ids.length) {
                loss.add(brief(-row[ids[position + 1]]));
            }
        }
        return new Prompt(
                Arrays.stream(ids).mapToObj(run::text).toList(),
                next,
                loss,
                pieces,
                on.stream().map(each -> each.stream().mapToInt(i -> i).toArray()).toList(),
                numbers(importance),
                numbers(inner));
    }

    private static <T> List<List<T>> places(int count) {
        return IntStream.range(0, count).<List<T>>mapToObj(_ -> new ArrayList<>()).toList();
    }

    private static List<double[]> numbers(List<List<Double>> all) {
        return all.stream()
                .map(each -> each.stream().mapToDouble(number -> number).toArray())
                .toList();
    }

    private static List<Expected> expected(PromptRun run, double... logs) {
        return largest(LISTED, logs).stream()
                .map(token -> new Expected(run.text(token), brief(Math.exp(logs[token]))))
                .toList();
    }

    /// The places of the largest numbers, the largest first.
    static List<Integer> largest(int count, double... numbers) {
        List<Integer> found = new ArrayList<>();
        for (int i = 0; i < numbers.length; i++) {
            if (found.size() == count && numbers[i] <= numbers[found.getLast()]) {
                continue;
            }
            int at = found.size();
            while (at > 0 && numbers[i] > numbers[found.get(at - 1)]) {
                at--;
            }
            found.add(at, i);
            if (found.size() > count) {
                found.removeLast();
            }
        }
        return found;
    }

    /// A number to five places after the point.
    static double brief(double number) {
        return Math.round(number * 1e5) / 1e5;
    }
}
