package cleave.cli;

import cleave.analysis.PromptRun;
import cleave.analysis.QueryKey;
import cleave.command.JsonOutput;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.report.PatternPicture;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave qk`: which pairs of subcomponents make a head attend.
@Command(
        name = "qk",
        description =
                "Show which pairs of subcomponents in query and key make a head attend, and how it"
                        + " attends without some.")
final class QkCommand implements Callable<Integer> {
    private static final Pattern HEAD = Pattern.compile("([0-9]{1,4})\\.([0-9]{1,4})");

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run = Path.of("");

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "The text, or token numbers where the model has no tokenizer.")
    private String prompt = "";

    @Option(
            names = "--head",
            required = true,
            paramLabel = "LAYER.HEAD",
            description = "Which head, both counted from 0, such as 1.3.")
    private String head = "";

    @Option(
            names = "--query",
            paramLabel = "POSITION",
            description = "Position that attends, from 0. Default: the last.")
    private @Nullable Integer query;

    @Option(
            names = "--key",
            paramLabel = "POSITION",
            description = "Position that is attended to. Default: where it attends most.")
    private @Nullable Integer key;

    @Option(
            names = "--masks",
            paramLabel = "MASKS",
            defaultValue = "importance",
            description =
                    "The network under masks equal to the importance, with nothing of the weight"
                            + " delta, or of ones, as the target is. Default: ${DEFAULT-VALUE}.")
    private String masks = "importance";

    @Option(
            names = "--without",
            paramLabel = "SITE:INDEX,...",
            description = "Also show how the head attends with these suppressed.")
    private @Nullable String without;

    @Option(
            names = "--picture",
            paramLabel = "FILE",
            description = "Draw how the head attends as SVG.")
    private @Nullable Path picture;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "20",
            description = "Pairs to print; --json has 1000. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() throws IOException {
        QueryKey.Question question = question();
        QueryKey found;
        try (PromptRun opened = PromptRun.open(run)) {
            found = QueryKey.of(opened, prompt, question);
        }
        if (picture != null) {
            AtomicFile.write(picture, svg(found));
        }
        if (json.enabled()) {
            json.print(found);
        } else {
            json.text().print(text(found));
        }
        return 0;
    }

    private QueryKey.Question question() {
        List<String> problems = new ArrayList<>();
        Matcher matcher = HEAD.matcher(head);
        boolean named = matcher.matches();
        if (!named) {
            problems.add("--head must be LAYER.HEAD such as 1.3, got " + head);
        }
        if (!masks.equals("importance") && !masks.equals("ones")) {
            problems.add("--masks must be importance or ones, got " + masks);
        }
        if (top < 0) {
            problems.add("--top must be >= 0, got " + top);
        }
        if (picture != null && Files.isDirectory(picture)) {
            problems.add("--picture must be a file, got a folder (%s)".formatted(picture));
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return new QueryKey.Question(
                Integer.parseInt(matcher.group(1)),
                Integer.parseInt(matcher.group(2)),
                query,
                key,
                masks.equals("importance"),
                without,
                Math.max(1000, top));
    }

    private static String svg(QueryKey found) {
        List<PatternPicture.Panel> panels = new ArrayList<>();
        String name = "head %d.%d".formatted(found.layer(), found.head());
        panels.add(new PatternPicture.Panel(name, found.pattern()));
        List<List<Double>> after = found.patternWithout();
        if (after != null) {
            panels.add(new PatternPicture.Panel(name + " without", after));
            panels.add(PatternPicture.difference("difference", found.pattern(), after));
        }
        return new PatternPicture(found.tokens(), panels).svg();
    }

    private String text(QueryKey found) {
        Tables pairs =
                new Tables(
                        List.of("query", "key", "strength", "part", "of the score", "above mean"));
        for (QueryKey.Pair pair : found.pairs().subList(0, Math.min(top, found.pairs().size()))) {
            pairs.row(
                    List.of(
                            pair.query(),
                            pair.key(),
                            pair.strength() == null ? "-" : "%+.3g".formatted(pair.strength()),
                            "%+.3f".formatted(pair.part()),
                            "%.0f %%".formatted(100 * pair.share()),
                            "%+.3f".formatted(pair.above())));
        }
        List<String> head = new ArrayList<>(List.of("key", "token", "attention"));
        List<List<Double>> after = found.patternWithout();
        if (after != null) {
            head.add("without");
        }
        Tables pattern = new Tables(head);
        for (int at = 0; at <= found.query(); at++) {
            List<String> row =
                    new ArrayList<>(
                            List.of(
                                    Integer.toString(at),
                                    "\"%s\"".formatted(found.tokens().get(at)),
                                    Tables.percent(found.pattern().get(found.query()).get(at))));
            if (after != null) {
                row.add(Tables.percent(after.get(found.query()).get(at)));
            }
            pattern.row(row);
        }
        return """
        Head %d.%d, query %d "%s", key %d "%s"
        Score %.3f, %.3f above the mean of its keys, attention %s
        %d pairs; strengths %s

        %s
        %s\
        """
                .formatted(
                        found.layer(),
                        found.head(),
                        found.query(),
                        found.tokens().get(found.query()),
                        found.key(),
                        found.tokens().get(found.key()),
                        found.score(),
                        found.above(),
                        Tables.percent(found.attention()),
                        found.found(),
                        found.turns()
                                ? "are at distance %d".formatted(found.query() - found.key())
                                : "do not depend on the distance",
                        pairs,
                        pattern);
    }
}
