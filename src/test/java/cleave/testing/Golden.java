package cleave.testing;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.schedule.Schedule;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/// Numbers computed apart from the toolkit, in numpy, from the specification alone (see
/// `src/test/golden/README.md`).
public final class Golden {
    /// Where the files lie.
    public static final Path FOLDER = Path.of("src/test/resources/golden");

    /// What a test says when its numbers differ.
    public static final String HINT =
            "the reference is written by: python3 src/test/golden/method.py (only after a change of docs/reference/spec.md)";

    private Golden() {}

    /// A file of the folder.
    public static JsonNode read(String file) {
        try {
            return new ObjectMapper().readTree(Files.readString(FOLDER.resolve(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(HINT, e);
        }
    }

    /// A comparison at the precision the files are meant for.
    public static Differences differences(String file) {
        return new Differences(file, 1e-9, HINT);
    }

    /// The numbers of an array `{"shape", "data"}` or of a plain list.
    public static double[] numbers(JsonNode array) {
        JsonNode data = array.isArray() ? array : array.get("data");
        double[] numbers = new double[data.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = data.get(i).asDouble();
        }
        return numbers;
    }

    /// The numbers of an array of whole numbers.
    public static long[] wholeNumbers(JsonNode array) {
        double[] numbers = numbers(array);
        long[] whole = new long[numbers.length];
        for (int i = 0; i < whole.length; i++) {
            whole[i] = (long) numbers[i];
        }
        return whole;
    }

    /// The shape of an array.
    public static long[] shape(JsonNode array) {
        return wholeNumbers(array.get("shape"));
    }

    /// An array in float64.
    public static Tensor tensor(JsonNode array) {
        return Tensors.of(numbers(array), Type.DOUBLE, shape(array));
    }

    /// Arrays by name.
    public static SortedMap<String, Tensor> tensors(JsonNode arrays) {
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : arrays.properties()) {
            tensors.put(entry.getKey(), tensor(entry.getValue()));
        }
        return tensors;
    }

    /// An array of 0 and 1 as booleans.
    public static Tensor flags(JsonNode array) {
        long[] numbers = wholeNumbers(array);
        boolean[] flags = new boolean[numbers.length];
        for (int i = 0; i < flags.length; i++) {
            flags[i] = numbers[i] != 0;
        }
        return Tensors.of(flags, shape(array));
    }

    /// A batch of the reference.
    public static Batch batch(String stream, JsonNode batch) {
        return new Batch(
                stream,
                batch.get("examples").get(0).asLong(),
                Tensors.of(wholeNumbers(batch.get("tokens")), shape(batch.get("tokens"))),
                flags(batch.get("valid")),
                new LossPositions(
                        Tensors.of(
                                wholeNumbers(batch.get("loss_positions")),
                                shape(batch.get("loss_positions"))),
                        null));
    }

    /// A schedule of the reference; a bare number is a constant.
    public static Schedule schedule(JsonNode node) {
        if (node.isNumber()) {
            return Schedule.constant(node.asDouble());
        }
        return switch (node.get("kind").asString()) {
            case "constant" -> Schedule.constant(node.get("value").asDouble());
            case "linear" ->
                    new Schedule.Linear(
                            from(node), to(node), share(node, "start"), share(node, "end"));
            case "cosine" ->
                    new Schedule.Cosine(
                            from(node), to(node), share(node, "start"), share(node, "end"));
            case "quarter_cosine" ->
                    new Schedule.QuarterCosine(
                            from(node), to(node), share(node, "start"), share(node, "end"));
            case "warmup" ->
                    new Schedule.Warmup(
                            node.get("fraction").asDouble(), schedule(node.get("then")));
            default -> throw new IllegalArgumentException("unknown schedule " + node);
        };
    }

    private static double from(JsonNode node) {
        return node.get("from").asDouble();
    }

    private static double to(JsonNode node) {
        return node.get("to").asDouble();
    }

    private static Optional<Double> share(JsonNode node, String name) {
        return node.has(name) ? Optional.of(node.get(name).asDouble()) : Optional.empty();
    }
}
