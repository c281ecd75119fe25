package cleave.explore;

import cleave.analysis.PromptAttribution;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The work that a request for a job asks for, once all that is in the request has been checked.
final class Works {
    private static final int LONGEST_PROMPT = 100_000; // characters
    private static final int MOST_ELEMENTS = 10_000; // of a list
    private static final int MOST_SCALE = 100;
    private static final int MOST_WRITTEN = 200; // tokens
    private static final int LONGEST_NAME = 1000; // characters, of a group

    private final Map<String, RunView> runs;
    private final Models models;
    private final Jobs jobs;

    /// Work on some runs.
    ///
    /// @param runs by their names in addresses
    /// @param jobs of which graphs are taken
    Works(Map<String, RunView> runs, Models models, Jobs jobs) {
        this.runs = runs;
        this.models = models;
        this.jobs = jobs;
    }

    /// What a request for a job asks for.
    ///
    /// @param run that it is asked of
    /// @throws Problem when it asks for nothing that there is
    Jobs.Work of(RunView run, JsonNode body) {
        String kind = body.path("kind").asString("");
        return switch (kind) {
            case "tracer" -> tracer(body);
            case "compare" -> comparison(run, body.path("with").asString(""));
            default -> onText(run, kind, body);
        };
    }

    private static void requireModel(RunView run) {
        if (!run.canRun()) {
            throw new Problem(409, "the run has no checkpoint to load");
        }
    }

    private Jobs.Work comparison(RunView run, String with) {
        requireModel(run);
        RunView other = runs.get(with);
        if (other == null) {
            throw new Problem(422, "with must be another run of this page");
        }
        requireModel(other);
        return watch -> Match.of(models, run.path(), other.path(), watch);
    }

    /// A graph that was drawn, as a file; it needs no model.
    private Jobs.Work tracer(JsonNode body) {
        Jobs.View job = jobs.view(body.path("graph").asLong(-1)).orElse(null);
        if (job == null || !(job.result() instanceof Graph.Found graph)) {
            throw new Problem(404, "there is no such graph any more; draw it again");
        }
        int nodes = graph.attribution().graph().nodes().size();
        Map<String, String> labels = labels(body.path("labels"));
        int chosen = body.path("chosen").asInt(-1);
        List<PromptAttribution.Group> groups = new ArrayList<>();
        for (JsonNode each : elements(body.path("groups"))) {
            String name = each.path("name").asString("");
            if (name.length() > LONGEST_NAME) {
                throw new Problem(
                        422, "name must have at most %d characters".formatted(LONGEST_NAME));
            }
            groups.add(new PromptAttribution.Group(name, places(each.path("nodes"), nodes)));
        }
        PromptAttribution.Marks marks =
                new PromptAttribution.Marks(
                        chosen < nodes ? Math.max(-1, chosen) : -1,
                        places(body.path("pinned"), nodes),
                        groups);
        return _ -> graph.tracer(labels, marks);
    }

    private static List<Integer> places(JsonNode list, int nodes) {
        List<Integer> places = numbers(list);
        if (places.stream().anyMatch(place -> place < 0 || place >= nodes)) {
            throw new Problem(422, "nodes must be in 0..%d".formatted(nodes - 1));
        }
        return places;
    }

    private Jobs.Work onText(RunView run, String kind, JsonNode body) {
        requireModel(run);
        String text = body.path("text").asString("");
        if (text.isEmpty() || text.length() > LONGEST_PROMPT) {
            throw new Problem(422, "text must have 1 to %d characters".formatted(LONGEST_PROMPT));
        }
        Path path = run.path();
        return switch (kind) {
            case "prompt" -> watch -> Prompt.of(models.run(path, watch), text, watch);
            case "intervention" -> {
                Intervention.Change change = change(body);
                int position = body.path("position").asInt(-1);
                yield watch ->
                        Intervention.of(models.run(path, watch), text, change, position, watch);
            }
            case "generation" -> {
                Intervention.Change change = change(body);
                int count = Math.clamp(body.path("tokens").asInt(0), 0, MOST_WRITTEN);
                yield watch ->
                        Intervention.written(models.run(path, watch), text, change, count, watch);
            }
            case "graph" -> {
                String answer = answer(body);
                yield watch -> Graph.of(models.run(path, watch), text, answer, watch);
            }
            default ->
                    throw new Problem(
                            422,
                            "kind must be prompt, intervention, generation, graph, tracer or compare");
        };
    }

    private static Intervention.Change change(JsonNode body) {
        double scale = body.path("scale").asDouble(0);
        if (!(Math.abs(scale) <= MOST_SCALE)) {
            throw new Problem(422, "scale must be in -%d..%d".formatted(MOST_SCALE, MOST_SCALE));
        }
        boolean alone = body.path("alone").asBoolean(false);
        return new Intervention.Change(
                texts(body.path("off")),
                alone ? 1 : scale,
                alone ? 0 : 1,
                numbers(body.path("positions")));
    }

    private static @Nullable String answer(JsonNode body) {
        String answer = body.path("answer").asString("");
        if (answer.length() > LONGEST_PROMPT) {
            throw new Problem(
                    422, "answer must have at most %d characters".formatted(LONGEST_PROMPT));
        }
        return answer.isEmpty() ? null : answer;
    }

    private static Map<String, String> labels(JsonNode node) {
        if (node.size() > MOST_ELEMENTS || !(node.isObject() || node.isMissingNode())) {
            throw new Problem(
                    422, "labels must be at most %d texts by name".formatted(MOST_ELEMENTS));
        }
        Map<String, String> labels = new HashMap<>();
        node.properties().forEach(each -> labels.put(each.getKey(), each.getValue().asString("")));
        return labels;
    }

    private static List<String> texts(JsonNode list) {
        List<String> texts = new ArrayList<>();
        for (JsonNode each : elements(list)) {
            if (!each.isString()) {
                throw new Problem(422, "off must be a list of names");
            }
            texts.add(each.stringValue());
        }
        return texts;
    }

    private static List<Integer> numbers(JsonNode list) {
        List<Integer> numbers = new ArrayList<>();
        for (JsonNode each : elements(list)) {
            if (!each.isInt()) {
                throw new Problem(422, "positions must be a list of numbers");
            }
            numbers.add(each.intValue());
        }
        return numbers;
    }

    private static JsonNode elements(JsonNode list) {
        if (list.size() > MOST_ELEMENTS || !(list.isArray() || list.isMissingNode())) {
            throw new Problem(422, "lists must have at most %d elements".formatted(MOST_ELEMENTS));
        }
        return list;
    }
}
