package cleave.verdict;

import java.util.Locale;

/// The checks of a verdict, in the order of its lines.
public enum Check {
    FINISHED(
            "finished",
            Unit.SHARE,
            "end the run: the same `cleave decompose` command with --resume; the schedules count on"
                    + " its last step"),
    CONVERGED(
            "converged",
            Unit.FACTOR,
            "where the losses fall, raise `steps`; where they rise, minimality wins late: let p or"
                    + " the coefficients end earlier, or lower the learning rate"),
    FAITHFUL(
            "faithful",
            Unit.LOSS,
            "raise `faithfulness.coefficient`, give `warmup` steps, or run longer: the"
                    + " subcomponents do not sum to the weights"),
    G_MASKED_KL(
            "g-masked KL",
            Unit.LOSS,
            "lower the coefficients of `importance_minimality` and `usage`, or raise that of the"
                    + " reconstruction under `importance` masks"),
    G_MASKED_ACCURACY(
            "g-masked accuracy",
            Unit.SHARE,
            "lower the coefficients of `importance_minimality` and `usage`, or raise that of the"
                    + " reconstruction under `importance` masks"),
    ROUNDED_KL(
            "rounded KL",
            Unit.LOSS,
            "importances stop short of 0 and 1: let p end lower, or run longer; counts at one"
                    + " threshold say little until then"),
    STOCHASTIC_KL(
            "stochastic KL",
            Unit.LOSS,
            "raise the coefficient of the reconstruction under `stochastic` masks, or run longer:"
                    + " subcomponents of importance 0 still matter"),
    POSITION_FREE_ACCURACY(
            "position-free accuracy",
            Unit.SHARE,
            "the gates may do a part of the task themselves: run longer, press less on minimality"
                    + " and more on `usage`, and see what suppressing does before the counts"),
    POSITION_FREE_KL(
            "position-free KL",
            Unit.LOSS,
            "the gates may do a part of the task themselves: run longer, press less on minimality"
                    + " and more on `usage`, and see what suppressing does before the counts"),
    UNLIKE_ACCURACY(
            "accuracy on unlike sequences",
            Unit.SHARE,
            "the used subcomponents alone fit the sequences of training and not the task: run"
                    + " longer, or press less on minimality"),
    UNLIKE_KL(
            "KL on unlike sequences",
            Unit.LOSS,
            "the used subcomponents alone fit the sequences of training and not the task: run"
                    + " longer, or press less on minimality"),
    BIMODAL(
            "bimodal",
            Unit.SHARE,
            "let p end lower, or run longer: what is neither off nor on makes counts a matter of"
                    + " the threshold"),
    NOTHING_DENSE(
            "nothing dense",
            Unit.SHARE,
            "raise the coefficient of `importance_minimality`: what is on everywhere says nothing"
                    + " about a position"),
    DEAD(
            "dead",
            Unit.SHARE,
            "nothing was found: lower the coefficients of `importance_minimality` and `usage`, or ask"
                    + " what the target does at all"),
    STABLE_BY_THRESHOLD(
            "stable by threshold",
            Unit.SHARE,
            "give counts with their threshold, or make importances bimodal first"),
    STABLE_BY_FLOOR(
            "stable by floor",
            Unit.SHARE,
            "give counts with their floor; rarely active subcomponents want more sequences, or a"
                    + " `usage` term"),
    ADVERSARIAL_KL_20(
            "adversarial KL, 20 steps",
            Unit.LOSS,
            "subcomponents of importance 0 do harm together: say so beside the stochastic figure,"
                    + " and trust what is switched off less than what is on"),
    ADVERSARIAL_KL_80(
            "adversarial KL, 80 steps",
            Unit.LOSS,
            "subcomponents of importance 0 do harm together: say so beside the stochastic figure,"
                    + " and trust what is switched off less than what is on"),
    ADVERSARIAL_KL_320(
            "adversarial KL, 320 steps",
            Unit.LOSS,
            "subcomponents of importance 0 do harm together: say so beside the stochastic figure,"
                    + " and trust what is switched off less than what is on"),
    ADVERSARIAL_KL_1280(
            "adversarial KL, 1,280 steps",
            Unit.LOSS,
            "subcomponents of importance 0 do harm together: say so beside the stochastic figure,"
                    + " and trust what is switched off less than what is on"),
    GROUND_TRUTH(
            "ground truth",
            Unit.SHARE,
            "the known solution was not found: compare other seeds, coefficients and lengths of"
                    + " training");

    private final String title;
    private final Unit unit;
    private final String whatToDo;

    Check(String title, Unit unit, String whatToDo) {
        this.title = title;
        this.unit = unit;
        this.whatToDo = whatToDo;
    }

    /// What its figure is.
    public enum Unit {
        /// A share, shown as per cent.
        SHARE,
        /// A plain number near 1.
        FACTOR,
        /// A loss or divergence, of any size.
        LOSS;

        /// A figure of this unit as text.
        public String text(double figure) {
            if (!Double.isFinite(figure)) {
                return "none";
            }
            return switch (this) {
                case SHARE -> String.format(Locale.ROOT, "%.2f %%", 100 * figure);
                case FACTOR -> String.format(Locale.ROOT, "%.2f", figure);
                case LOSS -> String.format(Locale.ROOT, "%.1e", figure);
            };
        }
    }

    /// What it is called in texts.
    public String title() {
        return title;
    }

    /// What its figure is.
    public Unit unit() {
        return unit;
    }

    /// What to do when it is not passed.
    public String whatToDo() {
        return whatToDo;
    }

    /// What it is called in JSON.
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
