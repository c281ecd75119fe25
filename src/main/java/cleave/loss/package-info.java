/// The terms of the training objective (spec L1 to L9).
///
/// Summing and differentiating them belongs to training.
@org.jspecify.annotations.NullMarked
package cleave.loss;
