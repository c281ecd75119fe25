package cleave.cli;

import cleave.analysis.Change;
import cleave.analysis.Concept;
import java.util.List;
import picocli.CommandLine.Option;

/// What is suppressed and where; used as a `@Mixin`.
final class ConceptOptions {
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
    /// @throws IllegalArgumentException when a number is out of range
    Concept.Settings settings(List<Integer> within) {
        if (top < 1) {
            throw new IllegalArgumentException("--top must be >= 1, got " + top);
        }
        CensusCommand.requireSequences(sequences);
        Change.At at =
                switch (where) {
                    case "everywhere" -> Change.At.EVERYWHERE;
                    case "active" -> Change.At.ACTIVE;
                    default ->
                            throw new IllegalArgumentException(
                                    "--at must be everywhere or active, got " + where);
                };
        return new Concept.Settings(threshold, top, at, within, rare, sequences);
    }
}
