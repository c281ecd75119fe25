/// Causal importance g of every subcomponent at every position, and the functions that predict it
/// (spec G1 to G6).
///
/// How importances become masks belongs to mask.
@org.jspecify.annotations.NullMarked
package cleave.importance;
