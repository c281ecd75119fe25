/// The toys whose answer is known, as a regression suite: what is run, what must come out, and the
/// rows of earlier runs.
///
/// How its figures are measured, its page and its command are here too.
@org.jspecify.annotations.NullMarked
package cleave.study.toys;
