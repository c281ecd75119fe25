package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.IntFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.dataformat.yaml.YAMLFactory;
import tools.jackson.dataformat.yaml.YAMLParser;

/// Builds a tree from YAML tokens. What can be read past is collected in `problems`; the rest is
/// thrown.
final class YamlReader {
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}&&[^\\t\\r]]");
    private static final Pattern TAB_INDENT = Pattern.compile(" *\\t\\s*\\S.*");
    private static final Pattern LINE = Pattern.compile("line (\\d+), column");

    private final String text;
    private final int[] codePoints;
    private final IntFunction<Place> places;
    private final String rootPath;
    private final Problems problems;
    private final YAMLParser parser;

    YamlReader(String text, IntFunction<Place> places, String rootPath, Problems problems) {
        this.text = ByteOrderMark.cut(text);
        this.codePoints = this.text.codePoints().toArray();
        this.places = places;
        this.rootPath = rootPath;
        this.problems = problems;
        this.parser =
                (YAMLParser) new YAMLFactory().createParser(ObjectReadContext.empty(), this.text);
    }

    Node read() {
        refuseTabsAndControlCharacters();
        try (parser) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                return new Scalar(places.apply(1), "", false);
            }
            Node root = node(first, here(), rootPath);
            if (parser.nextToken() != null) {
                problems.report(here(), rootPath, "must be one YAML document, got a second one");
            }
            return root;
        } catch (JacksonException exception) {
            throw notYaml(exception);
        }
    }

    private void refuseTabsAndControlCharacters() {
        List<String> lines = text.lines().toList();
        int before = problems.count();
        for (int i = 0; i < lines.size(); i++) {
            if (TAB_INDENT.matcher(lines.get(i)).matches()) {
                problems.report(
                        places.apply(i + 1), rootPath, "must be indented with spaces, got a tab");
            }
            if (CONTROL.matcher(lines.get(i)).find()) {
                problems.report(
                        places.apply(i + 1), rootPath, "must be text, got a control character");
            }
        }
        if (problems.count() > before) {
            throw problems.asException();
        }
    }

    private Node node(JsonToken token, Place at, String path) {
        refuseReferences(path);
        return switch (token) {
            case START_OBJECT -> mapping(at, path);
            case START_ARRAY -> sequence(at, path);
            default -> new Scalar(at, parser.getString(), isQuoted());
        };
    }

    private Mapping mapping(Place at, String path) {
        SequencedMap<String, Node> entries = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            String key = parser.currentName();
            String keyPath = KeyPath.key(path, key);
            Place keyPlace = here();
            Node value = node(parser.nextToken(), keyPlace, keyPath);
            Node first = entries.putIfAbsent(key, value);
            if (first != null) {
                String message = "is given twice, first on line " + first.at().line();
                problems.report(
                        keyPlace, keyPath, first.at().line() > 0 ? message : "is given twice");
            }
        }
        return new Mapping(at, entries);
    }

    private Sequence sequence(Place at, String path) {
        List<Node> items = new ArrayList<>();
        for (JsonToken token = parser.nextToken();
                token != JsonToken.END_ARRAY;
                token = parser.nextToken()) {
            items.add(node(token, here(), KeyPath.index(path, items.size())));
        }
        return new Sequence(at, items);
    }

    /// The parser does not tell of every anchor and tag, but the text does: no plain scalar starts
    /// like them.
    private void refuseReferences(String path) {
        switch (firstCharacter()) {
            case '&' -> problems.report(here(), path, "must not have an anchor, got " + word());
            case '!' -> problems.report(here(), path, "must not have a tag, got " + word());
            case '*' -> {
                Optional<String> hint = Optional.of("write the value out");
                problems.report(here(), path, "must not be an alias, got " + word(), hint);
                throw problems.asException();
            }
            default -> {}
        }
    }

    private boolean isQuoted() {
        return "\"'|>".indexOf(firstCharacter()) >= 0;
    }

    /// The code point at which the current token starts, or a line feed at the end.
    private int firstCharacter() {
        int offset = (int) parser.currentTokenLocation().getCharOffset();
        return offset < codePoints.length ? codePoints[offset] : '\n';
    }

    /// The text from the current token's start to the next space.
    private String word() {
        int start = (int) parser.currentTokenLocation().getCharOffset();
        int end = start;
        while (end < codePoints.length && !Character.isWhitespace(codePoints[end])) {
            end++;
        }
        return new String(codePoints, start, end - start);
    }

    private Place here() {
        return places.apply(parser.currentTokenLocation().getLineNr());
    }

    /// The parser's message is several lines of context, quoted source and complaint; only what is
    /// not indented is kept, and the last line number it names is where the text went wrong.
    private InvalidConfig notYaml(JacksonException exception) {
        String original = exception.getOriginalMessage();
        TokenStreamLocation location = exception.getLocation();
        int line = location == null ? 1 : location.getLineNr();
        Matcher matcher = LINE.matcher(original);
        while (matcher.find()) {
            line = Integer.parseInt(matcher.group(1));
        }
        String complaint =
                original.lines()
                        .filter(part -> !part.isBlank() && !part.startsWith(" "))
                        .collect(Collectors.joining(", "));
        if (complaint.startsWith("Expected a property name")) {
            complaint = "a key must be plain text";
        }
        problems.report(places.apply(line), rootPath, "is not YAML: " + complaint);
        return problems.asException();
    }
}
