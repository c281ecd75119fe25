package cleave.loss;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.schedule.Schedule;

/// How far the subcomponents' sum is from the weights (spec L3). It needs no data, so it belongs to
/// no stream.
///
/// @param coefficient what the term is multiplied with at each step
/// @param relative divide by each site's own size instead of the number of weights
public record Faithfulness(
        @AtLeast(0) @Default("1.0") Schedule coefficient, @Default("false") boolean relative) {}
