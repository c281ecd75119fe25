/// What a run leaves on disk, and how it is read again: configuration, provenance, metrics, and
/// checkpoints in a versioned folder with one writer. Nothing here computes with tensors.
@org.jspecify.annotations.NullMarked
package cleave.run;
