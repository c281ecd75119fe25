package cleave.study.sports;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What was found for one subject, and what suppressing it does. Shares and probabilities are from
/// 0 to 1; what could not be asked, because the model does not know it, is null.
///
/// @param topic the answer's word
/// @param prompt that was trained on
/// @param pieces how many subcomponents are suppressed
/// @param pieceIds which
/// @param active how many are active on the prompt
/// @param before probability of the answer
/// @param after the same with the pieces suppressed
/// @param rankBefore of the answer among all tokens, 1 for the most probable
/// @param rankAfter the same after
/// @param otherSubjectKept smallest share of its answer's probability that another subject keeps
/// @param otherSubjectOnTop whether every other subject's answer is as much on top as before
/// @param othersKept mean share of the answer's probability that other subjects with other answers
///   keep, those whose answer was on top; one that rises counts as 1
/// @param sameKept the same of other subjects with the same answer that had at least 5 %
/// @param textKl divergence on held-out text, mean over positions, nats
/// @param textKlP99 the same, 99th percentile over positions
/// @param controlShare largest change of the answer's log-probability under a control, by its fall
///   under the pieces
/// @param phrasingsFall smallest fall, in times, over the other phrasings that had the answer on
///   top
/// @param reverseKept mean share of its probability that the subject's name keeps after questions
///   whose answer it is, those where it was on top or had at least 5 %
/// @param usesKept mean share of the probability that other uses of the word keep where it was on
///   top
/// @param capitalsBefore share of facts of another kind that are answered rightly
/// @param capitalsAfter the same after
/// @param found what the pieces turned out to carry: `subject`, `topic`, `word` or `prompt`;
///   `nothing` where the answer does not even fall to half
/// @param sentence all of it in one sentence
/// @param candidates the subcomponents that lower the answer most, each suppressed alone
/// @param alone the most promising of them with what each costs elsewhere
/// @param rule the paper's choice in the place of the pieces
/// @param others every other subject whose answer was on top or has at least 5 %
/// @param phrasings every other wording of the fact
/// @param reverse questions whose answer is the subject
/// @param uses other uses of words, by word
/// @param controls the controls, draw by draw
/// @param full what `--evidence full` adds; else null
record SubjectReport(
        String topic,
        String prompt,
        int pieces,
        List<String> pieceIds,
        int active,
        double before,
        double after,
        int rankBefore,
        int rankAfter,
        double otherSubjectKept,
        boolean otherSubjectOnTop,
        @Nullable Double othersKept,
        @Nullable Double sameKept,
        double textKl,
        @Nullable Double textKlP99,
        @Nullable Double controlShare,
        @Nullable Double phrasingsFall,
        @Nullable Double reverseKept,
        @Nullable Double usesKept,
        double capitalsBefore,
        double capitalsAfter,
        String found,
        String sentence,
        List<Piece> candidates,
        List<Alone> alone,
        Rule rule,
        List<Asked> others,
        List<Asked> phrasings,
        List<Asked> reverse,
        Map<String, List<Asked>> uses,
        List<Control> controls,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Full full) {

    /// The same with what takes hours.
    SubjectReport with(Full more) {
        return new SubjectReport(
                topic,
                prompt,
                pieces,
                pieceIds,
                active,
                before,
                after,
                rankBefore,
                rankAfter,
                otherSubjectKept,
                otherSubjectOnTop,
                othersKept,
                sameKept,
                textKl,
                textKlP99,
                controlShare,
                phrasingsFall,
                reverseKept,
                usesKept,
                capitalsBefore,
                capitalsAfter,
                found,
                sentence,
                candidates,
                alone,
                rule,
                others,
                phrasings,
                reverse,
                uses,
                controls,
                more);
    }

    /// A subcomponent that is active on the prompt, suppressed alone.
    ///
    /// @param id as `SITE:INDEX`
    /// @param at the tokens at which it is active
    /// @param fall of the answer's log-probability, nats
    /// @param otherFall the largest fall of another subject's, nats
    record Piece(String id, List<String> at, double fall, double otherFall) {}

    /// A set of subcomponents and what suppressing it does, measured on what finding looks at.
    ///
    /// @param ids as `SITE:INDEX`
    /// @param fall of the answer's log-probability, nats
    /// @param rank of the answer
    /// @param otherFall the largest fall of another subject's, nats
    /// @param othersLost mean share of its probability that the likeliest next token after prompts
    ///   about others loses
    /// @param linesLost the same after prompts about other things
    /// @param textKl divergence on the training's other text, nats a token
    record Alone(
            List<String> ids,
            double fall,
            int rank,
            double otherFall,
            double othersLost,
            double linesLost,
            double textKl) {}

    /// The subcomponents that are active on this subject's prompt and on no other's.
    ///
    /// @param pieces how many
    /// @param chosenAmong how many of the suppressed pieces are among them
    /// @param after probability of the answer with all of them suppressed
    /// @param otherSubjectKept smallest share that another subject's answer keeps
    /// @param textKl divergence on held-out text, nats a token
    record Rule(
            int pieces, int chosenAmong, double after, double otherSubjectKept, double textKl) {}

    /// A question, and the probability of its answer.
    ///
    /// @param prompt the text before the answer
    /// @param answer as it follows the prompt
    /// @param before probability
    /// @param after with the pieces suppressed
    /// @param rankBefore 1 for the most probable token
    /// @param rankAfter the same after
    record Asked(
            String prompt,
            String answer,
            double before,
            double after,
            int rankBefore,
            int rankAfter) {}

    /// Other subcomponents, or singular directions, suppressed in the place of the pieces.
    ///
    /// @param kind `inactive`, `active_elsewhere` or `singular`
    /// @param draw from 0
    /// @param ids what was suppressed
    /// @param after probability of the answer
    /// @param fall of its log-probability, nats
    record Control(String kind, int draw, List<String> ids, double after, double fall) {}

    /// What takes hours.
    ///
    /// @param baselines the pieces and what stands in their place, on the same axes
    /// @param again the pieces in other runs, of other seeds
    /// @param tokens what each piece does, in tokens
    record Full(List<Baseline> baselines, List<Again> again, List<Tokens> tokens) {}

    /// A way to take the answer away, and what it does.
    ///
    /// @param kind `pieces`, `singular`, `units` (neurons and heads) or `rank_one` (fitted)
    /// @param ids what is suppressed or edited
    /// @param after probability of the answer
    /// @param rankAfter of the answer
    /// @param fall of its log-probability, nats
    /// @param otherSubjectKept smallest share that another subject's answer keeps
    /// @param othersKept mean share that others with other answers keep
    /// @param usesKept mean share that other uses of the word keep
    /// @param textKl divergence on held-out text, nats a token
    record Baseline(
            String kind,
            List<String> ids,
            double after,
            int rankAfter,
            double fall,
            double otherSubjectKept,
            @Nullable Double othersKept,
            @Nullable Double usesKept,
            double textKl) {}

    /// A piece in another run.
    ///
    /// @param id of the piece
    /// @param run the other run
    /// @param match the subcomponent of the same site there that is most like it
    /// @param cosine the smaller of the two cosines, of what both read and of what both write,
    ///   without signs
    /// @param chance the same with the site of the same kind in another block, where there is none
    ///   to come again
    record Again(String id, String run, String match, double cosine, double chance) {}

    /// What a piece does, in tokens, the first of them most.
    ///
    /// @param id of the piece
    /// @param lowered tokens whose log-probability after the prompt falls most without the piece
    /// @param raised those for which it rises most
    /// @param reads tokens whose embeddings lie most along what it reads; empty where its site does
    ///   not read the residual stream
    /// @param writes tokens whose rows of the head lie most along what it writes, turned so that it
    ///   is what it writes on the prompt; empty where its site does not write to the stream
    record Tokens(
            String id,
            List<String> lowered,
            List<String> raised,
            List<String> reads,
            List<String> writes) {}
}
