package cleave.config;

import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/// Collects mistakes, so that all of them are reported at once.
public final class Problems {
    private record Found(Place at, Problem problem) {}

    private final List<Found> found;
    private final List<Problem> notes;
    private final String path;
    private final Optional<Node> node;

    Problems() {
        this(new ArrayList<>(), new ArrayList<>(), "", Optional.empty());
    }

    private Problems(List<Found> found, List<Problem> notes, String path, Optional<Node> node) {
        this.found = found;
        this.notes = notes;
        this.path = path;
        this.node = node;
    }

    /// Reports on the key at `relativePath`, as in `add("streams[0].batch", "must be even, got
    /// 3")`.
    ///
    /// The line is that of the key, or of the nearest mapping around it when the key is absent. The
    /// empty path means the record itself.
    public void add(String relativePath, String message) {
        add(relativePath, message, Optional.empty());
    }

    /// Reports on the key at `relativePath`, with advice.
    public void add(String relativePath, String message, String hint) {
        add(relativePath, message, Optional.of(hint));
    }

    private void add(String relativePath, String message, Optional<String> hint) {
        Place at =
                node.map(scope -> KeyPath.nearest(scope, relativePath).at())
                        .orElse(new Place("", 0));
        report(at, KeyPath.join(path, relativePath), message, hint);
    }

    /// The same collection, with paths relative to `node`.
    Problems under(String nodePath, Node scope) {
        return new Problems(found, notes, nodePath, Optional.of(scope));
    }

    void report(Place at, String fullPath, String message, Optional<String> hint) {
        String sentence = fullPath.isEmpty() ? message : fullPath + " " + message;
        found.add(new Found(at, new Problem(at.toString(), sentence, hint)));
    }

    void report(Place at, String fullPath, String message) {
        report(at, fullPath, message, Optional.empty());
    }

    /// Notes what is read but written in another way today.
    void note(Place at, String fullPath, String message) {
        notes.add(new Problem(at.toString(), fullPath + " " + message, Optional.empty()));
    }

    /// What was noted, in the order in which it was read.
    List<Problem> notes() {
        return List.copyOf(notes);
    }

    int count() {
        return found.size();
    }

    /// In the order of lines; what has no line comes last.
    InvalidConfig asException() {
        Comparator<Found> byLine =
                Comparator.comparingInt(
                        entry -> entry.at().line() > 0 ? entry.at().line() : Integer.MAX_VALUE);
        return new InvalidConfig(found.stream().sorted(byLine).map(Found::problem).toList());
    }

    void throwIfAny() {
        if (!found.isEmpty()) {
            throw asException();
        }
    }
}
