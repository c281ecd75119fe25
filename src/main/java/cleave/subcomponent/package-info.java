/// A site's weight as a sum of rank-one subcomponents U_c V_c (spec S1 to S5).
///
/// What decides which of them are on belongs to importance and mask.
@org.jspecify.annotations.NullMarked
package cleave.subcomponent;
