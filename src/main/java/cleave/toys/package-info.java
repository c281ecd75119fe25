/// The toys whose answer is known, as a regression suite: what is run, what must come out, and the
/// rows of earlier runs.
///
/// How figures are measured belongs to analysis.
@org.jspecify.annotations.NullMarked
package cleave.toys;
