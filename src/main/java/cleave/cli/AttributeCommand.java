package cleave.cli;

import cleave.analysis.PromptAttribution;
import cleave.analysis.PromptRun;
import cleave.attribution.Attribution;
import cleave.attribution.PromptGraph;
import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Kind;
import cleave.attribution.PromptGraph.Node;
import cleave.command.JsonOutput;
import cleave.command.ShareLine;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.model.Held;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/// `cleave attribute`: what works on what while a prompt is read, and on its answer.
@Command(
        name = "attribute",
        description =
                "Show which subcomponents work on which while a prompt is read, and on its answer.")
final class AttributeCommand implements Callable<Integer> {
    private static final double CHANCES = 2; // an edge below so many times chance is not shown

    @Mixin private final AskedPrompt asked = new AskedPrompt();

    @Option(
            names = "--against",
            paramLabel = "TOKEN",
            description = "Ask about the difference of the answer's logit and this token's.")
    private @Nullable String against;

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "0",
            description =
                    "Show subcomponents where their importance is above it. Default:"
                            + " ${DEFAULT-VALUE}.")
    private double threshold;

    @Option(
            names = "--masks",
            paramLabel = "MASKS",
            defaultValue = "importance",
            description =
                    "What is differentiated: the network under masks equal to the importance, with"
                            + " nothing of the weight delta, or of ones, as the target is. Default:"
                            + " ${DEFAULT-VALUE}.")
    private String masks = "importance";

    @Option(
            names = "--hold",
            paramLabel = "WHAT",
            defaultValue = "norms",
            description =
                    "What is a constant when the network is differentiated: nothing, norms (what"
                            + " they divide by), or attention (its patterns too). Default:"
                            + " ${DEFAULT-VALUE}.")
    private String hold = "norms";

    @Option(
            names = "--random",
            paramLabel = "N",
            defaultValue = "8",
            description =
                    "Random readers that each strength is compared with; 0 leaves that out."
                            + " Default: ${DEFAULT-VALUE}.")
    private int random;

    @Option(
            names = "--edges",
            paramLabel = "N",
            defaultValue = "50000",
            description =
                    "Keep the N edges through which most of the answer comes. Default:"
                            + " ${DEFAULT-VALUE}.")
    private int edges;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "20",
            description = "Nodes and edges to print. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(
            names = "--graph",
            paramLabel = "FILE",
            description = "Write the graph as JSON for viewers (docs/explore.md).")
    private @Nullable Path graph;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    ///
    /// @param ids the prompt's tokens
    /// @param tokens the same as text
    /// @param answer the token that is asked about
    /// @param against the token it is compared with; null for none
    /// @param probability of the answer
    /// @param held what was constant
    /// @param completeness how much the edges explain
    /// @param nodes in the order of the network
    /// @param edges by the places of nodes
    /// @param found how many edges there are, with those left out
    private record Result(
            List<Integer> ids,
            List<String> tokens,
            PromptAttribution.Token answer,
            PromptAttribution.@Nullable Token against,
            double probability,
            String held,
            PromptGraph.Completeness completeness,
            List<NodeLine> nodes,
            List<Edge> edges,
            int found) {}

    private record NodeLine(
            String kind,
            String name,
            int position,
            double activation,
            double importance,
            double explained,
            double influence) {}

    @Override
    public Integer call() throws IOException {
        Attribution.Settings settings = settings();
        try (PromptRun opened = PromptRun.open(asked.run());
                ShareLine line = new ShareLine(json.progress(), "attribute")) {
            PromptAttribution found =
                    PromptAttribution.of(
                            opened, asked.prompt(), asked.answer(), against, settings, line);
            if (graph != null) {
                write(found, opened.loaded().targetName(), graph);
            }
            if (json.enabled()) {
                json.print(result(found));
            } else {
                json.text().print(text(found));
            }
        }
        return 0;
    }

    private Attribution.Settings settings() {
        List<String> problems = new ArrayList<>();
        if (!(threshold >= 0 && threshold < 1)) {
            problems.add("--threshold must be >= 0 and < 1, got " + threshold);
        }
        for (Map.Entry<String, Integer> each :
                Map.of("--random", random, "--edges", edges, "--top", top).entrySet()) {
            if (each.getValue() < 0) {
                problems.add("%s must be >= 0, got %d".formatted(each.getKey(), each.getValue()));
            }
        }
        Attribution.Base base =
                switch (masks) {
                    case "importance" -> Attribution.Base.IMPORTANCE;
                    case "ones" -> Attribution.Base.TARGET;
                    default -> {
                        problems.add("--masks must be importance or ones, got " + masks);
                        yield Attribution.Base.TARGET;
                    }
                };
        Held held =
                switch (hold) {
                    case "nothing" -> Held.NOTHING;
                    case "norms" -> Held.NORMS;
                    case "attention" -> Held.NORMS_AND_ATTENTION;
                    default -> {
                        problems.add("--hold must be nothing, norms or attention, got " + hold);
                        yield Held.NOTHING;
                    }
                };
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems.stream().sorted().toList()));
        }
        return new Attribution.Settings(threshold, base, held, random, edges);
    }

    private static void write(PromptAttribution found, String model, Path file) throws IOException {
        Path name = file.getFileName();
        String slug =
                (name == null ? "graph" : name.toString())
                        .replaceFirst("\\.json$", "")
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^a-z0-9]+", "-");
        byte[] bytes =
                new JsonMapper()
                        .writeValueAsString(found.tracer(slug, model, Map.of()))
                        .getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(file, bytes);
    }

    private Result result(PromptAttribution found) {
        return new Result(
                found.ids(),
                found.tokens(),
                found.answer(),
                found.against(),
                found.probability(),
                hold,
                found.graph().completeness(),
                found.graph().nodes().stream()
                        .map(node ->
                                new NodeLine(
                                        node.kind().name().toLowerCase(Locale.ROOT),
                                        found.name(node),
                                        node.position(),
                                        node.activation(),
                                        node.importance(),
                                        node.explained(),
                                        node.influence()))
                        .toList(),
                found.graph().edges(),
                found.graph().found());
    }

    private String text(PromptAttribution found) {
        PromptGraph all = found.graph();
        Tables nodes =
                new Tables(
                        List.of(
                                "node",
                                "position",
                                "token",
                                "importance",
                                "activation",
                                "explained",
                                "influence"));
        all.nodes().stream()
                .filter(node -> node.kind() != Kind.OUTPUT)
                .sorted(Comparator.comparingDouble(node -> -node.influence()))
                .limit(top)
                .forEach(node ->
                        nodes.row(
                                List.of(
                                        found.name(node),
                                        Integer.toString(node.position()),
                                        quoted(found, node),
                                        Tables.mean(node.importance()),
                                        "%.3g".formatted(node.activation()),
                                        percent(node.share()),
                                        Tables.percent(node.influence()))));
        Tables edgeTable = new Tables(List.of("edge", "strength", "by chance", "of its end"));
        all.edges().stream()
                .filter(edge -> !(Math.abs(edge.value()) < CHANCES * edge.chance()))
                .limit(top)
                .forEach(edge -> {
                    Node to = all.nodes().get(edge.target());
                    edgeTable.row(
                            List.of(
                                    "%s > %s"
                                            .formatted(
                                                    place(found, all.nodes().get(edge.source())),
                                                    place(found, to)),
                                    "%+.3g".formatted(edge.value()),
                                    Double.isNaN(edge.chance())
                                            ? "-"
                                            : "%.2g".formatted(edge.chance()),
                                    percent(edge.value() / to.activation())));
                });
        PromptGraph.Completeness explained = all.completeness();
        return """
        %s after the prompt: probability %s, %s %.3f
        %d subcomponents at %d positions, %d edges

        %s
        %s
        Explained by edges: of the %s %s, of subcomponents' activations %s (median), %s over all
        """
                .formatted(
                        "\"" + found.answer().text() + "\"",
                        Tables.percent(found.probability()),
                        found.against() == null
                                ? "logit"
                                : "logit above \"%s\"".formatted(found.against().text()),
                        all.nodes().getLast().activation(),
                        all.nodes().stream()
                                .filter(node -> node.kind() == Kind.SUBCOMPONENT)
                                .count(),
                        found.ids().size(),
                        all.found(),
                        nodes,
                        edgeTable,
                        found.against() == null ? "logit" : "difference",
                        percent(explained.output()),
                        percent(explained.middle()),
                        percent(explained.overall()));
    }

    private static String quoted(PromptAttribution found, Node node) {
        return "\"%s\"".formatted(found.tokens().get(node.position()));
    }

    private static String place(PromptAttribution found, Node node) {
        return node.kind() == Kind.OUTPUT
                ? "\"%s\"".formatted(found.name(node))
                : "%s@%d".formatted(found.name(node), node.position());
    }

    private static String percent(double share) {
        return Double.isNaN(share) ? "-" : "%.0f %%".formatted(100 * share);
    }
}
