/// The case study of the induction transformer: the causal check of its circuit, the matrices that
/// it needs, and what its paper reports.
@org.jspecify.annotations.NullMarked
package cleave.study.induction;
