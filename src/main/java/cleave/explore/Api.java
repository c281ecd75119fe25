package cleave.explore;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/// What the page asks for: the runs, what is told of each, and the jobs. It reads the runs and
/// harvests it was given and nothing else, and writes nothing.
final class Api implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Api.class);

    private final Map<String, RunView> runs = new HashMap<>();
    private final List<RunView> ordered = new ArrayList<>();
    private final Models models = new Models();
    private final Jobs jobs =
            new Jobs(work -> {
                Thread thread = new Thread(work, "cleave-explore-model");
                thread.setDaemon(true);
                return thread;
            });
    private final Works works = new Works(runs, models, jobs);

    /// A request that may ask.
    ///
    /// @param parts of the path after `/api/`
    /// @param query decoded
    record Request(String method, String[] parts, Map<String, String> query, InputStream body) {}

    /// Opens runs.
    ///
    /// @param paths of runs, or of harvests alone
    /// @param harvests folders of harvests of the runs that lie elsewhere
    /// @throws cleave.config.UserError when a run cannot be opened
    Api(List<Path> paths, List<Path> harvests) {
        for (Path path : paths) {
            RunView view = RunView.open("r" + ordered.size(), path, harvests);
            ordered.add(view);
            runs.put(view.key(), view);
        }
    }

    /// Answers a request.
    ///
    /// @throws Problem when there is no such thing, or it is asked for wrongly
    Answer of(Request request) throws IOException {
        return switch (request.parts()[0]) {
            case "runs" -> runs(request);
            case "jobs" -> jobs(request);
            default -> throw new Problem(404, "there is no such page");
        };
    }

    private static void requireMethod(Request request, String method) {
        if (!request.method().equals(method)) {
            throw new Problem(405, "method must be " + method);
        }
    }

    private Answer runs(Request request) throws IOException {
        String[] parts = request.parts();
        Map<String, String> query = request.query();
        if (parts.length == 1) {
            requireMethod(request, "GET");
            return Answer.json(ordered.stream().map(RunView::summary).toList());
        }
        RunView run = runs.get(parts[1]);
        if (run == null || parts.length != 3) {
            throw new Problem(404, "there is no such run");
        }
        if (parts[2].equals("jobs")) {
            requireMethod(request, "POST");
            return add(run, body(request.body()));
        }
        requireMethod(request, "GET");
        if (parts[2].equals("metrics")) {
            return metrics(run, query.getOrDefault("from", "0"));
        }
        if (parts[2].equals("report")) {
            return report(run);
        }
        if (parts[2].equals("groups")) {
            return Answer.json(
                    run.groups().orElseThrow(() -> new Problem(404, "the run has no groups")));
        }
        HarvestView harvest = run.harvest();
        if (harvest == null) {
            throw new Problem(404, "the run has no harvest");
        }
        return switch (parts[2]) {
            case "table" -> Answer.json(harvest.table());
            case "piece" ->
                    new Answer(
                            200,
                            "application/json",
                            harvest.card(query.getOrDefault("id", ""))
                                    .orElseThrow(() ->
                                            new Problem(404, "there is no such subcomponent")));
            default -> throw new Problem(404, "there is no such page");
        };
    }

    private static Answer report(RunView run) throws IOException {
        Path file = run.report();
        if (file == null || !Files.isRegularFile(file)) {
            throw new Problem(404, "the run has no report");
        }
        return new Answer(
                200, "text/html; charset=utf-8", Files.readAllBytes(file), Answer.REPORT_POLICY);
    }

    private static Answer metrics(RunView run, String from) throws IOException {
        Path file = run.metrics();
        if (file == null) {
            throw new Problem(404, "a harvest alone has no records of training");
        }
        if (!from.matches("[0-9]{1,18}")) {
            throw new Problem(422, "from must be a number of bytes");
        }
        return Answer.json(MetricsView.of(file, Long.parseLong(from)));
    }

    private static JsonNode body(InputStream body) throws IOException {
        byte[] bytes = body.readNBytes(Gate.LONGEST_BODY + 1);
        if (bytes.length > Gate.LONGEST_BODY) {
            throw new Problem(413, "body must be at most %d bytes".formatted(Gate.LONGEST_BODY));
        }
        try {
            JsonNode node = Answer.JSON.readTree(bytes);
            if (node != null && node.isObject()) {
                return node;
            }
        } catch (JacksonException malformed) {
            LOG.debug("a body was no JSON", malformed);
        }
        throw new Problem(400, "body must be a JSON object");
    }

    private Answer add(RunView run, JsonNode body) {
        Jobs.Work work = works.of(run, body);
        return Answer.json(
                jobs.add(work)
                        .orElseThrow(() ->
                                new Problem(
                                        503,
                                        "at most %d jobs may wait".formatted(Jobs.MOST_WAITING))));
    }

    private Answer jobs(Request request) {
        String[] parts = request.parts();
        if (parts.length != 2 || !parts[1].matches("[0-9]{1,18}")) {
            throw new Problem(404, "there is no such job");
        }
        long id = Long.parseLong(parts[1]);
        Optional<Jobs.View> view =
                switch (request.method()) {
                    case "GET" -> jobs.view(id);
                    case "DELETE" -> jobs.cancel(id);
                    default -> throw new Problem(405, "method must be GET or DELETE");
                };
        return Answer.json(view.orElseThrow(() -> new Problem(404, "there is no such job")));
    }

    /// Gives up the job that runs, and the model.
    @Override
    public void close() {
        jobs.close(models::close);
    }
}
