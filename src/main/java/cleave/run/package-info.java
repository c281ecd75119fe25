/// What a run leaves on disk, and how it is read again: configuration, provenance, metrics, and
/// checkpoints in a versioned folder with one writer; and the running of a decomposition or a
/// target's training from its configuration. No formula of the method belongs here.
@org.jspecify.annotations.NullMarked
package cleave.run;
