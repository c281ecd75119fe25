/// The paper's two subjects in a language model that somebody else trained: which pieces a known
/// answer rests on, what suppressing them takes away, and what it leaves.
@org.jspecify.annotations.NullMarked
package cleave.study.sports;
