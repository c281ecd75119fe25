package cleave.analysis;

import cleave.attribution.Attribution;
import cleave.attribution.PromptGraph;
import cleave.attribution.PromptGraph.Edge;
import cleave.attribution.PromptGraph.Node;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.DoubleConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What works on what while a run's target reads a prompt, and on its answer.
///
/// @param prompt as it was given
/// @param ids the prompt's tokens
/// @param tokens the same as text
/// @param sites the decomposed sites in the network's order
/// @param answer the token that is asked about
/// @param against the token that it is compared with; null where it is asked about alone
/// @param probability of the answer after the prompt, as the target says it
/// @param ownProbability the same in the pass that was differentiated, whose logit is the graph's
///   end
/// @param graph what works on what; its end is the answer's logit, less that of `against`
public record PromptAttribution(
        String prompt,
        List<Integer> ids,
        List<String> tokens,
        List<String> sites,
        Token answer,
        @Nullable Token against,
        double probability,
        double ownProbability,
        PromptGraph graph) {

    /// A token.
    public record Token(int id, String text) {}

    /// Attributes what comes after the last token of a prompt.
    ///
    /// @param prompt the text, or token numbers where the model has no tokenizer
    /// @param answer the token that is asked about, as text; null for the most probable one
    /// @param against the token it is compared with, as text; null for none
    /// @param progress told now and then which share is done
    /// @throws UserError when the run refuses the text, or an answer is not one token
    public static PromptAttribution of(
            PromptRun run,
            String prompt,
            @Nullable String answer,
            @Nullable String against,
            Attribution.Settings settings,
            DoubleConsumer progress) {
        int[] ids = run.tokens(prompt);
        Integer wanted = answer == null ? null : run.answer(prompt, answer);
        Integer other = against == null ? null : run.answer(prompt, against);
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Decomposition decomposition = run.loaded().decomposition();
                    Batch batch = PromptRun.batch(ids);
                    Clean clean = decomposition.target().clean(batch);
                    List<Tensor> lower = Importances.of(decomposition, clean, batch);
                    int last = ids.length - 1;
                    Tensor logits = clean.outputs().select(0, 0).select(0, last).contiguous();
                    int token = wanted == null ? (int) Tensors.number(logits.argmax()) : wanted;
                    double[] weights = new double[(int) logits.numel()];
                    weights[token] = 1;
                    if (other != null) {
                        if (other == token) {
                            throw new UserError(
                                    "answer must be another token than what it is compared with, got %s twice"
                                            .formatted(run.text(token)));
                        }
                        weights[other] = -1;
                    }
                    PromptGraph graph =
                            Attribution.of(
                                    decomposition,
                                    batch,
                                    clean,
                                    lower,
                                    new Attribution.End(last, weights),
                                    settings,
                                    progress);
                    Tensor own =
                            settings.base() == Attribution.Base.TARGET
                                    ? logits
                                    : masked(decomposition, batch, clean, lower)
                                            .select(0, 0)
                                            .select(0, last)
                                            .contiguous();
                    return new PromptAttribution(
                            prompt,
                            Arrays.stream(ids).boxed().toList(),
                            Arrays.stream(ids).mapToObj(run::text).toList(),
                            decomposition.sites().stream().map(DecomposedSite::name).toList(),
                            new Token(token, run.text(token)),
                            other == null ? null : new Token(other, run.text(other)),
                            Tensors.toDoubles(Tensors.softmax(logits))[token],
                            Tensors.toDoubles(Tensors.softmax(own))[token],
                            graph);
                }));
    }

    /// The outputs `[1, T, d_output]` under masks equal to the importances, with nothing of
    /// remainder and weight delta.
    private static Tensor masked(
            Decomposition decomposition, Batch batch, Clean clean, List<Tensor> lower) {
        return new MaskedForward(decomposition, batch, clean, lower, WeightDelta.NONE)
                .pass(new Masking.Importance())
                .outputs();
    }

    /// What a node is called: `SITE:INDEX`, `embedding`, or the answer.
    public String name(Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> "embedding";
            case SUBCOMPONENT -> node.site() + ":" + node.index();
            case OUTPUT -> against == null ? answer.text() : answer.text() + " -" + against.text();
        };
    }

    /// Nodes that a viewer begins with, by their places in the graph.
    ///
    /// @param chosen the one that is looked at; -1 for none
    /// @param pinned those that stay in sight
    /// @param groups those that are shown as one
    public record Marks(int chosen, List<Integer> pinned, List<Group> groups) {
        /// No node.
        public static final Marks NONE = new Marks(-1, List.of(), List.of());

        /// Keeps its own lists.
        public Marks {
            pinned = List.copyOf(pinned);
            groups = List.copyOf(groups);
        }
    }

    /// Nodes under one name.
    public record Group(String name, List<Integer> nodes) {
        /// Keeps its own list.
        public Group {
            nodes = List.copyOf(nodes);
        }
    }

    /// The graph in the form of circuit-tracer's files, for its viewer and others that read them: a
    /// layer for each site, a feature for each subcomponent.
    ///
    /// @param slug what the graph is called there: letters, digits and dashes
    /// @param scan what the model is called there
    /// @param labels of subcomponents by `SITE:INDEX`
    /// @param marks what the viewer begins with
    public SequencedMap<String, Object> tracer(
            String slug, String scan, Map<String, String> labels, Marks marks) {
        SequencedMap<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("slug", slug);
        metadata.put("scan", scan);
        metadata.put("prompt_tokens", tokens);
        metadata.put("prompt", prompt);
        metadata.put("node_threshold", 1);
        metadata.put("schema_version", 1);
        SequencedMap<String, Object> view = new LinkedHashMap<>();
        view.put("linkType", "both");
        view.put("pinnedIds", marks.pinned().stream().map(this::tracerId).toList());
        view.put("clickedId", marks.chosen() < 0 ? "" : tracerId(marks.chosen()));
        view.put(
                "supernodes",
                marks.groups().stream()
                        .map(group ->
                                Stream.concat(
                                                Stream.of(group.name()),
                                                group.nodes().stream().map(this::tracerId))
                                        .toList())
                        .toList());
        view.put("sg_pos", "");
        List<Object> nodes = new ArrayList<>();
        for (Node node : graph.nodes()) {
            nodes.add(tracer(node, labels));
        }
        List<Object> links = new ArrayList<>();
        for (Edge edge : graph.edges()) {
            SequencedMap<String, Object> link = new LinkedHashMap<>();
            link.put("source", tracerId(edge.source()));
            link.put("target", tracerId(edge.target()));
            link.put("weight", edge.value());
            links.add(link);
        }
        SequencedMap<String, Object> file = new LinkedHashMap<>();
        file.put("metadata", metadata);
        file.put("qParams", view);
        file.put("nodes", nodes);
        file.put("links", links);
        return file;
    }

    private SequencedMap<String, Object> tracer(Node node, Map<String, String> labels) {
        String name = name(node);
        SequencedMap<String, Object> made = new LinkedHashMap<>();
        made.put("node_id", tracerId(node));
        made.put("jsNodeId", tracerId(node) + "-0");
        made.put("feature", feature(node));
        made.put("layer", layer(node));
        made.put("ctx_idx", node.position());
        made.put("reverse_ctx_idx", 0);
        made.put("run_idx", 0);
        made.put(
                "feature_type",
                switch (node.kind()) {
                    case EMBEDDING -> "embedding";
                    case SUBCOMPONENT -> "cross layer transcoder";
                    case OUTPUT -> "logit";
                });
        made.put("token_prob", node.kind() == PromptGraph.Kind.OUTPUT ? ownProbability : 0.0);
        made.put("is_target_logit", node.kind() == PromptGraph.Kind.OUTPUT);
        made.put(
                "clerp",
                switch (node.kind()) {
                    case EMBEDDING -> "Emb: \"%s\"".formatted(tokens.get(node.position()));
                    case SUBCOMPONENT -> {
                        String label = labels.get(name);
                        yield label == null ? name : name + " " + label;
                    }
                    case OUTPUT ->
                            "Output \"%s\" (p=%s)"
                                    .formatted(name, Math.round(ownProbability * 1000) / 1000.0);
                });
        made.put("influence", node.influence());
        made.put("activation", node.activation());
        return made;
    }

    private int feature(Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> ids.get(node.position());
            case SUBCOMPONENT -> node.index();
            case OUTPUT -> answer.id();
        };
    }

    private String layer(Node node) {
        return switch (node.kind()) {
            case EMBEDDING -> "E";
            case SUBCOMPONENT -> Integer.toString(sites.indexOf(node.site()));
            case OUTPUT -> Integer.toString(sites.size());
        };
    }

    private String tracerId(int node) {
        return tracerId(graph.nodes().get(node));
    }

    private String tracerId(Node node) {
        return "%s_%d_%d".formatted(layer(node), feature(node), node.position());
    }
}
