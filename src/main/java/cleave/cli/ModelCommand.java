package cleave.cli;

import cleave.command.JsonOutput;
import cleave.hub.Model;
import cleave.hub.ModelFiles;
import cleave.hub.ModelSummary;
import cleave.hub.Parity;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave model`: what a model is.
@Command(
        name = "model",
        description = "Show what a model is: family, parameters, sites, tokenizer, memory.",
        subcommands = ModelConvertCommand.class)
final class ModelCommand implements Callable<Integer> {
    /// What the commands that take a model say of it.
    static final String MODEL =
            "Folder of the model, a GGUF file, or hf:organisation/name[@revision].";

    // Not required by the library, so that subcommands need no model of this command's.
    @Parameters(index = "0", arity = "0..1", paramLabel = "MODEL", description = ModelCommand.MODEL)
    private @Nullable Path place;

    @Spec private CommandSpec command;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() throws IOException {
        if (place == null) {
            throw new ParameterException(
                    command.commandLine(), "Missing required parameter: 'MODEL'");
        }
        Described described = described(place);
        if (json.enabled()) {
            json.print(described);
        } else {
            json.keepValues(described);
            show(described, json.text());
        }
        return 0;
    }

    /// What `--json` prints.
    ///
    /// @param files what the files say
    /// @param positions the longest text in tokens; null where the network is not known
    /// @param sites what can be decomposed
    /// @param unread why there is no network, in one line; null when there is
    /// @param parity how far its logits are from a reference's, where there is one
    private record Described(
            ModelSummary files,
            @Nullable Integer positions,
            List<Shape> sites,
            @Nullable String unread,
            @Nullable Parity parity) {}

    /// A site's matrix.
    private record Shape(String site, long dOut, long dIn) {}

    private static Described described(Path place) throws IOException {
        ModelFiles files = ModelFiles.ofAny(place);
        ModelSummary summary = ModelSummary.of(files);
        if (!files.isKnown()) {
            return new Described(
                    summary, null, List.of(), "its family is not known to Cleave", null);
        }
        try (Model model = Model.load(place, Type.FLOAT)) {
            return new Described(
                    summary,
                    model.target().maximumLength(),
                    model.target().sites().stream()
                            .map(site -> new Shape(site.name(), site.dOut(), site.dIn()))
                            .toList(),
                    null,
                    Parity.of(model.folder(), model.target(), model.spec().tokens()).orElse(null));
        }
    }

    private static void show(Described described, PrintWriter out) {
        ModelSummary model = described.files();
        out.println("model       " + model.file());
        out.println("family      " + model.family());
        line(
                out,
                "parameters  %,d in %d tensors (%s)",
                model.parameters(),
                model.tensors(),
                model.kinds().entrySet().stream()
                        .map(kind -> kind.getKey() + " " + kind.getValue())
                        .collect(Collectors.joining(", ")));
        line(
                out,
                "memory      %,.1f MB in float32, %,.1f MB in the file",
                model.float32Bytes() / 1e6,
                model.fileBytes() / 1e6);
        if (described.positions() != null) {
            out.println("positions   " + described.positions());
        }
        out.println("tokenizer   " + model.tokenizer());
        model.specialTokens()
                .forEach((name, token) -> out.println("            %s %s".formatted(name, token)));
        if (described.unread() != null) {
            out.println("sites       none shown, " + described.unread());
        } else {
            out.println("sites       " + described.sites().size());
            sites(described.sites(), out);
        }
        if (described.parity() != null) {
            out.println(described.parity().line());
        }
        out.flush();
    }

    /// One line for the sites that differ in their block's number alone.
    private static void sites(List<Shape> sites, PrintWriter out) {
        SequencedMap<String, Integer> alike = new LinkedHashMap<>();
        for (Shape site : sites) {
            String name = site.site().replaceAll("(^|\\.)\\d+(?=\\.)", "$1*");
            alike.merge("%s [%d, %d]".formatted(name, site.dOut(), site.dIn()), 1, Integer::sum);
        }
        alike.forEach((name, count) -> out.println("            %s, %d".formatted(name, count)));
    }

    @SuppressWarnings("AnnotateFormatMethod")
    private static void line(PrintWriter out, String format, Object... values) {
        out.println(String.format(Locale.ROOT, format, values));
    }
}
