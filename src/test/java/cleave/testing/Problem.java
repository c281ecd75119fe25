package cleave.testing;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.PerSite;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.model.InductionTransformer;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Target;
import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/// A decomposition with parameters of its own. Opened and closed inside a scope.
///
/// @param decomposition on the views of `parameters`
/// @param parameters the numbers
public record Problem(Decomposition decomposition, Parameters parameters) implements AutoCloseable {

    /// A problem on a target, which it closes in the end.
    public static Problem of(
            Target target,
            List<DecomposedSite> sites,
            ImportanceFunction function,
            Leak leak,
            Map<String, Tensor> initial) {
        Decomposition given =
                new Decomposition(target, sites, function, leak, new TreeMap<>(initial));
        Parameters parameters = new Parameters(given.parameters(), target.type());
        return new Problem(given.on(parameters.views()), parameters);
    }

    /// The problem of a golden file.
    ///
    /// @param model the file's `model`
    /// @param initial the file's parameters
    public static Problem golden(JsonNode model, JsonNode initial, Leak leak) {
        Target target = goldenTarget(model);
        JsonNode gate = model.get("gate");
        return of(target, goldenSites(model, target), gate(gate), leak, Golden.tensors(initial));
    }

    /// The target of a golden file.
    public static InductionTransformer goldenTarget(JsonNode model) {
        long[] embedding = Golden.shape(model.get("weights").get("E"));
        String position = model.get("position").asString();
        boolean before = position.equals("before");
        Code code =
                switch (position) {
                    case "before" -> Code.LEARNED;
                    case "rotary" -> Code.ROTARY;
                    default -> Code.FIXED;
                };
        Shape shape =
                new Shape(
                        (int) embedding[0] - 2,
                        (int) Golden.shape(model.get("position_table"))[0],
                        (int) embedding[1],
                        model.get("layers").asInt(),
                        code,
                        before ? Added.BEFORE : Added.AFTER,
                        model.get("output_matrix").asBoolean());
        Map<String, String> matrices =
                Map.of("Q", "query", "K", "key", "V", "value", "O", "output");
        SortedMap<String, Tensor> weights = new TreeMap<>();
        Golden.tensors(model.get("weights"))
                .forEach((name, weight) ->
                        weights.put(
                                switch (name) {
                                    case "E" -> "embedding";
                                    case "Wu" -> "unembedding";
                                    default ->
                                            "blocks.%s.%s"
                                                    .formatted(
                                                            name.substring(1),
                                                            matrices.get(name.substring(0, 1)));
                                },
                                weight));
        if (before) {
            weights.put("positions", Golden.tensor(model.get("position_table")));
        }
        return new InductionTransformer(shape, weights, () -> {});
    }

    private static List<DecomposedSite> goldenSites(JsonNode model, Target target) {
        List<DecomposedSite> sites = new ArrayList<>();
        for (Map.Entry<String, JsonNode> count : model.get("subcomponents").properties()) {
            sites.add(new DecomposedSite(target.site(count.getKey()), count.getValue().asInt()));
        }
        return sites;
    }

    /// The importance function of a golden file's settings.
    public static PerSite gate(JsonNode gate) {
        int hidden = gate.get("hidden").asInt();
        return switch (gate.get("kind").asString()) {
            case "sequence" ->
                    new Sequence(
                            hidden,
                            Optional.of(gate.get("head_width").asInt()),
                            gate.get("causal").asBoolean(),
                            gate.get("positions").asInt(),
                            gate.get("own_activation").asBoolean());
            case "vector_mlp" -> new VectorMlp(hidden);
            case "shared_mlp" -> new SharedMlp(hidden);
            case "mlp" -> new Mlp(hidden);
            default -> throw new IllegalArgumentException("unknown importance function " + gate);
        };
    }

    @Override
    public void close() {
        parameters.close();
        decomposition.target().close();
    }
}
