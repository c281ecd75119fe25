package cleave.training;

/// A number of training became infinite or not a number; the step that found it updated nothing.
public final class NonFiniteLoss extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// Names the step and the loss term.
    public NonFiniteLoss(long step, String term, double value) {
        this("loss term " + term, value, step);
    }

    private NonFiniteLoss(String what, double value, long step) {
        super(
                "%s must be finite, got %s (step %d)".formatted(what, value, step)
                        + "\nhint: lower the learning rate or clip gradients; checkpoints before this step are unharmed");
    }

    /// For a gradient whose losses were finite.
    static NonFiniteLoss ofGradient(long step, String group, double norm) {
        return new NonFiniteLoss("gradient norm of " + group, norm, step);
    }

    /// For parameters that an update made infinite.
    public static NonFiniteLoss ofParameters(long step) {
        return new NonFiniteLoss("every parameter", Double.NaN, step);
    }
}
