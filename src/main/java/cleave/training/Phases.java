package cleave.training;

/// Hears which part of a step a thread enters, for those who measure where the time goes; training
/// itself knows no clock.
///
/// Each worker says for itself what it does, so `enter` is called from several threads.
@FunctionalInterface
public interface Phases {
    /// Drawing examples.
    String DATA = "data";

    /// The target's clean pass.
    String CLEAN = "clean forward";

    /// Importance functions and sigmoids.
    String GATES = "gates forward";

    /// From the losses to U, V and the importances.
    String BACKWARD = "backward";

    /// From the importances to the gates' parameters.
    String GATES_BACKWARD = "gates backward";

    /// Adding up the workers' gradients, clipping and Adam.
    String OPTIMIZER = "optimizer";

    /// Exchanging losses and summaries with other ranks.
    String EXCHANGE = "exchange";

    /// What is none of the others.
    String REST = "rest";

    /// Nothing: a worker that waits for the others.
    String WAITING = "waiting";

    /// Hears nothing.
    Phases NONE = _ -> {};

    /// The calling thread now does this; besides the constants it is the name of a loss term, whose
    /// value is then computed.
    void enter(String phase);
}
