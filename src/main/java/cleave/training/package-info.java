/// Training steps, schedules, the optimiser and the workers (spec T1 to T4).
///
/// No files, no clock: the run package gives cadence and storage.
@org.jspecify.annotations.NullMarked
package cleave.training;
