/// Measurements of training steps: against a plain step, against the machine's matmul rate, and
/// ahead of a run.
///
/// Every variant runs in a process of its own; the parent tells the children in turn to do a few
/// steps, so that what disturbs the machine disturbs all of them.
@org.jspecify.annotations.NullMarked
package cleave.bench;
