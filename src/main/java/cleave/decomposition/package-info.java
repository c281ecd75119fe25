/// A whole decomposition: the subcomponents and gates of all decomposed sites of one target, and
/// where their numbers are stored.
///
/// How they are trained belongs to training.
@org.jspecify.annotations.NullMarked
package cleave.decomposition;
