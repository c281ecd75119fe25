/// What each subcomponent stands for, gathered in one pass over text: how often it is on and how
/// strongly, where, with which tokens and with which others, and what it reads and writes. The pass
/// adds whole numbers alone, so that parts of it add up to the same in any order.
@org.jspecify.annotations.NullMarked
package cleave.harvest;
