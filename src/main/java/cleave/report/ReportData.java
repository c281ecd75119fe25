package cleave.report;

import cleave.analysis.Census;
import cleave.analysis.Circuit;
import cleave.run.MetricsLog;
import cleave.verdict.Verdict;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// Everything the page says, as numbers and strings.
///
/// @param origin which run
/// @param metrics what was logged
/// @param census the counts
/// @param verdict what the run shows and does not, without an adversary
/// @param circuit the causal check; empty where it does not apply
/// @param facts what `cleave facts` found; empty where it was not run
/// @param examples sequences to look at
/// @param marks importances where something happens; empty without marks
/// @param attention patterns before and after suppression; empty without a circuit
/// @param sites U, V and sizes, in site order
/// @param provenance fields of `provenance.json`, by path
/// @param config the resolved configuration, as YAML
/// @param commands that make this run and this page again
public record ReportData(
        Origin origin,
        List<MetricsLog.Line> metrics,
        Census census,
        Verdict verdict,
        Optional<Circuit> circuit,
        Optional<Facts> facts,
        List<Example> examples,
        Optional<MarkImportances> marks,
        Optional<AttentionMaps> attention,
        List<SiteVectors> sites,
        SequencedMap<String, String> provenance,
        String config,
        List<String> commands) {

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

    /// What suppressing each fact's own subcomponents changes.
    ///
    /// @param step of the checkpoint that was asked
    /// @param most how many subcomponents were suppressed at most
    /// @param at where, as `cleave facts` calls it
    /// @param atName whether they had to be active at a token of the athlete's name
    /// @param threshold importance above which one is active
    /// @param rare the largest share of other prompts on which one may be active
    /// @param sequences how many other prompts
    /// @param rows in the order asked
    /// @param summary median, lower and upper quartile by name
    public record Facts(
            long step,
            int most,
            String at,
            boolean atName,
            double threshold,
            double rare,
            int sequences,
            List<FactRow> rows,
            SequencedMap<String, List<Double>> summary) {}

    /// One athlete's sport.
    ///
    /// @param changed the part of the answer's probability that is lost, then the shares of
    ///   paraphrases, other athletes of the sport, those of other sports, reverse questions and
    ///   questions about other things whose top answer changed
    /// @param controls relative change of the answer's probability when subcomponents active
    ///   elsewhere, inactive ones and singular directions are suppressed in place of the chosen
    public record FactRow(
            String athlete, String sport, List<Double> changed, List<Double> controls) {}

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
            SequencedMap<String, List<Row>> importances) {}

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

    /// Attention on one sequence.
    ///
    /// @param example the sequence
    /// @param conditions the target first
    public record AttentionMaps(Example example, List<AttentionCondition> conditions) {}

    /// Attention under one condition.
    ///
    /// @param name of the condition
    /// @param suppressed how many subcomponents are off
    /// @param layers patterns `[query][key]`
    public record AttentionCondition(
            String name, int suppressed, List<List<List<Double>>> layers) {}

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
