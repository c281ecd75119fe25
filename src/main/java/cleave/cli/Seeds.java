package cleave.cli;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// Seeds as written on the command line: `0`, `0-2`, `0,3,5-7`.
final class Seeds {
    private static final Pattern RANGE = Pattern.compile("(\\d{1,18})(?:-(\\d{1,18}))?");
    private static final int MOST = 1000;

    private Seeds() {}

    /// The seeds in order, each once.
    ///
    /// @throws IllegalArgumentException when the text is none
    static List<Long> parse(String text) {
        List<Long> seeds = Stream.of(text.split(",", -1)).flatMap(Seeds::range).distinct().toList();
        if (seeds.size() > MOST) {
            throw refused(text);
        }
        return seeds;
    }

    private static Stream<Long> range(String part) {
        Matcher range = RANGE.matcher(part.strip());
        if (!range.matches()) {
            throw refused(part);
        }
        long first = Long.parseLong(range.group(1));
        long last = range.group(2) == null ? first : Long.parseLong(range.group(2));
        if (last < first || last - first >= MOST) {
            throw refused(part);
        }
        return LongStream.rangeClosed(first, last).boxed();
    }

    private static IllegalArgumentException refused(String text) {
        return new IllegalArgumentException(
                "seeds must be numbers and ranges such as 0,2-4, at most %d, got %s"
                        .formatted(MOST, text));
    }
}
