package cleave.training;

/// A loss term became infinite or not a number; the parameters of that step are not updated.
public final class NonFiniteLoss extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// Names the step and the term.
    public NonFiniteLoss(long step, String term, double value) {
        super(
                "loss term %s must be finite, got %s (step %d)".formatted(term, value, step)
                        + "\nhint: lower the learning rate or clip gradients; checkpoints before this step are unharmed");
    }
}
