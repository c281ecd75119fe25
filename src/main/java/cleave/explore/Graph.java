package cleave.explore;

import cleave.analysis.PromptAttribution;
import cleave.analysis.PromptRun;
import cleave.attribution.Attribution;
import cleave.attribution.PromptGraph;
import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Node;
import cleave.model.Held;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// What works on what in a text, as the page draws it: nodes and edges by columns.
///
/// @param tokens of the text
/// @param sites in the order of the network
/// @param answer the token that is asked about
/// @param probability of it
/// @param completeness how much the edges explain
/// @param found how many edges there are, with those left out
/// @param kind of each node: `embedding`, `subcomponent` or `output`
/// @param name of each node
/// @param site of each node by place in `sites`; -1 of an embedding, their number of the output
/// @param source place of the node that each edge starts from
/// @param target place of the node that each edge ends at
/// @param through how much of the answer comes through each edge
record Graph(
        List<String> tokens,
        List<String> sites,
        PromptAttribution.Token answer,
        double probability,
        PromptGraph.Completeness completeness,
        int found,
        List<String> kind,
        List<String> name,
        int[] site,
        int[] position,
        double[] activation,
        double[] importance,
        double[] explained,
        double[] influence,
        int[] source,
        int[] target,
        double[] value,
        double[] chance,
        double[] through) {

    private static final int RANDOM = 4;
    private static final int MOST_EDGES = 50_000;
    private static final Attribution.Settings SETTINGS =
            new Attribution.Settings(
                    0, Attribution.Base.IMPORTANCE, Held.NORMS, RANDOM, MOST_EDGES);

    /// A graph with what it was made from, so that it can be written as it is.
    ///
    /// @param graph as the page is told it
    /// @param model what the target is called
    record Found(@JsonValue Graph graph, PromptAttribution attribution, String model) {

        /// The same as a file of circuit-tracer's.
        ///
        /// @param labels of subcomponents by name
        SequencedMap<String, Object> tracer(
                Map<String, String> labels, PromptAttribution.Marks marks) {
            return attribution.tracer("graph", model, labels, marks);
        }
    }

    /// The graph of a text.
    ///
    /// @param answer the token that is asked about, as text; null for the most probable
    /// @throws cleave.config.UserError when the run refuses the text or the answer
    static Found of(PromptRun run, String text, @Nullable String answer, Jobs.Watch watch) {
        PromptAttribution found = attribution(run, text, answer, watch);
        return new Found(of(found), found, run.loaded().targetName());
    }

    private static Graph of(PromptAttribution found) {
        List<Node> nodes = found.graph().nodes();
        List<Edge> edges = found.graph().edges();
        return new Graph(
                found.tokens(),
                found.sites(),
                found.answer(),
                found.probability(),
                found.graph().completeness(),
                found.graph().found(),
                nodes.stream().map(node -> node.kind().name().toLowerCase(Locale.ROOT)).toList(),
                nodes.stream().map(found::name).toList(),
                nodes.stream().mapToInt(node -> row(found, node)).toArray(),
                nodes.stream().mapToInt(Node::position).toArray(),
                nodes.stream().mapToDouble(Node::activation).map(Graph::brief).toArray(),
                nodes.stream().mapToDouble(Node::importance).map(Graph::brief).toArray(),
                nodes.stream().mapToDouble(Node::explained).map(Graph::brief).toArray(),
                nodes.stream().mapToDouble(Node::influence).map(Graph::brief).toArray(),
                edges.stream().mapToInt(Edge::source).toArray(),
                edges.stream().mapToInt(Edge::target).toArray(),
                edges.stream().mapToDouble(Edge::value).map(Graph::brief).toArray(),
                edges.stream().mapToDouble(Edge::chance).map(Graph::brief).toArray(),
                edges.stream().mapToDouble(Edge::through).map(Graph::brief).toArray());
    }

    private static PromptAttribution attribution(
            PromptRun run, String text, @Nullable String answer, Jobs.Watch watch) {
        watch.step(0.1, "following what works on what");
        return PromptAttribution.of(
                run,
                text,
                answer,
                null,
                SETTINGS,
                share -> watch.step(0.1 + 0.9 * share, "following what works on what"));
    }

    private static int row(PromptAttribution found, Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> -1;
            case SUBCOMPONENT -> found.sites().indexOf(node.site());
            case OUTPUT -> found.sites().size();
        };
    }

    /// Four digits.
    private static double brief(double number) {
        if (number == 0 || !Double.isFinite(number)) {
            return 0;
        }
        double scale = Math.pow(10, 3 - Math.floor(Math.log10(Math.abs(number))));
        return Math.round(number * scale) / scale;
    }
}
