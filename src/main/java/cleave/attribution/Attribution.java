package cleave.attribution;

import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Kind;
import cleave.attribution.PromptGraph.Node;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Held;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

/// Attribution on one sequence.
///
/// The target runs with each decomposed site as the sum of its subcomponents, and as the base says
/// of the remainder and the weight delta. What every subcomponent gives is cut out of the graph, so
/// that a derivative goes from one subcomponent to the next and through none between; through
/// attention, norms, activation functions, remainders and weight deltas it goes as ever.
public final class Attribution {
    private final Decomposition decomposition;
    private final List<Tensor> lower;
    private final Settings settings;
    private final DoubleConsumer progress;
    private final int length;
    private final Cut cut;
    private final List<Node> nodes = new ArrayList<>();
    private final List<Source> sources = new ArrayList<>(); // of each node but the end
    private final List<Reader> readers = new ArrayList<>(); // of each node but the stream

    /// What is asked.
    ///
    /// @param threshold a subcomponent is a node at positions where its importance is above it
    /// @param base the pass that is differentiated
    /// @param held what is constant when the network is differentiated
    /// @param random readers drawn for each edge's `chance`; 0 for none
    /// @param edges how many edges are kept, the strongest
    public record Settings(double threshold, Base base, Held held, int random, int edges) {
        /// Checks the numbers.
        public Settings {
            if (!(threshold >= 0 && threshold < 1) || random < 0 || edges < 0) {
                throw new IllegalArgumentException(
                        "threshold must be >= 0 and < 1, random and edges >= 0, got %s, %d, %d"
                                .formatted(threshold, random, edges));
            }
        }
    }

    /// The pass that is differentiated.
    public enum Base {
        /// The target as it is: masks of 1, with all of the remainder and the weight delta.
        TARGET,
        /// Under masks equal to the importances, with nothing of remainder and weight delta: what
        /// the decomposition says the target does here.
        IMPORTANCE
    }

    /// The number that is asked about: a weighted sum of the outputs at a position, such as a
    /// logit, or the difference of two.
    ///
    /// @param position in the sequence
    /// @param weights of the outputs `[d_output]`
    public record End(int position, double[] weights) {}

    private Attribution(
            Decomposition decomposition,
            List<Tensor> lower,
            Settings settings,
            DoubleConsumer progress,
            Cut cut,
            int length) {
        this.decomposition = decomposition;
        this.lower = lower;
        this.settings = settings;
        this.progress = progress;
        this.cut = cut;
        this.length = length;
    }

    /// The graph of one sequence.
    ///
    /// @param batch one sequence, every position a loss position in order
    /// @param clean its clean pass
    /// @param lower the lower importances `[1, T, C]` of each site, in site order
    /// @param progress told now and then which share is done
    /// @throws IllegalArgumentException when the batch is another
    public static PromptGraph of(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            End end,
            Settings settings,
            DoubleConsumer progress) {
        int length = requireOne(batch);
        return Scopes.run(() ->
                new Attribution(
                                decomposition,
                                lower,
                                settings,
                                progress,
                                Cut.of(decomposition, batch, clean, lower, settings),
                                length)
                        .graph(end));
    }

    /// Adds the edges of one sequence to sums over many. Random readers are the same vectors of a
    /// site at every position of every sequence, and as many random tokens as the sums take.
    ///
    /// @param batch one sequence, every position a loss position in order
    /// @param clean its clean pass
    /// @param lower the lower importances `[1, T, C]` of each site, in site order
    /// @param settings of which the number of random readers and of edges is not asked
    /// @throws IllegalArgumentException when the batch is another
    public static void add(
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            End end,
            Settings settings,
            EdgeSums sums) {
        int length = requireOne(batch);
        Settings own =
                new Settings(
                        settings.threshold(), settings.base(), settings.held(), sums.draws(), 0);
        Scopes.run(() ->
                new Attribution(
                                decomposition,
                                lower,
                                own,
                                _ -> {},
                                Cut.of(decomposition, batch, clean, lower, own),
                                length)
                        .addTo(sums, end, batch.firstExample()));
    }

    private static int requireOne(Batch batch) {
        int length = (int) batch.length();
        if (batch.rows() != 1
                || !Arrays.equals(
                        Tensors.toLongs(batch.losses().index()),
                        IntStream.range(0, length).asLongStream().toArray())) {
            throw new IllegalArgumentException(
                    "batch must be one sequence with a loss at every position");
        }
        return length;
    }

    /// Where a node's derivative stands and what it is worth.
    ///
    /// @param site place of its site; -1 for the stream
    /// @param at place among the numbers of a row, `position * C + c`; of the stream the position
    /// @param strength `a g`; of the stream 1, since its derivative is multiplied by it already
    private record Source(int site, int at, double strength) {}

    private PromptGraph graph(End end) {
        addNodes(end);
        List<Reader> random =
                RandomReaders.of(
                        decomposition,
                        readers,
                        end,
                        settings.random(),
                        (site, position, draw) ->
                                site.equals(RandomReaders.END)
                                        ? RandomReaders.key().with(RandomReaders.END).with(draw)
                                        : RandomReaders.key().with(site).with(position).with(draw));
        List<Reader> all = new ArrayList<>(readers);
        all.addAll(random);
        List<double[]> found = effects(all);
        return assembled(found, chance(random, found.subList(readers.size(), found.size())));
    }

    private void addTo(EdgeSums sums, End end, long sequence) {
        addNodes(end);
        List<Reader> random =
                RandomReaders.of(
                        decomposition,
                        readers,
                        end,
                        settings.random(),
                        (site, _, draw) ->
                                site.equals(RandomReaders.END)
                                        ? RandomReaders.key()
                                                .with(RandomReaders.END)
                                                .with(sequence)
                                                .with(draw)
                                        : RandomReaders.key().with(site).with(draw));
        List<Reader> all = new ArrayList<>(readers);
        all.addAll(random);
        List<double[]> found = effects(all);
        Map<Long, List<double[]>> byChance = new HashMap<>();
        for (int i = 0; i < random.size(); i++) {
            byChance.computeIfAbsent(place(random.get(i)), _ -> new ArrayList<>())
                    .add(found.get(readers.size() + i));
        }
        int embeddings = nodes.size() - readers.size();
        int[] numbers = new int[nodes.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(nodes.get(i), sums);
        }
        for (int i = 0; i < embeddings; i++) {
            sums.node(numbers[i], nodes.get(i).activation(), 1, 0);
        }
        double[] drawn = new double[sums.draws()];
        for (int r = 0; r < readers.size(); r++) {
            Reader reader = readers.get(r);
            int target = embeddings + r;
            Node node = nodes.get(target);
            double norm = length(reader);
            List<double[]> chance = byChance.getOrDefault(place(reader), List.of());
            double told = 0;
            for (int i = 0; i < target; i++) {
                double strength = sources.get(i).strength();
                double value = found.get(r)[i] * strength;
                if (value != 0) {
                    told += value;
                    for (int draw = 0; draw < drawn.length; draw++) {
                        drawn[draw] = norm * chance.get(draw)[i] * strength;
                    }
                    sums.edge(
                            numbers[i],
                            numbers[target],
                            value,
                            Math.signum(node.activation()),
                            drawn);
                }
            }
            sums.node(numbers[target], node.activation(), node.importance(), told);
        }
        sums.sequence(length);
    }

    private int number(Node node, EdgeSums sums) {
        return switch (node.kind()) {
            case EMBEDDING -> sums.stream();
            case SUBCOMPONENT -> {
                int site = 0;
                while (!decomposition.sites().get(site).name().equals(node.site())) {
                    site++;
                }
                yield sums.node(site, node.index());
            }
            case OUTPUT -> sums.end();
        };
    }

    private void addNodes(End end) {
        addStream();
        addSubcomponents();
        Type type = decomposition.target().type();
        Tensor outputs = cut.outputs().detach().select(0, 0).select(0, end.position());
        Tensor weights = Tensors.of(end.weights(), type, end.weights().length);
        double value = Tensors.number(outputs.mul(weights).sum());
        nodes.add(new Node(Kind.OUTPUT, "", 0, end.position(), value, 1, 0, 0));
        readers.add(new Reader(decomposition.sites().size(), end.position(), weights));
    }

    private void addStream() {
        for (Tensor stream : cut.stream()) {
            double[] lengths =
                    Tensors.toDoubles(stream.detach().select(0, 0).square().sum(1).sqrt());
            for (int position = 0; position < length; position++) {
                nodes.add(new Node(Kind.EMBEDDING, "", 0, position, lengths[position], 1, 0, 0));
                sources.add(new Source(-1, position, 1));
            }
        }
    }

    private void addSubcomponents() {
        for (int s = 0; s < decomposition.sites().size(); s++) {
            DecomposedSite site = decomposition.sites().get(s);
            double[] g = Tensors.toDoubles(lower.get(s));
            double[] a = Tensors.toDoubles(cut.activations().get(s).select(0, 0).contiguous());
            for (int at = 0; at < g.length; at++) {
                if (g[at] > settings.threshold()) {
                    int position = at / site.count();
                    int c = at % site.count();
                    nodes.add(
                            new Node(
                                    Kind.SUBCOMPONENT,
                                    site.name(),
                                    site.living().get(c),
                                    position,
                                    a[at],
                                    g[at],
                                    0,
                                    0));
                    sources.add(new Source(s, at, a[at] * g[at]));
                    readers.add(new Reader(s, position, cut.reads().get(s).select(1, c)));
                }
            }
        }
    }

    /// Of each reader, its derivative by each source's activation; by the stream times the stream.
    private List<double[]> effects(List<Reader> all) {
        List<double[]> found = new ArrayList<>();
        for (int from = 0; from < all.size(); from += Cut.ROWS) {
            List<Reader> some = all.subList(from, Math.min(all.size(), from + Cut.ROWS));
            Scopes.run(() -> {
                List<Tensor> gradients =
                        Scopes.withGradient(() -> Tensors.gradients(read(some), cut.leaves()));
                int streams = cut.stream().size();
                List<double[]> bySite =
                        gradients.stream().skip(streams).map(Tensors::toDoubles).toList();
                double[] byStream =
                        streams == 0
                                ? new double[0]
                                : Tensors.toDoubles(
                                        gradients
                                                .getFirst()
                                                .mul(cut.stream().getFirst().detach())
                                                .sum(2)); // [R, T]
                for (int row = 0; row < some.size(); row++) {
                    int r = row;
                    found.add(
                            sources.stream()
                                    .mapToDouble(source -> {
                                        double[] of =
                                                source.site() < 0
                                                        ? byStream
                                                        : bySite.get(source.site());
                                        return of[r * (of.length / Cut.ROWS) + source.at()];
                                    })
                                    .toArray());
                }
            });
            progress.accept(found.size() / (double) all.size());
        }
        return found;
    }

    /// The sum of what readers read, each on a row of its own.
    private Tensor read(List<Reader> some) {
        List<Tensor> read = new ArrayList<>();
        for (int row = 0; row < some.size(); row++) {
            Reader reader = some.get(row);
            boolean end = reader.site() == decomposition.sites().size();
            if (!end && decomposition.sites().get(reader.site()).site().readsTokens()) {
                // A token comes from no subcomponent: a number of the graph that none changes.
                read.add(cut.outputs().select(0, row).sum().mul(0));
                continue;
            }
            Tensor from = end ? cut.outputs() : cut.inputs().get(reader.site());
            read.add(from.select(0, row).select(0, reader.position()).mul(reader.vector()).sum());
        }
        return Tensors.sum(read);
    }

    /// The root mean square over the random readers of a place of their derivatives by each source.
    private Map<Long, double[]> chance(List<Reader> random, List<double[]> found) {
        Map<Long, double[]> means = new HashMap<>();
        for (int i = 0; i < random.size(); i++) {
            double[] sum =
                    means.computeIfAbsent(place(random.get(i)), _ -> new double[sources.size()]);
            for (int j = 0; j < sum.length; j++) {
                sum[j] += found.get(i)[j] * found.get(i)[j] / settings.random();
            }
        }
        means.values().forEach(sum -> Arrays.setAll(sum, j -> Math.sqrt(sum[j])));
        return means;
    }

    private long place(Reader reader) {
        return (long) reader.site() * length + reader.position();
    }

    /// What a random reader of length 1 is multiplied by to be as long as this one.
    private double length(Reader reader) {
        return reader.site() == decomposition.sites().size()
                ? 1
                : Tensors.number(reader.vector().norm());
    }

    private PromptGraph assembled(List<double[]> found, Map<Long, double[]> chance) {
        int embeddings = nodes.size() - readers.size();
        int count = nodes.size();
        List<Edge> edges = new ArrayList<>();
        double[] explained = new double[count];
        double[] sizes = new double[count];
        for (int r = 0; r < readers.size(); r++) {
            Reader reader = readers.get(r);
            int target = embeddings + r;
            double norm = length(reader);
            double[] random = chance.get(place(reader));
            for (int i = 0; i < target; i++) {
                double value = found.get(r)[i] * sources.get(i).strength();
                if (value != 0) {
                    explained[target] += value;
                    sizes[target] += Math.abs(value);
                    edges.add(
                            new Edge(
                                    i,
                                    target,
                                    value,
                                    random == null
                                            ? Double.NaN
                                            : norm
                                                    * random[i]
                                                    * Math.abs(sources.get(i).strength()),
                                    0)); // until the influence of its target is known
                }
            }
        }
        double[] influence = influences(edges, sizes);
        List<Node> done = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Node node = nodes.get(i);
            done.add(
                    new Node(
                            node.kind(),
                            node.site(),
                            node.index(),
                            node.position(),
                            node.activation(),
                            node.importance(),
                            readsToken(node) ? node.activation() : explained[i],
                            influence[i]));
        }
        // What matters for the end comes first.
        edges.replaceAll(edge -> edge.through(through(edge, influence, sizes)));
        edges.sort(Comparator.comparingDouble((Edge edge) -> -edge.through()));
        return new PromptGraph(
                done, edges.subList(0, Math.min(edges.size(), settings.edges())), edges.size());
    }

    private boolean readsToken(Node node) {
        return node.kind() == Kind.SUBCOMPONENT
                && decomposition.site(node.site()).site().readsTokens();
    }

    /// How much of the end comes through an edge.
    private static double through(Edge edge, double[] influence, double[] sizes) {
        return influence[edge.target()] * Math.abs(edge.value()) / sizes[edge.target()];
    }

    private double[] influences(List<Edge> edges, double[] sizes) {
        double[] influence = new double[nodes.size()];
        influence[influence.length - 1] = 1;
        // Edges come in the order of their targets, and lead to later nodes only.
        for (int i = edges.size() - 1; i >= 0; i--) {
            Edge edge = edges.get(i);
            influence[edge.source()] += through(edge, influence, sizes);
        }
        return influence;
    }
}
