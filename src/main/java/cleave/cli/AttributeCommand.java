package cleave.cli;

import cleave.analysis.PromptAttribution;
import cleave.analysis.PromptAttribution.Marks;
import cleave.analysis.PromptRun;
import cleave.attribution.Attribution;
import cleave.attribution.EdgeSums;
import cleave.attribution.PromptGraph;
import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Kind;
import cleave.attribution.PromptGraph.Node;
import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.command.RankOptions;
import cleave.command.ShareLine;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.harvest.DataAttribution;
import cleave.model.Held;
import cleave.ranks.Exchange;
import cleave.run.LoadedRun;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/// `cleave attribute`: what works on what while a prompt or a text is read, and on what comes next.
@Command(
        name = "attribute",
        description =
                "Show which subcomponents work on which while a prompt is read, and on its answer,"
                        + " or over a text.")
final class AttributeCommand implements Callable<Integer> {
    private static final int MOST_RANDOM = 1000; // each is a row beside the readers
    private static final double CHANCES = 2; // an edge below so many times chance is not shown

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run = Path.of("");

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            description =
                    "The text, or token numbers where the model has no tokenizer. Or else --text or"
                            + " --data.")
    private @Nullable String prompt;

    @Option(
            names = "--answer",
            paramLabel = "TOKEN",
            description = "The token after it that is asked about. Default: the most probable.")
    private @Nullable String answer;

    @Option(
            names = "--data",
            description =
                    "Add up over the run's own task, or over --text, and ask about the most"
                            + " probable token after each row.")
    private boolean data;

    @Mixin private final AskedText text = new AskedText();

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
            names = "--out",
            paramLabel = "FILE",
            description =
                    "With --data or --text: also write what was found, such as"
                            + " RUN/harvest/attribution.json (docs/appendix/analysis-of-data.md).")
    private @Nullable Path out;

    @Option(
            names = "--graph",
            paramLabel = "FILE",
            description = "Write the graph as JSON for viewers (docs/explore.md).")
    private @Nullable Path graph;

    @Mixin private final RankOptions ranks = new RankOptions();

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    ///
    /// @param ids the prompt's tokens
    /// @param tokens the same as text
    /// @param answer the token that is asked about
    /// @param against the token it is compared with; null for none
    /// @param probability of the answer, as the target says it
    /// @param ownProbability the same in the pass that was differentiated
    /// @param masks of that pass: importance or ones
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
            double ownProbability,
            String masks,
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

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        Attribution.Settings settings = settings();
        if (prompt == null) {
            overText(settings);
            return 0;
        }
        try (PromptRun opened = PromptRun.open(run);
                ShareLine line = new ShareLine(json.progress(), "attribute")) {
            PromptAttribution found =
                    PromptAttribution.of(opened, prompt, answer, against, settings, line);
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

    private void overText(Attribution.Settings settings) throws IOException {
        Optional<DataAttribution> asked;
        try (LoadedRun loaded = LoadedRun.open(run)) {
            asked =
                    ranks.run(
                            Main.class,
                            () -> {}, // the run has loaded libtorch
                            "the same command begins again, with any number of ranks",
                            exchange -> overText(loaded, settings, exchange));
        }
        if (asked.isEmpty()) {
            return;
        }
        DataAttribution found = asked.get();
        if (out != null) {
            found.write(out);
        }
        if (json.enabled()) {
            json.print(found);
        } else {
            json.text().print(text(found.summary()));
        }
    }

    /// What was found, on the rank that says so.
    private Optional<DataAttribution> overText(
            LoadedRun loaded, Attribution.Settings settings, Exchange exchange) throws IOException {
        if (!exchange.writes()) {
            DataAttribution.of(loaded, text.choice(), settings, exchange, _ -> {});
            return Optional.empty();
        }
        long all = text.choice().tokens() / exchange.size();
        try (LiveLine line =
                new LiveLine(command.commandLine().getErr(), "attribute", "token", 0, all)) {
            return Optional.of(
                    DataAttribution.of(
                            loaded,
                            text.choice(),
                            settings,
                            exchange,
                            done -> line.show(done, "%d tokens".formatted(done))));
        }
    }

    /// What was asked for together that does not go together.
    private List<String> problemsOfText() {
        boolean overText = data || !text.choice().text().isEmpty();
        List<String> problems = new ArrayList<>();
        if (overText == (prompt != null)) {
            problems.add(
                    "either --prompt, or --text or --data must be given, got "
                            + (overText ? "both" : "neither"));
        }
        if (overText) {
            problems.addAll(text.choice().problems());
            Map<String, @Nullable Object> others = new TreeMap<>();
            others.put("--answer", answer);
            others.put("--against", against);
            others.put("--graph", graph);
            others.forEach((name, given) -> {
                if (given != null) {
                    problems.add("%s must come with --prompt, got %s".formatted(name, given));
                }
            });
        } else {
            if (out != null) {
                problems.add("--out must come with --text or --data, got " + out);
            }
            if (ranks.size() > 1) {
                problems.add(
                        "ranks must come with --text or --data, got %d".formatted(ranks.size()));
            }
        }
        if (out != null && Files.isDirectory(out)) {
            problems.add("--out must be a file, got a folder (%s)".formatted(out));
        }
        return problems;
    }

    private Attribution.Settings settings() {
        List<String> problems = problemsOfText();
        if (!(threshold >= 0 && threshold < 1)) {
            problems.add("--threshold must be >= 0 and < 1, got " + threshold);
        }
        for (Map.Entry<String, Integer> each :
                Map.of("--random", random, "--edges", edges, "--top", top).entrySet()) {
            if (each.getValue() < 0) {
                problems.add("%s must be >= 0, got %d".formatted(each.getKey(), each.getValue()));
            }
        }
        if (random > MOST_RANDOM) {
            problems.add("--random must be <= %d, got %d".formatted(MOST_RANDOM, random));
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
                        .writeValueAsString(found.tracer(slug, model, Map.of(), Marks.NONE))
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
                found.ownProbability(),
                masks,
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
        %s after the prompt: probability %s; %sprobability %s, %s %.3f
        %d subcomponents at %d positions, %d edges

        %s
        %s
        Explained by edges: of the %s %s, of subcomponents' activations %s (median), %s over all
        """
                .formatted(
                        "\"" + found.answer().text() + "\"",
                        Tables.percent(found.probability()),
                        masks.equals("importance")
                                ? "under importance masks "
                                : "under masks of 1 ",
                        Tables.percent(found.ownProbability()),
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

    private String text(EdgeSums.Summary found) {
        Tables nodes =
                new Tables(
                        List.of(
                                "node",
                                "positions",
                                "importance",
                                "activation",
                                "explained",
                                "influence"));
        found.nodes().stream()
                .filter(node -> !node.name().equals("answer"))
                .sorted(Comparator.comparingDouble(node -> -node.influence()))
                .limit(top)
                .forEach(node ->
                        nodes.row(
                                List.of(
                                        node.name(),
                                        Long.toString(node.on()),
                                        Tables.mean(node.importance()),
                                        "%.3g".formatted(node.activation()),
                                        node.explained() == null ? "-" : percent(node.explained()),
                                        Tables.percent(node.influence()))));
        Tables edgeTable =
                new Tables(
                        List.of(
                                "edge",
                                "mean",
                                "chance",
                                "absolute",
                                "chance",
                                "of its end",
                                "chance"));
        found.edges().stream()
                .filter(edge -> !(edge.absolute().value() < CHANCES * chance(edge.absolute())))
                .limit(top)
                .forEach(edge ->
                        edgeTable.row(
                                List.of(
                                        edge.source() + " > " + edge.target(),
                                        "%+.2g".formatted(edge.mean().value()),
                                        chanceText(edge.mean()),
                                        "%.2g".formatted(edge.absolute().value()),
                                        chanceText(edge.absolute()),
                                        percent(edge.share().value()),
                                        percent(chance(edge.share())))));
        PromptGraph.Completeness explained = found.completeness();
        return """
        %d rows of %d tokens, %d edges

        %s
        %s
        Explained by edges: of the answers' logits %s (median),
        of subcomponents' activations %s (median), %s over all
        """
                .formatted(
                        found.sequences(),
                        found.positions(),
                        found.found(),
                        nodes,
                        edgeTable,
                        percent(explained.output()),
                        percent(explained.middle()),
                        percent(explained.overall()));
    }

    private static double chance(EdgeSums.Strength strength) {
        Double chance = strength.chance();
        return chance == null ? Double.NaN : chance;
    }

    private static String chanceText(EdgeSums.Strength strength) {
        Double chance = strength.chance();
        return chance == null ? "-" : "%.1g".formatted(chance);
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
