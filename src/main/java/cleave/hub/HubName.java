package cleave.hub;

import cleave.config.UserError;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A model on the hub: `hf:organisation/name`, then `/file.gguf` where it has several such files,
/// then `@revision` for another branch, tag or commit than `main`.
///
/// @param model organisation and name, or for a few old models a name alone
/// @param file the GGUF file that is meant; empty to let the model's files decide
/// @param revision a branch, tag or commit
record HubName(String model, Optional<String> file, String revision) {
    private static final String SCHEME = "hf:";
    private static final String PART = "[A-Za-z0-9_][\\w.-]{0,95}";
    private static final Pattern FORM =
            Pattern.compile(
                    "hf:((?:%1$s/)?%1$s?)((?:/[\\w.+-]+)*/[\\w.+-]+\\.gguf)?(?:@([\\w.+/-]+))?"
                            .formatted(PART));

    /// Whether a path is such a name.
    static boolean is(Path path) {
        return path.toString().startsWith(SCHEME);
    }

    /// Reads a name.
    ///
    /// @throws UserError when it is none
    static HubName of(String text) {
        Matcher form = FORM.matcher(text);
        boolean fits =
                form.matches()
                        && !form.group(1).isEmpty()
                        && !form.group(1).endsWith("/")
                        && !text.contains("..")
                        && !text.contains("--")
                        && !text.contains("@/")
                        && !text.endsWith("/");
        if (!fits) {
            throw UserError.withHints(
                    "model on the hub must be hf:organisation/name, with /file.gguf or @revision where needed, got "
                            + text,
                    "as in hf:HuggingFaceTB/SmolLM2-135M or hf:openai-community/gpt2@main");
        }
        return new HubName(
                form.group(1),
                Optional.ofNullable(form.group(2)).map(file -> file.substring(1)),
                Optional.ofNullable(form.group(3)).orElse("main"));
    }

    /// Whether the revision is a commit, which never changes.
    boolean isPinned() {
        return revision.matches("[0-9a-f]{40}");
    }

    @Override
    public String toString() {
        return SCHEME
                + model
                + file.map(name -> "/" + name).orElse("")
                + (revision.equals("main") ? "" : "@" + revision);
    }
}
