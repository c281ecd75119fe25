/// Whether a run may be believed: a list of checks, each passed, warned of or failed, computed from
/// the run's files (`docs/reference/checks.md`).
///
/// How the figures are measured belongs to analysis, how they are shown to report and cli.
@org.jspecify.annotations.NullMarked
package cleave.verdict;
