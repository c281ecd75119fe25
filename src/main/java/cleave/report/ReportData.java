package cleave.report;

import cleave.analysis.Census;
import cleave.analysis.ImportanceMap;
import cleave.run.MetricsLog;
import cleave.verdict.Verdict;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.LongFunction;

/// Everything the page says, as numbers and strings.
///
/// @param origin which run
/// @param metrics what was logged
/// @param census the counts
/// @param verdict what the run shows and does not, without an adversary
/// @param additions what case studies add to the page
/// @param examples sequences to look at
/// @param marks importances where something happens; empty without marks
/// @param sites U, V and sizes, in site order
/// @param harvest what a harvest in the run's folder tells; empty where there is none
/// @param provenance fields of `provenance.json`, by path
/// @param config the resolved configuration, as YAML
/// @param commands that make this run and this page again
public record ReportData(
        Origin origin,
        List<MetricsLog.Line> metrics,
        Census census,
        Verdict verdict,
        List<Addition> additions,
        List<Example> examples,
        Optional<MarkImportances> marks,
        List<SiteVectors> sites,
        Optional<Harvested> harvest,
        SequencedMap<String, String> provenance,
        String config,
        List<String> commands) {

    /// What was published about these sites; empty where nothing was.
    Optional<Published> published() {
        return additions.stream().flatMap(each -> each.published().stream()).findFirst();
    }

    /// What a harvest of the run tells.
    ///
    /// @param positions that were gone over
    /// @param pieces the subcomponents that are active anywhere
    public record Harvested(long positions, List<Piece> pieces) {
        /// Keeps its own list.
        public Harvested {
            pieces = List.copyOf(pieces);
        }

        /// A subcomponent.
        ///
        /// @param density the share of positions at which it is active
        /// @param in the tokens at which it is active most often, as text
        /// @param next those that the target expects next there
        /// @param example the text around the place where it is most important
        public record Piece(
                String site, String id, double density, String in, String next, String example) {}
    }

    /// Which run the page is about.
    ///
    /// @param run name of its directory
    /// @param target name of the target's folder
    /// @param step of the checkpoint
    /// @param steps of the whole run
    /// @param batch sequences in a training step
    public record Origin(String run, String target, long step, long steps, long batch) {
        /// Whether training was over.
        public boolean isFinished() {
            return step >= steps;
        }
    }

    /// A sequence of the evaluation stream.
    ///
    /// @param index in the stream
    /// @param tokens as they are called
    /// @param marks positions by name
    /// @param importances of unique subcomponents by site, the most frequent first
    public record Example(
            long index,
            List<String> tokens,
            SequencedMap<String, Integer> marks,
            SequencedMap<String, List<Row>> importances) {

        /// An example of an importance map.
        ///
        /// @param names what a token is called
        public static Example of(ImportanceMap.Example found, LongFunction<String> names) {
            SequencedMap<String, Integer> marks = new LinkedHashMap<>();
            found.marks().forEach((mark, position) -> marks.put(mark, position.intValue()));
            SequencedMap<String, List<Row>> importances = new LinkedHashMap<>();
            found.importances()
                    .forEach((site, rows) ->
                            importances.put(
                                    site,
                                    rows.stream()
                                            .map(row -> new Row(row.index(), row.importance()))
                                            .toList()));
            return new Example(
                    found.index(),
                    found.tokens().stream().map(names::apply).toList(),
                    marks,
                    importances);
        }
    }

    /// Numbers of one subcomponent: by position, or by mark.
    ///
    /// @param index in its site
    public record Row(int index, List<Double> values) {}

    /// Mean importances at the marks.
    ///
    /// @param sequences how many
    /// @param marks their names
    /// @param sites by name
    public record MarkImportances(
            int sequences, List<String> marks, SequencedMap<String, SiteMarks> sites) {}

    /// Mean importances of one site at the marks.
    ///
    /// @param sum over all subcomponents of the site, by mark
    /// @param unique of each unique subcomponent, the most frequent first
    public record SiteMarks(List<Double> sum, List<Row> unique) {}

    /// The subcomponents of a site.
    ///
    /// @param site its name
    /// @param count C
    /// @param dIn width of what they read
    /// @param dOut width of what they write
    /// @param norms `|U_c| |V_c|` of all, largest first
    /// @param unique those in use, the most frequent first
    public record SiteVectors(
            String site,
            int count,
            int dIn,
            int dOut,
            List<Norm> norms,
            List<UniqueVectors> unique) {}

    /// The size of a subcomponent.
    ///
    /// @param isUnique whether it is in use
    public record Norm(int index, double norm, boolean isUnique) {}

    /// What a subcomponent reads and writes. Only the product of U and V has a meaning, so both are
    /// scaled to the same length, and signed so that the largest entry of V is positive.
    ///
    /// @param frequency share of sequences in which it is active
    /// @param norm `|U_c| |V_c|`
    /// @param reads V, `dIn` numbers
    /// @param writes U, `dOut` numbers
    public record UniqueVectors(
            int index, double frequency, double norm, List<Double> reads, List<Double> writes) {}
}
