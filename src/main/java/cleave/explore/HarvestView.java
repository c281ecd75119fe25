package cleave.explore;

import cleave.config.UserError;
import cleave.harvest.HarvestFolder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A harvest as the page asks for it: a table with a short row for each subcomponent, and the lines
/// of one.
final class HarvestView {
    private static final JsonMapper JSON = new JsonMapper();

    /// The table by columns, each as long as there are subcomponents.
    ///
    /// @param id `SITE:INDEX`
    /// @param site number of the site
    /// @param in the tokens that go in most often, as one text
    /// @param out the tokens expected most often after it
    record Table(
            List<String> sites,
            List<String> id,
            List<Integer> site,
            List<Integer> index,
            List<Double> density,
            List<Long> active,
            List<Double> mean,
            List<Double> norm,
            List<String> in,
            List<String> out) {}

    private static final int SHOWN = 3; // tokens in a row

    private final HarvestFolder.Index index;
    private final LineFile pieces;
    private final LineFile examples;
    private final Table table;
    private final Map<String, Integer> lines = new HashMap<>();

    /// Opens the harvest in a folder.
    ///
    /// @throws UserError when it is not whole
    HarvestView(Path folder) {
        index = HarvestFolder.open(folder);
        pieces = LineFile.of(folder.resolve(HarvestFolder.PIECES));
        examples = LineFile.of(folder.resolve(HarvestFolder.EXAMPLES));
        if (pieces.count() != index.pieces() || examples.count() != index.pieces()) {
            throw new UserError(
                    "harvest must have a line for each of %d subcomponents, got %d and %d (%s)"
                            .formatted(index.pieces(), pieces.count(), examples.count(), folder));
        }
        try {
            table = made();
        } catch (IOException | JacksonException failure) {
            throw new UserError(
                    "harvest must be readable, got %s (%s)".formatted(failure.getMessage(), folder),
                    failure);
        }
    }

    private Table made() throws IOException {
        List<String> sites = index.sites().stream().map(HarvestFolder.SiteLine::name).toList();
        Table made =
                new Table(
                        sites,
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>(),
                        new ArrayList<>());
        Map<String, Integer> siteNumbers = new HashMap<>();
        sites.forEach(site -> siteNumbers.put(site, siteNumbers.size()));
        for (int i = 0; i < pieces.count(); i++) {
            JsonNode piece = JSON.readTree(pieces.line(i));
            String id = piece.path("id").asString("");
            lines.put(id, i);
            made.id().add(id);
            made.site().add(siteNumbers.getOrDefault(piece.path("site").asString(""), 0));
            made.index().add(piece.path("index").asInt(0));
            made.density().add(piece.path("density").asDouble(0));
            made.active().add(piece.path("active").asLong(0));
            made.mean().add(piece.path("mean_importance").asDouble(0));
            made.norm().add(piece.path("norm").asDouble(0));
            made.in().add(first(piece.path("tokens_in")));
            made.out().add(first(piece.path("tokens_out")));
        }
        return made;
    }

    private static String first(JsonNode tokens) {
        List<String> first = new ArrayList<>();
        for (JsonNode token : tokens.path("by_count")) {
            if (first.size() < SHOWN) {
                first.add(token.path("text").asString(""));
            }
        }
        return String.join("\u2009\u00b7\u2009", first);
    }

    HarvestFolder.Index index() {
        return index;
    }

    Table table() {
        return table;
    }

    /// Everything about one subcomponent, as JSON; empty when there is none of this name.
    Optional<byte[]> card(String id) throws IOException {
        Integer line = lines.get(id);
        if (line == null) {
            return Optional.empty();
        }
        byte[] piece = pieces.line(line);
        byte[] own = examples.line(line);
        byte[] begin = "{\"piece\":".getBytes(StandardCharsets.UTF_8);
        byte[] middle = ",\"examples\":".getBytes(StandardCharsets.UTF_8);
        byte[] card = new byte[begin.length + piece.length + middle.length + own.length + 1];
        int at = 0;
        for (byte[] part : List.of(begin, piece, middle, own)) {
            System.arraycopy(part, 0, card, at, part.length);
            at += part.length;
        }
        card[at] = '}';
        return Optional.of(card);
    }
}
