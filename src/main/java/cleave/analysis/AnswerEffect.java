package cleave.analysis;

import java.util.ArrayList;
import java.util.List;

/// What a change does to the answers of a group of questions (spec A11). An answer of several
/// tokens is asked token by token, each after the right ones before it.
///
/// @param group its name
/// @param questions how many
/// @param before mean probability of the whole answer
/// @param after the same after the change
/// @param ratio median over the questions of the probability after by that before
/// @param rightBefore share of questions whose every answer token is the most probable one
/// @param rightAfter the same after the change
/// @param unchanged share of questions whose most probable tokens are the same as before, at every
///   token of the answer
/// @param kl mean divergence from the output before over the positions compared, nats
public record AnswerEffect(
        String group,
        int questions,
        double before,
        double after,
        double ratio,
        double rightBefore,
        double rightAfter,
        double unchanged,
        double kl) {

    /// One question's answer.
    ///
    /// @param logProbability of the whole answer
    /// @param top the most probable token at each of its places
    /// @param right whether these are the answer
    record Answer(double logProbability, List<Long> top, boolean right) {}

    /// @param kl mean over the positions compared
    static AnswerEffect of(String group, List<Answer> before, List<Answer> after, double kl) {
        int count = before.size();
        double sumBefore = 0;
        double sumAfter = 0;
        int rightBefore = 0;
        int rightAfter = 0;
        int unchanged = 0;
        List<Double> ratios = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Answer old = before.get(i);
            Answer now = after.get(i);
            sumBefore += Math.exp(old.logProbability());
            sumAfter += Math.exp(now.logProbability());
            rightBefore += old.right() ? 1 : 0;
            rightAfter += now.right() ? 1 : 0;
            unchanged += old.top().equals(now.top()) ? 1 : 0;
            ratios.add(Math.exp(now.logProbability() - old.logProbability()));
        }
        return new AnswerEffect(
                group,
                count,
                sumBefore / count,
                sumAfter / count,
                Quartiles.of(ratios).median(),
                (double) rightBefore / count,
                (double) rightAfter / count,
                (double) unchanged / count,
                kl);
    }
}
