package cleave.cli;

import cleave.analysis.SubcomponentId;
import cleave.analysis.Suppression;
import cleave.analysis.Suppression.TokenProbability;
import cleave.analysis.TextRun;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.model.Generation;
import cleave.run.LoadedRun;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.LongFunction;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave suppress`: the output of one sequence before and after suppressing subcomponents.
@Command(
        name = "suppress",
        description = "Suppress subcomponents on a sequence and compare the output.")
final class SuppressCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Option(
            names = "--subcomponents",
            required = true,
            paramLabel = "SITE:INDEX,...",
            description = "What to suppress; indices count from 0.")
    private String subcomponents = "";

    @Option(
            names = "--at",
            split = ",",
            paramLabel = "POSITION",
            description = "Positions, counted from 0. Default: all.")
    private List<Integer> positions = List.of();

    @Option(
            names = "--tokens",
            split = ",",
            paramLabel = "TOKEN",
            description = "The sequence as token ids, such as 0,17,129,5,44,129.")
    private List<Long> tokens = List.of();

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            description = "The sequence as text in the place of --tokens, for a language model.")
    private @Nullable String prompt;

    @Option(
            names = "--generate",
            paramLabel = "N",
            defaultValue = "0",
            description = "With --prompt: also go on for N tokens, as it is and suppressed.")
    private int generate;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints with `--generate`.
    ///
    /// @param suppression on the prompt
    /// @param before how the target goes on
    /// @param after how it goes on with the subcomponents suppressed
    private record Continued(Suppression suppression, String before, String after) {}

    @Override
    public Integer call() {
        String text = prompt;
        if ((text == null) == tokens.isEmpty()) {
            throw new UserError(
                    "either --tokens or --prompt must be given, got "
                            + (text == null ? "neither" : "both"));
        }
        if (generate < 0 || (generate > 0 && text == null)) {
            throw new UserError("--generate must be >= 0, and have a --prompt, got " + generate);
        }
        if (text == null) {
            try (LoadedRun loaded = LoadedRun.open(run)) {
                Suppression suppression =
                        suppression(loaded, tokens.stream().mapToLong(Long::longValue).toArray());
                print(suppression, text(suppression, Long::toString));
            }
        } else {
            try (TextRun opened = TextRun.open(run)) {
                onText(opened, text);
            }
        }
        return 0;
    }

    private void onText(TextRun opened, String text) {
        int[] ids = opened.tokenizer().encode(text);
        Suppression suppression = suppression(opened.loaded(), longs(ids));
        String shown =
                text(
                        suppression,
                        token -> opened.tokenizer().shown(Math.toIntExact(token)).getFirst());
        if (generate == 0) {
            print(suppression, shown);
            return;
        }
        int[] before =
                Generation.continued(
                        opened.loaded().model().target(),
                        ids,
                        generate,
                        new Generation.Choice(0, 1, 0));
        int[] after = ids;
        for (int i = 0; i < generate; i++) {
            int[] longer = Arrays.copyOf(after, after.length + 1);
            longer[after.length] =
                    suppression(opened.loaded(), longs(after)).top().stream()
                            .max(Comparator.comparingDouble(TokenProbability::after))
                            .map(each -> Math.toIntExact(each.token()))
                            .orElseThrow();
            after = longer;
        }
        Continued continued =
                new Continued(
                        suppression,
                        added(opened.tokenizer(), ids, before),
                        added(opened.tokenizer(), ids, after));
        print(
                continued,
                "%s%nbefore  %s%nafter   %s%n"
                        .formatted(shown, text + continued.before(), text + continued.after()));
    }

    private static String added(Tokenizer tokenizer, int[] first, int[] all) {
        return tokenizer.decodeAfter(first, Arrays.copyOfRange(all, first.length, all.length));
    }

    private static long[] longs(int... ids) {
        return Arrays.stream(ids).asLongStream().toArray();
    }

    private Suppression suppression(LoadedRun loaded, long... sequence) {
        return Suppression.of(
                loaded.decomposition(),
                SubcomponentId.parse(subcomponents, loaded.decomposition()),
                positions,
                sequence);
    }

    private void print(Object result, String text) {
        if (json.enabled()) {
            json.print(result);
        } else {
            json.text().print(text);
        }
    }

    private static String text(Suppression suppression, LongFunction<String> shown) {
        Tables table = new Tables(List.of("token", "before", "after"));
        for (Suppression.TokenProbability token : suppression.top()) {
            table.row(
                    List.of(
                            shown.apply(token.token()),
                            Tables.percent(token.before()),
                            Tables.percent(token.after())));
        }
        Tables importances = new Tables(List.of("subcomponent", "importance by position"));
        for (Suppression.Importance importance : suppression.importances()) {
            importances.row(
                    List.of(
                            importance.subcomponent().toString(),
                            importance.byPosition().stream()
                                    .map(Tables::mean)
                                    .collect(Collectors.joining(" "))));
        }
        return "%sKL from the output before: %s nats%n%n%s"
                .formatted(table, Tables.loss(suppression.kl()), importances);
    }
}
