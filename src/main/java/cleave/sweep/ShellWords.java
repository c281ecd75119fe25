package cleave.sweep;

import java.util.List;
import java.util.stream.Collectors;

/// Words as a shell reads them.
public final class ShellWords {
    private ShellWords() {}

    /// The words on one line, in single quotes where a shell would take them apart.
    public static String join(List<String> words) {
        return words.stream().map(ShellWords::quoted).collect(Collectors.joining(" "));
    }

    private static String quoted(String word) {
        return word.matches("[A-Za-z0-9_./:=,+@%-]+")
                ? word
                : "'" + word.replace("'", "'\\''") + "'";
    }
}
