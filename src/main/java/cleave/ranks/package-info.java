/// Several processes that compute one step together: how they find each other, what they exchange,
/// and how each learns that another is gone. No formula of the method belongs here.
///
/// A process is called a rank and has a number from 0 to one less than their number. All make the
/// same exchanges in the same order.
@org.jspecify.annotations.NullMarked
package cleave.ranks;
