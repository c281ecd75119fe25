package cleave.hub;

import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.tensor.Safetensors;
import cleave.tensor.Safetensors.Header;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The files of a model's weights: one, or an index and the shards that it names.
public final class WeightFiles {
    /// The index of weights in several files.
    static final String INDEX = "model.safetensors.index.json";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private WeightFiles() {}

    /// The file that stands for the weights of a model: the one file, or the index, or a GGUF file.
    ///
    /// @param place a folder, a GGUF file, or a name on the hub
    public static Path in(Path place) {
        Path here = Hub.local(place);
        if (Gguf.is(here)) {
            return here;
        }
        Path one = here.resolve(Model.WEIGHTS);
        Path index = here.resolve(INDEX);
        if (Files.isRegularFile(one)) {
            return one;
        }
        return Files.isRegularFile(index)
                ? index
                : ModelFiles.onlyGguf(here).or(() -> ModelFiles.onlyStep(here)).orElse(one);
    }

    /// All files, the given one first.
    ///
    /// @param weights as `in` gives it
    public static List<Path> of(Path weights) {
        List<Path> files = new ArrayList<>(List.of(weights));
        if (isIndex(weights)) {
            SortedSet<String> shards = new TreeSet<>(index(weights).values());
            shards.forEach(shard -> files.add(weights.resolveSibling(shard)));
        }
        return files;
    }

    /// The digest of the one file, or of the list of all files with their digests.
    public static String sha256(Path weights) throws IOException {
        List<Path> files = of(weights);
        if (files.size() == 1) {
            return Sha256.of(weights);
        }
        StringBuilder lines = new StringBuilder();
        for (Path file : files) {
            lines.append(Sha256.of(file)).append("  ").append(file.getFileName()).append('\n');
        }
        return Sha256.ofText(lines.toString());
    }

    /// The headers of the files that hold tensors.
    ///
    /// @param problems takes what is wrong with a file that cannot be read, and where index and
    ///   shards differ
    public static List<Header> headers(Path weights, List<String> problems) {
        List<Path> files = of(weights);
        List<Header> headers = new ArrayList<>();
        for (Path file : isIndex(weights) ? files.subList(1, files.size()) : files) {
            try {
                headers.add(Safetensors.header(file));
            } catch (UserError refused) {
                problems.add(String.valueOf(refused.getMessage()));
            }
        }
        if (isIndex(weights) && headers.size() == files.size() - 1) {
            compare(index(weights), headers, problems);
        }
        return headers;
    }

    private static void compare(
            SortedMap<String, String> index, List<Header> headers, List<String> problems) {
        SortedMap<String, String> found = new TreeMap<>();
        for (Header header : headers) {
            String file = header.file().getFileName().toString();
            for (String name : header.tensors().keySet()) {
                String other = found.put(name, file);
                if (other != null) {
                    problems.add(
                            "tensor %s must be in one file, got %s and %s"
                                    .formatted(name, other, file));
                }
            }
        }
        SortedSet<String> names = new TreeSet<>(index.keySet());
        names.addAll(found.keySet());
        for (String name : names) {
            String wanted = index.getOrDefault(name, "no file");
            String actual = found.getOrDefault(name, "no file");
            if (!wanted.equals(actual)) {
                problems.add(
                        "tensor %s must be where %s says, in %s, got %s"
                                .formatted(name, INDEX, wanted, actual));
            }
        }
    }

    private static boolean isIndex(Path weights) {
        return weights.endsWith(INDEX);
    }

    /// The file of each tensor.
    private static SortedMap<String, String> index(Path file) {
        StandIn.refuseDownload(file, "index of weights");
        JsonNode map;
        try {
            map = JSON.readTree(Files.readAllBytes(file)).path("weight_map");
        } catch (JacksonException malformed) {
            throw refused(file, malformed.getOriginalMessage());
        } catch (IOException failure) {
            throw new UserError(
                    "index of weights must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
        if (!map.isObject() || map.isEmpty()) {
            throw refused(file, "no weight_map");
        }
        SortedMap<String, String> index = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : map.properties()) {
            String shard = entry.getValue().isString() ? entry.getValue().stringValue() : "";
            // A shard lies beside its index, and nowhere else.
            if (!shard.matches("[\\w.-]+\\.safetensors")) {
                throw refused(file, "%s in %s".formatted(entry.getKey(), entry.getValue()));
            }
            index.put(entry.getKey(), shard);
        }
        return index;
    }

    private static UserError refused(Path file, String got) {
        return new UserError(
                "index of weights must map tensors to safetensors files of its folder, got %s (%s)"
                        .formatted(got, file));
    }
}
