package cleave.analysis;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Scores;
import cleave.model.Scores.Side;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Which pairs of subcomponents, one in a head's query and one in its key, make its score of two
/// positions of a prompt, before softmax; and how the head attends with some of them and without.
///
/// @param ids the prompt's tokens
/// @param tokens the same as text
/// @param layer of attention, from 0
/// @param head from 0
/// @param query the position that attends
/// @param key the position that is attended to
/// @param masks `importance` or `ones`, the pass that is looked at
/// @param score before softmax: the sum of all pairs' parts
/// @param above what the score is above the mean of the query's scores of all keys that it sees;
///   what all keys have in common does nothing to a pattern
/// @param attention after softmax
/// @param turns whether strengths depend on the distance of the two positions
/// @param pairs those that differ most between keys first
/// @param found how many pairs there are, with those left out
/// @param pattern `[query][key]` how the head attends
/// @param without the subcomponents that were suppressed
/// @param patternWithout the same with them suppressed everywhere; null where none were
public record QueryKey(
        List<Integer> ids,
        List<String> tokens,
        int layer,
        int head,
        int query,
        int key,
        String masks,
        double score,
        double above,
        double attention,
        boolean turns,
        List<Pair> pairs,
        int found,
        List<List<Double>> pattern,
        List<String> without,
        @Nullable List<List<Double>> patternWithout) {

    /// What is in a query or key whatever the input is: the bias, and positions that are added.
    public static final String CONSTANT = "constant";

    /// What is in it by the map's remainder and weight delta, or by the whole of a map that was not
    /// decomposed.
    public static final String REST = "rest";

    /// A pair.
    ///
    /// @param query `SITE:INDEX` of the part of the query, or `rest` or `constant`
    /// @param key the same of the key
    /// @param strength of the two whatever the prompt, at this distance: their part of the score if
    ///   both inputs were of length 1 along V; null unless both are subcomponents
    /// @param strengths the same by distance, from 0 on; one number where it does not depend on it
    /// @param part of the score
    /// @param share of the score
    /// @param above the part less its mean over all keys that the query sees
    public record Pair(
            String query,
            String key,
            @Nullable Double strength,
            List<Double> strengths,
            double part,
            double share,
            double above) {
        /// Keeps its own list.
        public Pair {
            strengths = List.copyOf(strengths);
        }
    }

    /// What is asked.
    ///
    /// @param layer of attention, from 0
    /// @param head from 0
    /// @param query the position that attends; null for the last
    /// @param key the position that is attended to; null for the one that is attended to most
    /// @param importance whether under masks equal to the importances, with nothing of remainder
    ///   and weight delta; else the target as it is
    /// @param without subcomponents to suppress, `SITE:INDEX` with commas between; null for none
    /// @param pairs how many are kept
    public record Question(
            int layer,
            int head,
            @Nullable Integer query,
            @Nullable Integer key,
            boolean importance,
            @Nullable String without,
            int pairs) {}

    /// Answers a question about a head of a run's target.
    ///
    /// @param prompt the text, or token numbers where the model has no tokenizer
    /// @throws UserError when the run has no such head or the prompt no such positions
    public static QueryKey of(PromptRun run, String prompt, Question asked) {
        int[] ids = run.tokens(prompt);
        Decomposition decomposition = run.loaded().decomposition();
        Scores scores = scores(decomposition.target(), asked, ids.length);
        List<SubcomponentId> off =
                asked.without() == null
                        ? List.of()
                        : SubcomponentId.parse(asked.without(), decomposition);
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Batch batch = PromptRun.batch(ids);
                    Clean clean = decomposition.target().clean(batch);
                    List<Tensor> lower = Importances.of(decomposition, clean, batch);
                    return new Head(decomposition, scores, asked, batch, lower)
                            .answer(run, ids, off);
                }));
    }

    private static Scores scores(Target target, Question asked, int length) {
        List<String> problems = new ArrayList<>();
        int layers = target.attentionLayers();
        @Nullable Scores scores = null;
        if (asked.layer() < 0 || asked.layer() >= layers) {
            problems.add(
                    layers == 0
                            ? "qk must be of a model with attention, got one without"
                            : "layer must be in 0..%d, got %d"
                                    .formatted(layers - 1, asked.layer()));
        } else {
            scores = target.scores(asked.layer()).orElse(null);
            if (scores == null) {
                problems.add(
                        "qk must be of a model whose queries and keys are not normed, got one whose"
                                + " are");
            } else if (asked.head() < 0 || asked.head() >= scores.heads()) {
                problems.add(
                        "head must be in 0..%d, got %d"
                                .formatted(scores.heads() - 1, asked.head()));
            }
        }
        int query = asked.query() == null ? length - 1 : asked.query();
        if (query < 0 || query >= length) {
            problems.add(
                    "query must be one of the %d positions from 0, got %d"
                            .formatted(length, query));
        } else if (asked.key() != null
                && (asked.key() < 0
                        || asked.key() > query
                        || (scores != null && !scores.sees(query - asked.key())))) {
            problems.add(
                    "key must be a position that query %d sees, got %d"
                            .formatted(query, asked.key()));
        }
        if (!problems.isEmpty() || scores == null) {
            throw new UserError(String.join("\n", problems));
        }
        return scores;
    }

    /// A head on a sequence.
    private record Head(
            Decomposition decomposition,
            Scores scores,
            Question asked,
            Batch batch,
            List<Tensor> lower) {

        /// What a pass gave.
        ///
        /// @param inputs `[T, d_in]` of each decomposed site by name, and `[T, d_out]` what a map
        ///   to queries or keys gives that is none
        /// @param pattern `[T, T]` of the head
        private record Ran(Map<String, Tensor> inputs, Tensor pattern) {}

        /// Parts of queries, or of keys.
        ///
        /// @param names of each
        /// @param lengths `|V|` of each; 0 of what is no subcomponent
        /// @param written `[parts, d_out]` what each writes per unit of `given`, of this map alone
        /// @param given `[T, parts]`
        /// @param rest `[T, d_out]` what is left of the map gives
        private record Parts(
                List<String> names, double[] lengths, Tensor written, Tensor given, Tensor rest) {
            String name(int part) {
                return part < names.size()
                        ? names.get(part)
                        : part == names.size() ? REST : CONSTANT;
            }
        }

        QueryKey answer(PromptRun run, int[] ids, List<SubcomponentId> off) {
            Ran ran = pass(List.of());
            double[] pattern = Tensors.toDoubles(ran.pattern().contiguous());
            int length = ids.length;
            int query = asked.query() == null ? length - 1 : asked.query();
            int key =
                    asked.key() == null
                            ? IntStream.rangeClosed(0, query)
                                    .boxed()
                                    .max(
                                            Comparator.comparingDouble((Integer k) ->
                                                            pattern[query * length + k])
                                                    .thenComparing(Comparator.reverseOrder()))
                                    .orElseThrow()
                            : asked.key();
            Parts queries = parts(ran, Side.QUERY);
            Parts keys = parts(ran, Side.KEY);
            double[][] q = rows(queries, Side.QUERY, query);
            double[][][] k = new double[query + 1][][];
            List<Integer> seen = new ArrayList<>();
            for (int at = 0; at <= query; at++) {
                if (scores.sees(query - at)) {
                    k[at] = rows(keys, Side.KEY, at);
                    seen.add(at);
                }
            }
            double[][] mean = new double[k[key].length][k[key][0].length];
            for (int at : seen) {
                for (int j = 0; j < mean.length; j++) {
                    for (int i = 0; i < mean[j].length; i++) {
                        mean[j][i] += k[at][j][i] / seen.size();
                    }
                }
            }
            double score = 0;
            double above = 0;
            for (double[] one : q) {
                for (int j = 0; j < mean.length; j++) {
                    score += dot(one, k[key][j]);
                    above += dot(one, k[key][j]) - dot(one, mean[j]);
                }
            }
            List<Pair> pairs = new ArrayList<>();
            List<int[]> places = new ArrayList<>();
            for (int i = 0; i < q.length; i++) {
                for (int j = 0; j < mean.length; j++) {
                    double part = dot(q[i], k[key][j]);
                    double own = part - dot(q[i], mean[j]);
                    if (part != 0 || own != 0) {
                        pairs.add(
                                new Pair(
                                        queries.name(i),
                                        keys.name(j),
                                        null,
                                        List.of(),
                                        part,
                                        part / score,
                                        own));
                        places.add(new int[] {i, j});
                    }
                }
            }
            List<Integer> order =
                    IntStream.range(0, pairs.size())
                            .boxed()
                            .sorted(
                                    Comparator.comparingDouble(
                                                    (Integer i) -> -Math.abs(pairs.get(i).above()))
                                            .thenComparingDouble(
                                                    i -> -Math.abs(pairs.get(i).part()))
                                            .thenComparing(i -> i))
                            .limit(asked.pairs())
                            .toList();
            Strengths strengths = strengths(queries, keys, length);
            List<Pair> first = new ArrayList<>();
            for (int i : order) {
                first.add(strengths.with(pairs.get(i), places.get(i), query - key));
            }
            return new QueryKey(
                    Arrays.stream(ids).boxed().toList(),
                    Arrays.stream(ids).mapToObj(run::text).toList(),
                    asked.layer(),
                    asked.head(),
                    query,
                    key,
                    asked.importance() ? "importance" : "ones",
                    score,
                    above,
                    pattern[query * length + key],
                    scores.turns(),
                    first,
                    pairs.size(),
                    table(pattern, length),
                    off.stream().map(SubcomponentId::toString).toList(),
                    off.isEmpty()
                            ? null
                            : table(Tensors.toDoubles(pass(off).pattern().contiguous()), length));
        }

        private static List<List<Double>> table(double[] pattern, int length) {
            return IntStream.range(0, length)
                    .mapToObj(row ->
                            Arrays.stream(pattern, row * length, (row + 1) * length)
                                    .boxed()
                                    .toList())
                    .toList();
        }

        private static double dot(double[] first, double[] second) {
            double sum = 0;
            for (int i = 0; i < first.length; i++) {
                sum += first[i] * second[i];
            }
            return sum;
        }

        /// Runs the target with some subcomponents suppressed.
        private Ran pass(List<SubcomponentId> off) {
            Map<String, Tensor> inputs = new LinkedHashMap<>();
            Map<String, Replacement> replaced = new LinkedHashMap<>();
            for (int s = 0; s < decomposition.sites().size(); s++) {
                DecomposedSite site = decomposition.sites().get(s);
                Subcomponents parts = decomposition.subcomponents(site);
                Tensor kept = Tensors.ones(decomposition.target().type(), site.count());
                off.stream()
                        .filter(id -> id.site().equals(site.name()))
                        .forEach(id -> kept.select(0, id.index()).fill_(0));
                Tensor importances = lower.get(s);
                replaced.put(
                        site.name(),
                        (input, weight, _) -> {
                            inputs.put(site.name(), input.squeeze(0));
                            Tensor a = input.matmul(parts.V());
                            return asked.importance()
                                    ? a.mul(importances.mul(kept)).matmul(parts.U())
                                    : decomposition
                                            .target()
                                            .products()
                                            .map(input, weight)
                                            .add(a.mul(kept.sub(1.0)).matmul(parts.U()));
                        });
            }
            for (Side side : Side.values()) {
                Scores.Part map = scores.map(side);
                if (!replaced.containsKey(map.site().name())
                        && !replaced.containsKey(map.whole().name())) {
                    replaced.put(
                            map.site().name(),
                            (input, weight, _) -> {
                                Tensor output =
                                        decomposition.target().products().map(input, weight);
                                inputs.put(map.site().name(), output.squeeze(0));
                                return output;
                            });
                }
            }
            Target.Forward pass = decomposition.target().forward(batch, replaced, null);
            int heads = pass.attention().size() / decomposition.target().attentionLayers();
            return new Ran(
                    inputs,
                    pass.attention().get(asked.layer() * heads + asked.head()).select(0, 0));
        }

        /// The parts of a side: the subcomponents of its map, what is left of it, and the constant.
        private Parts parts(Ran ran, Side side) {
            Scores.Part map = scores.map(side);
            for (int s = 0; s < decomposition.sites().size(); s++) {
                DecomposedSite site = decomposition.sites().get(s);
                boolean whole = site.name().equals(map.whole().name());
                if (!whole && !site.name().equals(map.site().name())) {
                    continue;
                }
                Subcomponents parts = decomposition.subcomponents(site);
                Tensor input = Tensors.named(site.name(), ran.inputs());
                Tensor a = input.matmul(parts.V());
                long first = whole ? map.first() : 0;
                Tensor U = parts.U().narrow(1, first, map.site().dOut());
                Tensor rest =
                        asked.importance()
                                ? Tensors.zeros(
                                        decomposition.target().type(),
                                        input.size(0),
                                        map.site().dOut())
                                : input.matmul(parts.W().t())
                                        .sub(a.matmul(parts.U()))
                                        .narrow(1, first, map.site().dOut());
                return new Parts(
                        site.living().stream().map(c -> site.name() + ":" + c).toList(),
                        Tensors.toDoubles(parts.V().square().sum(0).sqrt()),
                        U,
                        asked.importance() ? a.mul(lower.get(s).select(0, 0)) : a,
                        rest);
            }
            return new Parts(
                    List.of(),
                    new double[0],
                    Tensors.zeros(decomposition.target().type(), 0, map.site().dOut()),
                    Tensors.zeros(decomposition.target().type(), batch.length(), 0),
                    Tensors.named(map.site().name(), ran.inputs()));
        }

        /// What each part is at a position: the subcomponents, the rest and the constant.
        private double[][] rows(Parts parts, Side side, int position) {
            int count = (int) parts.written().size(0);
            List<double[]> rows = new ArrayList<>();
            if (count > 0) {
                Tensor given = parts.given().select(0, position).unsqueeze(1); // [parts, 1]
                add(rows, scores.rows(parts.written().mul(given), side, asked.head(), position));
            }
            add(
                    rows,
                    scores.rows(parts.rest().narrow(0, position, 1), side, asked.head(), position));
            add(rows, scores.constant(side, asked.head(), position));
            return rows.toArray(double[][]::new);
        }

        private static void add(List<double[]> rows, Tensor of) {
            int width = (int) of.size(1);
            double[] flat = Tensors.toDoubles(of.contiguous());
            for (int at = 0; at < flat.length; at += width) {
                rows.add(Arrays.copyOfRange(flat, at, at + width));
            }
        }

        /// Products of what subcomponents write, by distance.
        ///
        /// @param queries `[distance][piece]` a vector each; one distance where it does not matter
        /// @param keys `[piece]`
        private record Strengths(double[][][] queries, double[][] keys, double[][] lengths) {
            Pair with(Pair pair, int[] place, int distance) {
                if (place[0] >= lengths[0].length || place[1] >= lengths[1].length) {
                    return pair;
                }
                double scale = lengths[0][place[0]] * lengths[1][place[1]];
                List<Double> all =
                        Arrays.stream(queries)
                                .map(each -> scale * dot(each[place[0]], keys[place[1]]))
                                .toList();
                return new Pair(
                        pair.query(),
                        pair.key(),
                        all.get(Math.min(distance, all.size() - 1)),
                        all,
                        pair.part(),
                        pair.share(),
                        pair.above());
            }
        }

        private Strengths strengths(Parts queries, Parts keys, int length) {
            int distances = scores.turns() ? length : 1;
            double[][][] turned = new double[distances][][];
            for (int distance = 0; distance < distances; distance++) {
                turned[distance] = vectors(queries, Side.QUERY, distance);
            }
            return new Strengths(
                    turned,
                    vectors(keys, Side.KEY, 0),
                    new double[][] {queries.lengths(), keys.lengths()});
        }

        private double[][] vectors(Parts parts, Side side, int position) {
            List<double[]> rows = new ArrayList<>();
            if (parts.written().size(0) > 0) {
                add(rows, scores.rows(parts.written(), side, asked.head(), position));
            }
            return rows.toArray(double[][]::new);
        }
    }
}
