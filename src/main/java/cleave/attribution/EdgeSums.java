package cleave.attribution;

import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The edges of many sequences, added up over positions: from a subcomponent to a later one
/// wherever both are on. What goes in at any position is one node, and the ends of all sequences
/// are one.
public final class EdgeSums {
    private final int draws;
    private final Map<Long, double[]> pairs = new HashMap<>(); // by source * nodes + target
    private final List<String> sites;
    private final int[] offsets; // of each site's first node
    private final int count;
    private final double[] on; // [node] positions
    private final double[] importance;
    private final double[] squares;
    private final double[] sizes;
    private final double[] explained; // along the activation's sign
    private final double[] missing;
    private final List<Double> shares = new ArrayList<>(); // of each node of each sequence
    private final List<Double> ends = new ArrayList<>(); // shares of the ends
    private long sequences;
    private long positions;

    // Places of a pair's sums.
    private static final int SIGNED = 0;
    private static final int SIZE = 1;
    private static final int ALONG = 2;
    private static final int BY_CHANCE = 3; // draws of SIGNED, then of SIZE, then of ALONG

    private static final int SUMS = 6; // of each node

    /// Empty sums.
    ///
    /// @param sites names of the decomposed sites in the network's order
    /// @param counts how many subcomponents each has, merged ones too
    /// @param draws random readers beside each; 0 for none
    public EdgeSums(List<String> sites, List<Integer> counts, int draws) {
        this.sites = List.copyOf(sites);
        this.draws = draws;
        offsets = new int[counts.size()];
        int next = 1; // after what goes in
        for (int site = 0; site < offsets.length; site++) {
            offsets[site] = next;
            next += counts.get(site);
        }
        count = next + 1; // the end is last
        on = new double[count];
        importance = new double[count];
        squares = new double[count];
        sizes = new double[count];
        explained = new double[count];
        missing = new double[count];
    }

    /// Everything that was added up, for `add` of other sums of the same sites.
    public double[] numbers() {
        int own = SUMS * count + 2 + 1 + shares.size() + 1 + ends.size();
        DoubleBuffer all = DoubleBuffer.allocate(own + pairs.size() * (1 + width()));
        for (double[] each : eachSum()) {
            all.put(each);
        }
        all.put(sequences).put(positions);
        put(shares, all);
        put(ends, all);
        pairs.entrySet().stream()
                .sorted(Map.Entry.comparingByKey())
                .forEach(each -> all.put(each.getKey()).put(each.getValue()));
        return all.array();
    }

    /// Adds what others have added up, of other sequences.
    ///
    /// @param numbers of sums with the same sites and random readers
    public void add(double[] numbers) {
        DoubleBuffer all = DoubleBuffer.wrap(numbers);
        for (double[] each : eachSum()) {
            for (int node = 0; node < count; node++) {
                each[node] += all.get();
            }
        }
        sequences += (long) all.get();
        positions += (long) all.get();
        take(all, shares);
        take(all, ends);
        while (all.hasRemaining()) {
            double[] sums = pairs.computeIfAbsent((long) all.get(), _ -> new double[width()]);
            for (int i = 0; i < sums.length; i++) {
                sums[i] += all.get();
            }
        }
    }

    private double[][] eachSum() {
        return new double[][] {on, importance, squares, sizes, explained, missing};
    }

    /// Numbers of a pair.
    private int width() {
        return BY_CHANCE + 3 * draws;
    }

    private static void put(List<Double> from, DoubleBuffer to) {
        to.put(from.size());
        from.forEach(to::put);
    }

    private static void take(DoubleBuffer from, List<Double> to) {
        for (long left = (long) from.get(); left > 0; left--) {
            to.add(from.get());
        }
    }

    /// Random readers beside each.
    int draws() {
        return draws;
    }

    /// The number of what goes in.
    int stream() {
        return 0;
    }

    /// The number of the end.
    int end() {
        return count - 1;
    }

    /// The number of a subcomponent.
    ///
    /// @param site place of its site
    /// @param index in the numbering before any was merged
    int node(int site, int index) {
        return offsets[site] + index;
    }

    /// Counts a sequence.
    void sequence(int length) {
        sequences++;
        positions += length;
    }

    /// Counts a node at a position.
    ///
    /// @param told the sum of the edges that end at it
    void node(int node, double activation, double g, double told) {
        on[node]++;
        importance[node] += g;
        squares[node] += activation * activation;
        sizes[node] += Math.abs(activation);
        explained[node] += Math.signum(activation) * told;
        missing[node] += Math.abs(activation - told);
        if (node != stream() && activation != 0) {
            (node == end() ? ends : shares).add(told / activation);
        }
    }

    /// Adds an edge between two positions.
    ///
    /// @param sign of the target's activation
    /// @param byChance the same for random readers
    void edge(int source, int target, double value, double sign, double... byChance) {
        double[] sums =
                pairs.computeIfAbsent((long) source * count + target, _ -> new double[width()]);
        sums[SIGNED] += value;
        sums[SIZE] += Math.abs(value);
        sums[ALONG] += sign * value;
        for (int draw = 0; draw < draws; draw++) {
            sums[BY_CHANCE + draw] += byChance[draw];
            sums[BY_CHANCE + draws + draw] += Math.abs(byChance[draw]);
            sums[BY_CHANCE + 2 * draws + draw] += sign * byChance[draw];
        }
    }

    /// A strength, and the root mean square of the same for random readers in the target's place;
    /// null where none were drawn.
    public record Strength(double value, @Nullable Double chance) {}

    /// How strongly one subcomponent works on a later one over all positions.
    ///
    /// @param source `embedding`, or `SITE:INDEX`
    /// @param target `SITE:INDEX`, or `answer`
    /// @param mean the sum of the strengths between all positions, divided by the number of
    ///   positions; in units of the target's activation, whose sign has no meaning of its own
    /// @param absolute the same of their sizes
    /// @param along the same of the strengths times the sign of the target's activation: above 0
    ///   where the source makes the target's activation larger
    /// @param normalized `mean` by the mean importance of the source (of what goes in, 1) and the
    ///   root mean square of the target's activation where it is on
    /// @param share of what the target's activations are in sizes, how much comes from the source:
    ///   `along` by their mean
    /// @param through how much of the answer comes through it: its share of all `absolute` that end
    ///   at its target, times the same of the target
    public record Edge(
            String source,
            String target,
            Strength mean,
            Strength absolute,
            Strength along,
            double normalized,
            Strength share,
            double through) {}

    /// A node over all positions.
    ///
    /// @param name `embedding`, `SITE:INDEX` or `answer`
    /// @param on positions at which it is
    /// @param importance mean over them
    /// @param activation the root mean square over them
    /// @param explained the share of its activations that the edges that end at it explain: their
    ///   sum along the activation's sign by the sum of the activations' sizes; null of what goes in
    /// @param influence how much of the answer comes through it, of `Edge.through`
    public record Node(
            String name,
            long on,
            double importance,
            double activation,
            @Nullable Double explained,
            double influence) {}

    /// What was added up.
    ///
    /// @param sequences how many
    /// @param positions in them
    /// @param completeness how much the edges explain: the median over all subcomponents at all
    ///   positions, all in sizes, and the median over the ends
    /// @param nodes in the network's order, those that were on somewhere
    /// @param edges those through which most of the answer comes first
    /// @param found how many edges there are, with those left out
    public record Summary(
            long sequences,
            long positions,
            PromptGraph.Completeness completeness,
            List<Node> nodes,
            List<Edge> edges,
            int found) {
        /// Keeps its own lists.
        public Summary {
            nodes = List.copyOf(nodes);
            edges = List.copyOf(edges);
        }
    }

    /// What was added up.
    ///
    /// @param most so many edges at most
    public Summary summary(int most) {
        double[] into = new double[count];
        pairs.forEach((key, sums) -> into[(int) (key % count)] += sums[SIZE]);
        double[] influence = new double[count];
        influence[end()] = 1;
        // Edges lead to later nodes only, so that a target's influence is known before its
        // sources'.
        List<Map.Entry<Long, double[]>> backwards =
                pairs.entrySet().stream()
                        .sorted(
                                Comparator.comparingLong((Map.Entry<Long, double[]> each) ->
                                        -(each.getKey() % count)))
                        .toList();
        for (Map.Entry<Long, double[]> each : backwards) {
            influence[(int) (each.getKey() / count)] += through(each, influence, into);
        }
        List<Edge> edges = new ArrayList<>();
        for (Map.Entry<Long, double[]> each : backwards) {
            edges.add(edge(each, through(each, influence, into)));
        }
        edges.sort(
                Comparator.comparingDouble((Edge each) -> -each.through())
                        .thenComparing(Edge::source)
                        .thenComparing(Edge::target));
        List<Node> nodes = new ArrayList<>();
        for (int node = 0; node < count; node++) {
            if (on[node] > 0) {
                nodes.add(
                        new Node(
                                name(node),
                                (long) on[node],
                                importance[node] / on[node],
                                Math.sqrt(squares[node] / on[node]),
                                node == stream() ? null : explained[node] / sizes[node],
                                influence[node]));
            }
        }
        double all = sum(sizes, 1, end());
        return new Summary(
                sequences,
                positions,
                new PromptGraph.Completeness(
                        middle(shares),
                        all == 0 ? Double.NaN : 1 - sum(missing, 1, end()) / all,
                        middle(ends)),
                nodes,
                edges.subList(0, Math.min(most, edges.size())),
                edges.size());
    }

    private static double sum(double[] numbers, int from, int to) {
        return Arrays.stream(numbers, from, to).sum();
    }

    private double through(Map.Entry<Long, double[]> each, double[] influence, double[] into) {
        int target = (int) (each.getKey() % count);
        return into[target] == 0 ? 0 : influence[target] * each.getValue()[SIZE] / into[target];
    }

    private Edge edge(Map.Entry<Long, double[]> each, double through) {
        int source = (int) (each.getKey() / count);
        int target = (int) (each.getKey() % count);
        double[] sums = each.getValue();
        double size = Math.sqrt(squares[target] / on[target]);
        double mean = sums[SIGNED] / positions;
        double g = source == stream() ? 1 : importance[source] / positions;
        return new Edge(
                name(source),
                name(target),
                strength(sums, SIGNED, positions),
                strength(sums, SIZE, positions),
                strength(sums, ALONG, positions),
                mean / (g * size),
                strength(sums, ALONG, sizes[target]),
                through);
    }

    private Strength strength(double[] sums, int kind, double by) {
        double squared = 0;
        for (int draw = 0; draw < draws; draw++) {
            squared += Math.pow(sums[BY_CHANCE + kind * draws + draw], 2) / draws;
        }
        return new Strength(sums[kind] / by, draws == 0 ? null : Math.sqrt(squared) / by);
    }

    private String name(int node) {
        if (node == stream()) {
            return "embedding";
        }
        if (node == end()) {
            return "answer";
        }
        int site = sites.size() - 1;
        while (offsets[site] > node) {
            site--;
        }
        return sites.get(site) + ":" + (node - offsets[site]);
    }

    private static double middle(List<Double> all) {
        return PromptGraph.middle(
                all.stream()
                        .filter(share -> !Double.isNaN(share))
                        .mapToDouble(share -> share)
                        .toArray());
    }
}
