package cleave.command;

import cleave.analysis.Change;
import cleave.analysis.Concept;
import cleave.config.UserError;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/// What is suppressed and where; used as a `@Mixin`.
public final class ConceptOptions {
    @Option(
            names = "--top",
            paramLabel = "N",
            defaultValue = "10",
            description =
                    "Suppress at most the N whose suppression alone lowers the answer most."
                            + " Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(
            names = "--threshold",
            paramLabel = "G",
            defaultValue = "0.5",
            description = "Importance above which a subcomponent is active. Default: 0.5.")
    private double threshold;

    @Option(
            names = "--at",
            paramLabel = "WHERE",
            defaultValue = "everywhere",
            description =
                    "Suppress everywhere, which is what an edit of the weights does, or active:"
                            + " only at the positions where each is active. Default: everywhere.")
    private String where = "everywhere";

    @Option(
            names = "--rare",
            paramLabel = "SHARE",
            defaultValue = "1",
            description =
                    "Choose only those active on at most this share of the other prompts, so that"
                            + " what many prompts need is left alone. Default: 1.")
    private double rare;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            defaultValue = "64",
            description =
                    "Other prompts: the first N of the evaluation stream. Controls come from them."
                            + " Default: 64.")
    private int sequences;

    /// The settings.
    ///
    /// @param within positions at one of which a chosen subcomponent must be active
    /// @throws UserError naming every option that is out of range
    public Concept.Settings settings(List<Integer> within) {
        List<String> problems = new ArrayList<>();
        require(top >= 1, "--top must be >= 1, got " + top, problems);
        require(
                threshold >= 0 && threshold < 1,
                "--threshold must be >= 0 and < 1, got " + threshold,
                problems);
        require(
                where.equals("everywhere") || where.equals("active"),
                "--at must be everywhere or active, got " + where,
                problems);
        require(rare >= 0 && rare <= 1, "--rare must be >= 0 and <= 1, got " + rare, problems);
        require(sequences >= 1, "--sequences must be >= 1, got " + sequences, problems);
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        Change.At at = where.equals("active") ? Change.At.ACTIVE : Change.At.EVERYWHERE;
        return new Concept.Settings(threshold, top, at, within, rare, sequences);
    }

    private static void require(boolean fits, String problem, List<String> problems) {
        if (!fits) {
            problems.add(problem);
        }
    }
}
