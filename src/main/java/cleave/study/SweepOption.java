package cleave.study;

import cleave.config.UserError;
import cleave.sweep.Sweep;
import cleave.sweep.SweepPlan;
import java.util.Optional;

/// An object with a picocli option that `cleave sweep` takes over.
public interface SweepOption {
    /// What the figures' names begin with, before their dot.
    String family();

    /// What is measured of each run beside the census; empty where the option was not given.
    ///
    /// @throws UserError when a run of the plan cannot be measured so
    Optional<Sweep.Measure> measure(SweepPlan plan);
}
