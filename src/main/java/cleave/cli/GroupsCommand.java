package cleave.cli;

import cleave.command.JsonOutput;
import cleave.command.LiveLine;
import cleave.command.Tables;
import cleave.config.UserError;
import cleave.harvest.Groups;
import cleave.harvest.HarvestFolder;
import cleave.run.LoadedRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave groups`: subcomponents that are on together.
@Command(
        name = "groups",
        description = "Find groups of subcomponents, over all sites, that are on together.")
final class GroupsCommand implements Callable<Integer> {
    private static final int MEMBERS_WIDTH = 52;

    @Parameters(paramLabel = "RUN", description = "Run directory.")
    private Path run;

    @Mixin private final AskedText asked = new AskedText();

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "0.01",
            description = "Importance above which a subcomponent is on. Default: ${DEFAULT-VALUE}.")
    private double threshold;

    @Option(
            names = "--alpha",
            paramLabel = "BITS",
            defaultValue = "1",
            description =
                    "What a member costs wherever its group is on; more leaves smaller groups."
                            + " Default: ${DEFAULT-VALUE}.")
    private double alpha;

    @Option(
            names = "--draws",
            paramLabel = "N",
            defaultValue = "8",
            description =
                    "Clusterings, to see which groups come again; the one of the shortest"
                            + " description is shown. Default: ${DEFAULT-VALUE}.")
    private int draws;

    @Option(
            names = "--seed",
            paramLabel = "SEED",
            defaultValue = "0",
            description = "Of the draws. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "20",
            description = "Groups to print. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description =
                    "File to write. Default: groups.json in RUN/harvest, or in RUN where there is"
                            + " no harvest.")
    private @Nullable Path out;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        Groups.Choice how = new Groups.Choice(threshold, alpha, draws, seed);
        List<String> problems = new ArrayList<>(asked.choice().problems());
        problems.addAll(how.problems());
        if (top < 0) {
            problems.add("--top must be >= 0, got " + top);
        }
        Path file = out == null ? file(run) : out;
        if (Files.isDirectory(file)) {
            problems.add("--out must be a file, got a folder (%s)".formatted(file));
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        PrintWriter err = command.commandLine().getErr();
        Groups groups;
        try (LoadedRun loaded = LoadedRun.open(run);
                LiveLine line = new LiveLine(err, "groups", "token", 0, asked.choice().tokens())) {
            groups =
                    Groups.of(
                            loaded,
                            asked.choice(),
                            how,
                            done -> line.show(done, "%d tokens".formatted(done)));
        }
        groups.write(file);
        if (json.enabled()) {
            json.print(groups);
        } else {
            json.text().print(text(groups));
            json.text().println("written: " + file);
        }
        return 0;
    }

    private static Path file(Path run) {
        return HarvestFolder.in(run).orElse(run).resolve(Groups.FILE);
    }

    private String text(Groups found) {
        Tables table =
                new Tables(List.of("members", "pieces", "density", "all on", "again", "chance"));
        for (Groups.Group group : found.groups().subList(0, Math.min(top, found.groups().size()))) {
            table.row(
                    List.of(
                            members(group.members()),
                            Integer.toString(group.members().size()),
                            Tables.percent(group.density()),
                            "%.0f %%".formatted(100.0 * group.together() / group.on()),
                            share(group.found()),
                            share(group.chance())));
        }
        return """
        %d subcomponents are on somewhere at %d positions: %d groups, %d alone
        %.2f bits a position in these groups, %.2f with every one alone

        %s
        Alike, 1 the same and 0 chance: clusterings of other draws %s, of halves of the text %.2f
        """
                .formatted(
                        found.on(),
                        found.positions(),
                        found.groups().size(),
                        found.alone().size(),
                        found.bits(),
                        found.apart(),
                        table,
                        found.seeds() == null ? "-" : "%.2f".formatted(found.seeds()),
                        found.halves());
    }

    private static String share(@Nullable Double share) {
        return share == null ? "-" : "%.0f %%".formatted(100 * share);
    }

    /// The first members, as many as there is room for.
    private static String members(List<String> ids) {
        StringBuilder text = new StringBuilder(ids.getFirst());
        for (String id : ids.subList(1, ids.size())) {
            if (text.length() + id.length() + 4 > MEMBERS_WIDTH) {
                return text + " ...";
            }
            text.append(' ').append(id);
        }
        return text.toString();
    }
}
