/// Runs as folders: configuration, provenance, metrics and checkpoints, written by one process and
/// read again by any.
///
/// A decomposition or a target's training is run here from its configuration. No formula of the
/// method belongs here.
@org.jspecify.annotations.NullMarked
package cleave.run;
