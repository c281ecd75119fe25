package cleave.attribution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Kind;
import cleave.attribution.PromptGraph.Node;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Activation;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Gpt2;
import cleave.model.Held;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.LinearTarget;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Edges against the exact effect, which a linear network has, and against differences elsewhere.
class AttributionTest {
    private static final Offset<Double> EXACT = within(1e-9);
    private static final int[] WIDTHS = {3, 4, 3, 2};
    private static final int COUNT = 2;
    private static final int LENGTH = 2;

    /// Numbers of a name, the same each time.
    private static double[] numbers(String name, int count) {
        return Draws.key(3, Draws.Purpose.EVALUATION).with(name).normals(count);
    }

    private static Tensor tensor(String name, long... shape) {
        return Tensors.of(numbers(name, (int) Tensors.count(shape)), Type.DOUBLE, shape);
    }

    /// Three linear maps of two subcomponents each, which are not the whole of them.
    private static Decomposition linear() {
        Tensor[] weights = new Tensor[3];
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        for (int i = 0; i < 3; i++) {
            weights[i] = tensor("W" + i, WIDTHS[i + 1], WIDTHS[i]);
            tensors.put("linear%d.V".formatted(i + 1), tensor("V" + i, WIDTHS[i], COUNT));
            tensors.put("linear%d.U".formatted(i + 1), tensor("U" + i, COUNT, WIDTHS[i + 1]));
        }
        Target target = LinearTarget.of(weights);
        return new Decomposition(
                target, Toy.sites(target, COUNT), Toy.SEQUENCE, Leak.SIGN_GATED, tensors);
    }

    private static Batch features() {
        return new Batch("given", 0, tensor("x", 1, LENGTH, WIDTHS[0]), null, everywhere(LENGTH));
    }

    private static LossPositions everywhere(int length) {
        return new LossPositions(
                Tensors.of(IntStream.range(0, length).asLongStream().toArray(), 1, length), null);
    }

    /// Importances of one, but for `0.5` of the first subcomponent of the first site.
    private static List<Tensor> importances(Decomposition decomposition, int length, double first) {
        List<Tensor> lower =
                decomposition.sites().stream()
                        .map(site -> Tensors.ones(Type.DOUBLE, 1, length, site.count()))
                        .toList();
        lower.getFirst().select(2, 0).fill_(first);
        return lower;
    }

    private static PromptGraph graph(
            Decomposition decomposition,
            Batch batch,
            double first,
            Attribution.End end,
            Held held,
            int random) {
        return Scopes.withoutGradient(() ->
                Attribution.of(
                        decomposition,
                        batch,
                        decomposition.target().clean(batch),
                        importances(decomposition, (int) batch.length(), first),
                        end,
                        new Attribution.Settings(
                                0.1, Attribution.Base.TARGET, held, random, 100_000),
                        _ -> {}));
    }

    private static PromptGraph linearGraph(double first, int random) {
        return graph(
                linear(),
                features(),
                first,
                new Attribution.End(1, new double[] {1, -1}),
                Held.NOTHING,
                random);
    }

    private static String name(Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> "in@" + node.position();
            case SUBCOMPONENT -> "%s:%d@%d".formatted(node.site(), node.index(), node.position());
            case OUTPUT -> "out";
        };
    }

    private static Map<String, Double> edges(PromptGraph graph) {
        Map<String, Double> edges = new HashMap<>();
        for (Edge edge : graph.edges()) {
            edges.put(
                    name(graph.nodes().get(edge.source()))
                            + " "
                            + name(graph.nodes().get(edge.target())),
                    edge.value());
        }
        return edges;
    }

    private static double[][] matrix(String name, int rows, int columns) {
        double[] flat = numbers(name, rows * columns);
        return IntStream.range(0, rows)
                .mapToObj(row -> Arrays.copyOfRange(flat, row * columns, (row + 1) * columns))
                .toArray(double[][]::new);
    }

    /// `W - (V U)^T` of a map, times x.
    private static double[] rest(int map, double... x) {
        double[][] W = matrix("W" + map, WIDTHS[map + 1], WIDTHS[map]);
        double[][] V = matrix("V" + map, WIDTHS[map], COUNT);
        double[][] U = matrix("U" + map, COUNT, WIDTHS[map + 1]);
        double[] y = new double[W.length];
        for (int o = 0; o < y.length; o++) {
            for (int i = 0; i < x.length; i++) {
                double part = W[o][i];
                for (int c = 0; c < COUNT; c++) {
                    part -= V[i][c] * U[c][o];
                }
                y[o] += part * x[i];
            }
        }
        return y;
    }

    private static double[] whole(int map, double... x) {
        double[][] W = matrix("W" + map, WIDTHS[map + 1], WIDTHS[map]);
        return Arrays.stream(W)
                .mapToDouble(
                        row -> IntStream.range(0, x.length).mapToDouble(i -> row[i] * x[i]).sum())
                .toArray();
    }

    private static double read(int map, int c, double... x) {
        double[][] V = matrix("V" + map, WIDTHS[map], COUNT);
        return IntStream.range(0, x.length).mapToDouble(i -> V[i][c] * x[i]).sum();
    }

    /// By hand, in plain arrays: what a subcomponent writes, on its way through what is left of the
    /// maps between, as each later subcomponent reads it.
    @Test
    void onALinearNetworkEdgesAreTheExactEffect() {
        Scopes.run(() -> {
            PromptGraph graph = linearGraph(0.5, 0);
            Map<String, Double> edges = edges(graph);
            int compared = 0;
            double[] inputs = numbers("x", LENGTH * WIDTHS[0]);
            for (int t = 0; t < LENGTH; t++) {
                double[] x = Arrays.copyOfRange(inputs, t * WIDTHS[0], (t + 1) * WIDTHS[0]);
                double[] flow = x;
                compared += ways(edges, "in@" + t, t, 0, flow);
                for (int map = 0; map < 3; map++) {
                    for (int c = 0; c < COUNT; c++) {
                        double g = map == 0 && c == 0 ? 0.5 : 1;
                        double strength = read(map, c, x) * g;
                        double[] written = matrix("U" + map, COUNT, WIDTHS[map + 1])[c].clone();
                        Arrays.setAll(written, i -> written[i] * strength);
                        String name = "linear%d:%d@%d".formatted(map + 1, c, t);
                        compared += ways(edges, name, t, map + 1, written);
                    }
                    x = whole(map, x);
                }
            }
            assertThat(compared).isEqualTo(graph.found()).isEqualTo(edges.size());
        });
    }

    /// Follows what a node gives through the maps from `map` on, and counts the edges.
    private static int ways(
            Map<String, Double> edges, String from, int position, int map, double... given) {
        double[] flow = given;
        int count = 0;
        for (int at = map; at < 3; at++) {
            for (int c = 0; c < COUNT; c++) {
                String to = "linear%d:%d@%d".formatted(at + 1, c, position);
                assertThat(edges.get(from + " " + to))
                        .as("%s to %s", from, to)
                        .isCloseTo(read(at, c, flow), EXACT);
                count++;
            }
            flow = rest(at, flow);
        }
        if (position == 1) {
            assertThat(edges.get(from + " out")).isCloseTo(flow[0] - flow[1], EXACT);
            count++;
        }
        return count;
    }

    @Test
    void onALinearNetworkTheEdgesOfAllNodesAddUpToTheActivation() {
        Scopes.run(() -> {
            PromptGraph graph = linearGraph(1, 0);
            assertThat(graph.nodes())
                    .filteredOn(node -> node.kind() != Kind.EMBEDDING)
                    .hasSize(13)
                    .allSatisfy(node -> assertThat(node.share()).isCloseTo(1, EXACT));
            PromptGraph.Completeness all = graph.completeness();
            assertThat(all.middle()).isCloseTo(1, EXACT);
            assertThat(all.overall()).isCloseTo(1, EXACT);
            assertThat(all.output()).isCloseTo(1, EXACT);
        });
    }

    /// Under masks equal to the importances nothing passes by a site, so that edges lead from one
    /// map to the next alone and explain all.
    @Test
    void underImportanceMasksEdgesLeadFromMapToMapAndExplainAll() {
        Scopes.run(() -> {
            Decomposition decomposition = linear();
            Batch batch = features();
            PromptGraph graph =
                    Attribution.of(
                            decomposition,
                            batch,
                            decomposition.target().clean(batch),
                            importances(decomposition, LENGTH, 0.5),
                            new Attribution.End(1, new double[] {1, -1}),
                            new Attribution.Settings(
                                    0.1, Attribution.Base.IMPORTANCE, Held.NOTHING, 0, 1000),
                            _ -> {});
            double[] x = Arrays.copyOf(numbers("x", LENGTH * WIDTHS[0]), WIDTHS[0]);
            double[] written = matrix("U0", COUNT, WIDTHS[1])[0].clone();
            double strength = 0.5 * read(0, 0, x);
            Arrays.setAll(written, i -> written[i] * strength);
            assertThat(edges(graph).get("linear1:0@0 linear2:1@0"))
                    .isCloseTo(read(1, 1, written), EXACT);
            assertThat(graph.nodes())
                    .filteredOn(node -> node.kind() != Kind.EMBEDDING)
                    .hasSize(13)
                    .allSatisfy(node -> assertThat(node.share()).isCloseTo(1, EXACT));
            // At each position 2 from the stream and 4 + 4 between maps; 2 to the end.
            assertThat(graph.found()).isEqualTo(LENGTH * (2 + 4 + 4) + 2);
        });
    }

    /// What is short of an importance of 1 is missing, and no more.
    @Test
    void whatAnImportanceLeavesOutIsNotExplained() {
        Scopes.run(() -> {
            PromptGraph whole = linearGraph(1, 0);
            PromptGraph half = linearGraph(0.5, 0);
            Map<String, Double> edges = edges(whole);
            for (int i = 0; i < whole.nodes().size(); i++) {
                double missing = 0;
                for (int t = 0; t < LENGTH; t++) {
                    String edge = "linear1:0@%d %s".formatted(t, name(whole.nodes().get(i)));
                    missing += edges.getOrDefault(edge, 0.0) / 2;
                }
                assertThat(half.nodes().get(i).explained())
                        .isCloseTo(whole.nodes().get(i).explained() - missing, EXACT);
            }
            assertThat(half.completeness().output()).isNotCloseTo(1, within(0.05));
        });
    }

    @Test
    void allThatComesToTheEndComesThroughTheStream() {
        Scopes.run(() -> {
            PromptGraph graph = linearGraph(1, 0);
            assertThat(graph.nodes().getLast().influence()).isEqualTo(1);
            assertThat(
                            graph.nodes().stream()
                                    .filter(node -> node.kind() == Kind.EMBEDDING)
                                    .mapToDouble(Node::influence)
                                    .sum())
                    .isCloseTo(1, EXACT);
        });
    }

    /// A random reader of length |V| in d dimensions reads what is written to it with a root mean
    /// square of |V| by the root of d.
    @Test
    void chanceIsWhatARandomReaderWouldRead() {
        Scopes.run(() -> {
            PromptGraph graph = linearGraph(1, 3000);
            double[][] U = matrix("U0", COUNT, WIDTHS[1]);
            double[][] V = matrix("V1", WIDTHS[1], COUNT);
            int compared = 0;
            for (Edge edge : graph.edges()) {
                Node from = graph.nodes().get(edge.source());
                Node to = graph.nodes().get(edge.target());
                if (from.site().equals("linear1") && to.site().equals("linear2")) {
                    double written = 0;
                    double read = 0;
                    for (int i = 0; i < WIDTHS[1]; i++) {
                        written += Math.pow(U[from.index()][i] * from.activation(), 2);
                        read += Math.pow(V[i][to.index()], 2);
                    }
                    double expected = Math.sqrt(written * read / WIDTHS[1]);
                    assertThat(edge.chance() / expected).isCloseTo(1, within(0.05));
                    compared++;
                }
            }
            assertThat(compared).isEqualTo(COUNT * COUNT * LENGTH);
            assertThat(linearGraph(1, 0).edges())
                    .allSatisfy(edge -> assertThat(edge.chance()).isNaN());
        });
    }

    @Test
    void onlyTheEdgesThatMatterMostAreKept() {
        Scopes.run(() -> {
            Decomposition decomposition = linear();
            Batch batch = features();
            PromptGraph few =
                    Attribution.of(
                            decomposition,
                            batch,
                            decomposition.target().clean(batch),
                            importances(decomposition, LENGTH, 1),
                            new Attribution.End(1, new double[] {1, -1}),
                            new Attribution.Settings(
                                    0.1, Attribution.Base.TARGET, Held.NOTHING, 0, 5),
                            _ -> {});
            PromptGraph all = linearGraph(1, 0);
            assertThat(few.edges()).isEqualTo(all.edges().subList(0, 5));
            assertThat(few.nodes()).isEqualTo(all.nodes());
            assertThat(few.found()).isEqualTo(all.edges().size());
        });
    }

    @Test
    void anyOtherBatchIsRefused() {
        Scopes.run(() -> {
            Decomposition decomposition = linear();
            Batch last =
                    new Batch(
                            "given",
                            0,
                            tensor("x", 1, LENGTH, WIDTHS[0]),
                            null,
                            LossPositions.last(1, LENGTH, null));
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            graph(
                                    decomposition,
                                    last,
                                    1,
                                    new Attribution.End(0, new double[] {1, 0}),
                                    Held.NOTHING,
                                    0))
                    .withMessageContaining("a loss at every position");
        });
    }

    // Attention.

    private static Batch tokens(int length) {
        long[] tokens = IntStream.range(0, length).mapToLong(i -> (3 * i + 1) % 5).toArray();
        return new Batch("given", 0, Tensors.of(tokens, 1, length), null, everywhere(length));
    }

    private static Problem attention() {
        Target target = Toy.target(Type.DOUBLE);
        return Toy.problem(target, Toy.sites(target, 3), Toy.SEQUENCE, Leak.SIGN_GATED, 5);
    }

    private static final Attribution.End TOKEN =
            new Attribution.End(3, new double[] {0, 0, 1, 0, -1, 0, 0});

    /// What each site reads, `V^T x` `[T, C]`, and the logits, where every subcomponent's
    /// activation is a given number and one of them is moved.
    private static final class Moved {
        private final Map<String, double[]> read = new HashMap<>();
        private final double[] outputs;

        Moved(
                Decomposition decomposition,
                Batch batch,
                Clean clean,
                String moved,
                int place,
                double by) {
            Map<String, Replacement> replaced = new HashMap<>();
            for (DecomposedSite site : decomposition.sites()) {
                Subcomponents parts = decomposition.subcomponents(site);
                Tensor held = Tensors.named(site.name(), clean.inputs()).matmul(parts.V());
                if (site.name().equals(moved)) {
                    double[] numbers = Tensors.toDoubles(held);
                    numbers[place] += by;
                    held = Tensors.of(numbers, Type.DOUBLE, held.shape());
                }
                Tensor written = held.matmul(parts.U());
                replaced.put(
                        site.name(),
                        (input, weight, _) -> {
                            read.put(site.name(), Tensors.toDoubles(input.matmul(parts.V())));
                            return written.add(
                                    input.matmul(weight.t().sub(parts.V().matmul(parts.U()))));
                        });
            }
            outputs =
                    Tensors.toDoubles(
                            decomposition.target().forward(batch, replaced, null).outputs());
        }

        double of(Node node, int count) {
            return node.kind() == Kind.OUTPUT
                    ? outputs[node.position() * Toy.TOKENS + 2]
                            - outputs[node.position() * Toy.TOKENS + 4]
                    : Objects.requireNonNull(read.get(node.site()))[
                            node.position() * count + node.index()];
        }
    }

    @Test
    void withAttentionEdgesAreWhatDifferencesSay() {
        Scopes.run(() -> {
            try (Problem problem = attention()) {
                Scopes.withoutGradient(() -> {
                    compareWithDifferences(problem.decomposition(), tokens(4));
                    return true;
                });
            }
        });
    }

    private static void compareWithDifferences(Decomposition decomposition, Batch batch) {
        Clean clean = decomposition.target().clean(batch);
        PromptGraph graph = graph(decomposition, batch, 0.5, TOKEN, Held.NOTHING, 0);
        Map<String, Double> edges = edges(graph);
        double step = 1e-5;
        int compared = 0;
        for (Node from : graph.nodes()) {
            if (from.kind() != Kind.SUBCOMPONENT) {
                continue;
            }
            int place = from.position() * 3 + from.index();
            Moved more = new Moved(decomposition, batch, clean, from.site(), place, step);
            Moved less = new Moved(decomposition, batch, clean, from.site(), place, -step);
            for (Node to : graph.nodes()) {
                if (to.kind() == Kind.EMBEDDING || to.site().equals(from.site())) {
                    continue;
                }
                double slope = (more.of(to, 3) - less.of(to, 3)) / (2 * step);
                double expected = slope * from.activation() * from.importance();
                assertThat(edges.getOrDefault(name(from) + " " + name(to), 0.0))
                        .as("%s to %s", name(from), name(to))
                        .isCloseTo(expected, within(1e-7 * (1 + Math.abs(expected))));
                compared += expected == 0 ? 0 : 1;
            }
        }
        assertThat(compared).isGreaterThan(300);
    }

    /// Without norms, activation functions and moving patterns a transformer is linear.
    @Test
    void withPatternsHeldAttentionIsExplainedAsAWhole() {
        Scopes.run(() -> {
            try (Problem problem = attention()) {
                PromptGraph graph =
                        graph(
                                problem.decomposition(),
                                tokens(4),
                                1,
                                TOKEN,
                                Held.NORMS_AND_ATTENTION,
                                0);
                assertThat(graph.nodes())
                        .filteredOn(node -> node.kind() != Kind.EMBEDDING)
                        .allSatisfy(node -> assertThat(node.share()).isCloseTo(1, EXACT));
                assertThat(edges(graph).keySet()).noneMatch(edge -> edge.matches("[QK].*"));
            }
        });
    }

    // Norms.

    private static Gpt2 gpt2() {
        Gpt2.Shape shape =
                new Gpt2.Shape(9, Toy.LENGTH, 8, 2, 2, 12, Activation.GELU_NEW, 1e-5, true);
        SortedMap<String, Tensor> weights = new TreeMap<>();
        shape.initial(1)
                .forEach((name, weight) -> {
                    // Large enough that what norms add to the variance is little.
                    double scale = weight.ndimension() == 2 ? 20 : 1;
                    weights.put(name, weight.to(Type.DOUBLE).mul(scale));
                });
        return new Gpt2(shape, weights, () -> {});
    }

    @ParameterizedTest
    @EnumSource
    void whatIsHeldChangesNoNumber(Held held) {
        Scopes.run(() -> {
            try (Gpt2 target = gpt2()) {
                Batch batch = tokens(4);
                Tensor outputs = target.forward(batch, Map.of(), null, held).outputs();
                Tensor gap = outputs.sub(target.clean(batch).outputs()).abs().max();
                assertThat(Tensors.number(gap)).isLessThan(1e-12);
            }
        });
    }

    /// What the first maps read is the normed stream, and nothing is added to it here.
    @Test
    void withNormsHeldTheStreamExplainsWhatIsReadBehindANorm() {
        Scopes.run(() -> {
            Gpt2 target = gpt2();
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, "h.0.attn.c_attn", "h.1.attn.c_attn"),
                            Toy.SEQUENCE,
                            Leak.SIGN_GATED,
                            5)) {
                assertThat(firstReads(problem, Held.NORMS))
                        .hasSize(12)
                        .allSatisfy(node -> assertThat(node.share()).isCloseTo(1, EXACT));
                assertThat(firstReads(problem, Held.NOTHING))
                        .hasSize(12)
                        .allSatisfy(node -> assertThat(node.share()).isCloseTo(0, within(1e-3)));
            }
        });
    }

    /// A token makes all that the embedding's subcomponents are, and they all that the first maps
    /// read: no table of positions is added here.
    @Test
    void subcomponentsOfTheEmbeddingExplainWhatIsReadBehindIt() {
        Scopes.run(() -> {
            Gpt2 target = gpt2();
            Tensors.named("wpe.weight", target.weights()).zero_();
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, "wte", "h.0.attn.c_attn"),
                            Toy.SEQUENCE,
                            Leak.SIGN_GATED,
                            5)) {
                // The rest of the table, which passes by the subcomponents, is made nothing.
                Subcomponents parts =
                        problem.decomposition()
                                .subcomponents(problem.decomposition().sites().getFirst());
                Tensors.named("wte.weight", target.weights())
                        .copy_(parts.V().matmul(parts.U()).detach());
                Attribution.End end =
                        new Attribution.End(3, new double[] {1, 0, 0, 0, 0, 0, 0, 0, 0});
                PromptGraph graph =
                        graph(problem.decomposition(), tokens(4), 1, end, Held.NORMS, 2);
                assertThat(graph.nodes()).noneMatch(node -> node.kind() == Kind.EMBEDDING);
                double[] V = Tensors.toDoubles(parts.V());
                long[] ids = Tensors.toLongs(tokens(4).inputs());
                for (Node node : graph.nodes()) {
                    if (node.site().equals("wte")) {
                        assertThat(node.activation())
                                .isEqualTo(V[(int) ids[node.position()] * 3 + node.index()]);
                    }
                    if (node.kind() == Kind.SUBCOMPONENT) {
                        assertThat(node.share()).as(name(node)).isCloseTo(1, EXACT);
                    }
                }
                assertThat(graph.edges())
                        .noneMatch(edge -> graph.nodes().get(edge.target()).site().equals("wte"));
            }
        });
    }

    private static List<Node> firstReads(Problem problem, Held held) {
        Attribution.End end = new Attribution.End(3, new double[] {1, 0, 0, 0, 0, 0, 0, 0, 0});
        return graph(problem.decomposition(), tokens(4), 1, end, held, 0).nodes().stream()
                .filter(node -> node.site().startsWith("h.0"))
                .toList();
    }

    private static Batch featuresOf(String name, long example) {
        return new Batch(
                "given", example, tensor(name, 1, LENGTH, WIDTHS[0]), null, everywhere(LENGTH));
    }

    private static EdgeSums.Summary summed(int draws, List<Batch> batches) {
        Decomposition decomposition = linear();
        EdgeSums sums =
                new EdgeSums(
                        List.of("linear1", "linear2", "linear3"),
                        List.of(COUNT, COUNT, COUNT),
                        draws);
        for (Batch batch : batches) {
            Scopes.withoutGradient(() -> {
                Attribution.add(
                        decomposition,
                        batch,
                        decomposition.target().clean(batch),
                        importances(decomposition, LENGTH, 0.5),
                        new Attribution.End(1, new double[] {1, -1}),
                        new Attribution.Settings(0.1, Attribution.Base.TARGET, Held.NOTHING, 0, 0),
                        sums);
                return null;
            });
        }
        return sums.summary(1000);
    }

    private static String nodeOf(Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> "embedding";
            case SUBCOMPONENT -> node.site() + ":" + node.index();
            case OUTPUT -> "answer";
        };
    }

    /// Against the graphs of the sequences one by one, whose edges are the exact effect.
    @Test
    void overManySequencesEdgesAreTheMeansOfThoseOfEach() {
        Scopes.run(() -> {
            List<Batch> batches = List.of(featuresOf("x", 0), featuresOf("y", 1));
            EdgeSums.Summary summary = summed(0, batches);
            Map<String, double[]> expected = new HashMap<>();
            Map<String, Double> sizes = new HashMap<>();
            Map<String, Double> squares = new HashMap<>();
            Map<String, Integer> on = new HashMap<>();
            double missing = 0;
            double all = 0;
            for (Batch batch : batches) {
                PromptGraph graph =
                        graph(
                                linear(),
                                batch,
                                0.5,
                                new Attribution.End(1, new double[] {1, -1}),
                                Held.NOTHING,
                                0);
                for (Edge edge : graph.edges()) {
                    Node to = graph.nodes().get(edge.target());
                    double[] sums =
                            expected.computeIfAbsent(
                                    nodeOf(graph.nodes().get(edge.source())) + " " + nodeOf(to),
                                    _ -> new double[3]);
                    sums[0] += edge.value();
                    sums[1] += Math.abs(edge.value());
                    sums[2] += edge.value() * Math.signum(to.activation());
                }
                for (Node node : graph.nodes()) {
                    sizes.merge(nodeOf(node), Math.abs(node.activation()), Double::sum);
                    squares.merge(nodeOf(node), Math.pow(node.activation(), 2), Double::sum);
                    on.merge(nodeOf(node), 1, Integer::sum);
                    if (node.kind() == Kind.SUBCOMPONENT) {
                        missing += Math.abs(node.activation() - node.explained());
                        all += Math.abs(node.activation());
                    }
                }
            }
            int positions = 2 * LENGTH;
            assertThat(summary.positions()).isEqualTo(positions);
            assertThat(summary.sequences()).isEqualTo(2);
            assertThat(summary.edges()).hasSize(expected.size()).hasSize(summary.found());
            for (EdgeSums.Edge edge : summary.edges()) {
                double[] sums =
                        Objects.requireNonNull(expected.get(edge.source() + " " + edge.target()));
                assertThat(edge.mean().value()).isCloseTo(sums[0] / positions, EXACT);
                assertThat(edge.absolute().value()).isCloseTo(sums[1] / positions, EXACT);
                assertThat(edge.along().value()).isCloseTo(sums[2] / positions, EXACT);
                assertThat(edge.mean().chance()).isNull();
                double size = Objects.requireNonNull(sizes.get(edge.target()));
                assertThat(edge.share().value()).isCloseTo(sums[2] / size, EXACT);
                double g = edge.source().equals("linear1:0") ? 0.5 : 1;
                double root =
                        Math.sqrt(
                                Objects.requireNonNull(squares.get(edge.target()))
                                        / Objects.requireNonNull(on.get(edge.target())));
                assertThat(edge.normalized()).isCloseTo(sums[0] / positions / g / root, EXACT);
            }
            assertThat(summary.completeness().overall()).isCloseTo(1 - missing / all, EXACT);
            for (EdgeSums.Node node : summary.nodes()) {
                if (!node.name().equals("embedding")) {
                    double shares =
                            summary.edges().stream()
                                    .filter(edge -> edge.target().equals(node.name()))
                                    .mapToDouble(edge -> edge.share().value())
                                    .sum();
                    assertThat(node.explained()).isCloseTo(shares, EXACT);
                }
            }
            assertThat(summary.nodes().getFirst().influence()).isCloseTo(1, EXACT);
        });
    }

    /// A random reader that is the same at all positions reads the sum of what is written to it.
    @Test
    void overManySequencesChanceIsThatOfOneRandomReaderForAllPositions() {
        Scopes.run(() -> {
            EdgeSums.Summary summary = summed(3000, List.of(features()));
            double[][] U = matrix("U0", COUNT, WIDTHS[1]);
            double[][] V = matrix("V1", WIDTHS[1], COUNT);
            double[] inputs = numbers("x", LENGTH * WIDTHS[0]);
            int compared = 0;
            for (EdgeSums.Edge edge : summary.edges()) {
                if (!edge.source().startsWith("linear1") || !edge.target().startsWith("linear2")) {
                    continue;
                }
                int from = edge.source().charAt(8) - '0';
                int to = edge.target().charAt(8) - '0';
                double given = 0;
                for (int t = 0; t < LENGTH; t++) {
                    double[] x = Arrays.copyOfRange(inputs, t * WIDTHS[0], (t + 1) * WIDTHS[0]);
                    given += read(0, from, x) * (from == 0 ? 0.5 : 1);
                }
                double written = 0;
                double length = 0;
                for (int i = 0; i < WIDTHS[1]; i++) {
                    written += Math.pow(U[from][i] * given, 2);
                    length += V[i][to] * V[i][to];
                }
                double expected = Math.sqrt(written * length / WIDTHS[1]) / LENGTH;
                double chance = Objects.requireNonNull(edge.mean().chance());
                assertThat(chance / expected).isCloseTo(1, within(0.06));
                compared++;
            }
            assertThat(compared).isEqualTo(COUNT * COUNT);
        });
    }
}
