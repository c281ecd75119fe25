/// What commands share: how a decomposition is begun and followed, a census of a run as commands
/// take it, and how results are printed.
@org.jspecify.annotations.NullMarked
package cleave.command;
