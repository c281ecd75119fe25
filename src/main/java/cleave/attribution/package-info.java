/// What works on what in one pass: how much of a subcomponent's activation, and of an answer, comes
/// from which subcomponents before it.
@org.jspecify.annotations.NullMarked
package cleave.attribution;
