package cleave.sweep;

import cleave.config.UserError;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A list of seeds as text: `0-4`, `0,3,7`, `5`, `0-2,9`.
public final class Seeds {
    private static final Pattern PART = Pattern.compile("(\\d{1,9})(?:-(\\d{1,9}))?");

    /// More runs than anybody waits for: a slip of the keyboard.
    private static final int MOST = 10_000;

    private Seeds() {}

    /// The seeds in the order written.
    ///
    /// @throws UserError for text of another form, or a seed twice
    public static List<Long> parse(String text) {
        List<Long> seeds = new ArrayList<>();
        for (String part : text.split(",", -1)) {
            Matcher form = PART.matcher(part.strip());
            if (!form.matches()) {
                throw refused("must be numbers and ranges such as 0-4, 0,3,7 or 5", text);
            }
            long first = Long.parseLong(form.group(1));
            long last = form.group(2) == null ? first : Long.parseLong(form.group(2));
            if (last < first) {
                throw refused("must have ranges that rise", text);
            }
            if (seeds.size() + last - first >= MOST) {
                throw refused("must be at most %d".formatted(MOST), text);
            }
            for (long seed = first; seed <= last; seed++) {
                seeds.add(seed);
            }
        }
        if (new HashSet<>(seeds).size() < seeds.size()) {
            throw refused("must differ", text);
        }
        return List.copyOf(seeds);
    }

    private static UserError refused(String rule, String text) {
        return new UserError("--seeds %s, got %s".formatted(rule, text));
    }
}
