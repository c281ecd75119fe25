package cleave.command;

import java.util.regex.Pattern;

/// A word of a command that is shown to be copied into a shell.
public final class ShellWord {
    private static final Pattern PLAIN = Pattern.compile("[\\w@%+=:,./-]+");

    private ShellWord() {}

    /// The word as a shell reads it: within quotes where it has spaces or signs of the shell's.
    public static String of(Object word) {
        String text = String.valueOf(word);
        return PLAIN.matcher(text).matches() ? text : "'" + text.replace("'", "'\\''") + "'";
    }
}
