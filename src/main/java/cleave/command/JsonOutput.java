package cleave.command;

import java.io.PrintWriter;
import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The options `--json` and `--csv` of a subcommand, and where its output goes; used as a `@Mixin`.
public final class JsonOutput {
    @Option(
            names = "--json",
            description =
                    "The result is one JSON object alone on standard output, everything else goes"
                            + " to standard error. What the command warned of is in it too.")
    private boolean enabled;

    private boolean csv;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    /// Takes `--csv`: the tables that the command shows are kept, for `printCsv`.
    @Option(
            names = "--csv",
            description =
                    "The result's tables are CSV alone on standard output, one below the other with"
                            + " an empty line between; everything else goes to standard error.")
    void setCsv(boolean wanted) {
        csv = wanted;
        if (wanted) {
            Tables.keepShown();
        }
    }

    /// Whether the user asked for JSON.
    public boolean enabled() {
        return enabled;
    }

    /// Where text for people goes: standard output, or standard error beside a JSON object.
    public PrintWriter text() {
        return enabled || csv ? command.commandLine().getErr() : command.commandLine().getOut();
    }

    /// Where progress goes.
    public PrintWriter progress() {
        return command.commandLine().getErr();
    }

    /// Prints the result: a record, whose components become keys in snake_case, or a map or tree,
    /// whose keys stay. JSON has no NaN or infinity: those become null. What the command warned of
    /// is added under `warnings`.
    public void print(Object result) {
        JsonNode tree = withoutNonFinite(Json.MAPPER.valueToTree(result));
        List<String> warnings = Warnings.said();
        if (tree instanceof ObjectNode object && !warnings.isEmpty()) {
            ArrayNode said = object.putArray("warnings");
            warnings.forEach(said::add);
        }
        PrintWriter out = command.commandLine().getOut();
        out.println(Json.MAPPER.writeValueAsString(tree));
        out.flush();
    }

    /// Keeps a result that is shown as no table for `--csv`: a row for each of its values, by the
    /// path of its key in the JSON.
    public void keepValues(Object result) {
        if (csv) {
            Tables table = new Tables(List.of("key", "value"));
            addValues("", withoutNonFinite(Json.MAPPER.valueToTree(result)), table);
            table.keep();
        }
    }

    private static void addValues(String path, JsonNode node, Tables table) {
        if (node.isObject()) {
            node.properties()
                    .forEach(entry ->
                            addValues(
                                    path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                                    entry.getValue(),
                                    table));
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                addValues(path + "[" + i + "]", node.get(i), table);
            }
        } else {
            table.row(List.of(path, node.isNull() ? "" : node.asString()));
        }
    }

    private static JsonNode withoutNonFinite(JsonNode node) {
        return switch (node) {
            case ObjectNode object -> {
                ObjectNode copy = Json.MAPPER.createObjectNode();
                object.properties()
                        .forEach(entry ->
                                copy.set(entry.getKey(), withoutNonFinite(entry.getValue())));
                yield copy;
            }
            case ArrayNode array -> {
                ArrayNode copy = Json.MAPPER.createArrayNode();
                array.forEach(element -> copy.add(withoutNonFinite(element)));
                yield copy;
            }
            default ->
                    (node.isDouble() || node.isFloat()) && !Double.isFinite(node.doubleValue())
                            ? Json.MAPPER.nullNode()
                            : node;
        };
    }

    /// Made when something is printed: most of a start that only refuses would else be this.
    private static final class Json {
        static final JsonMapper MAPPER =
                JsonMapper.builder()
                        .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                        .enable(SerializationFeature.INDENT_OUTPUT)
                        .build();
    }
}
