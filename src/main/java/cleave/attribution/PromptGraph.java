package cleave.attribution;

import java.util.Arrays;
import java.util.List;

/// What works on what in one sequence: the subcomponents that are active at its positions, what
/// goes in and the end that is asked about, and how strongly each works on those after it.
///
/// @param nodes in the order of the network: what goes in at each position, the active
///   subcomponents site by site, and the end last
/// @param edges those through which most of the end comes first; one that is left out is counted in
///   `Node.explained` all the same
/// @param found how many edges there are, with those left out
public record PromptGraph(List<Node> nodes, List<Edge> edges, int found) {

    /// Keeps its own lists.
    public PromptGraph {
        nodes = List.copyOf(nodes);
        edges = List.copyOf(edges);
    }

    /// What a node is.
    public enum Kind {
        /// The residual stream at a position where the first decomposed block begins; that is the
        /// embedding of the token where it is the first block.
        EMBEDDING,
        /// A subcomponent at a position where it is active.
        SUBCOMPONENT,
        /// The number that is asked about.
        OUTPUT
    }

    /// A node.
    ///
    /// @param kind what it is
    /// @param site the site of a subcomponent; empty otherwise
    /// @param index of the subcomponent among those there were before any was merged; otherwise 0
    /// @param position in the sequence
    /// @param activation `V_c x` of a subcomponent, the number of an end, the length of an
    ///   embedding
    /// @param importance g of a subcomponent, 1 otherwise
    /// @param explained the sum of all edges that end here; of an embedding 0; of a subcomponent of
    ///   the token embedding its activation, which the token alone makes
    /// @param influence how much of the end comes through here: 1 for the end, and for each other
    ///   node the sum over what it works on of that node's influence, times the edge's share of the
    ///   sizes of all edges that end there
    public record Node(
            Kind kind,
            String site,
            int index,
            int position,
            double activation,
            double importance,
            double explained,
            double influence) {

        /// The share of the activation that the edges that end here explain; NaN where there is
        /// nothing to explain.
        public double share() {
            return kind == Kind.EMBEDDING || activation == 0 ? Double.NaN : explained / activation;
        }
    }

    /// How strongly a node works on a later one: the derivative of the activation of the one by
    /// that of the other, by no way through a third subcomponent, times the activation and the
    /// importance of the one it starts from. It is the part of the later activation that goes with
    /// the earlier one.
    ///
    /// @param source place of the node it starts from
    /// @param target place of the node it ends at
    /// @param value in units of the target's activation
    /// @param chance the root mean square of the same for random readers in place of the target:
    ///   vectors of its length in random directions, or random tokens; NaN where none were drawn
    /// @param through how much of the end comes through it: its share of the sizes of all edges
    ///   that end at its target, those that were left out among them, times the target's influence
    public record Edge(int source, int target, double value, double chance, double through) {
        Edge through(double share) {
            return new Edge(source, target, value, chance, share);
        }
    }

    /// How much the edges explain.
    ///
    /// @param middle the median over the subcomponents of the share of the activation that is
    ///   explained
    /// @param overall 1 less the sum of all that is not explained by the sum of all activations, in
    ///   sizes; 1 where everything is explained, 0 or less where nothing is
    /// @param output the share of the end that is explained
    public record Completeness(double middle, double overall, double output) {}

    /// How much the edges explain; NaN where there is nothing to explain.
    public Completeness completeness() {
        List<Node> inner = nodes.stream().filter(node -> node.kind() == Kind.SUBCOMPONENT).toList();
        double middle =
                middle(
                        inner.stream()
                                .mapToDouble(Node::share)
                                .filter(share -> !Double.isNaN(share))
                                .toArray());
        double all = inner.stream().mapToDouble(node -> Math.abs(node.activation())).sum();
        double left =
                inner.stream()
                        .mapToDouble(node -> Math.abs(node.activation() - node.explained()))
                        .sum();
        return new Completeness(
                middle, all == 0 ? Double.NaN : 1 - left / all, nodes.getLast().share());
    }

    /// The median; NaN of nothing.
    static double middle(double... numbers) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        int half = sorted.length / 2;
        return sorted.length == 0
                ? Double.NaN
                : sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }
}
