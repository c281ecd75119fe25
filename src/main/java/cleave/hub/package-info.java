/// Models as files: which kinds there are, how a folder of weights is read and checked, and how a
/// model on disk becomes one that can be run. Nothing here knows of decompositions or runs.
@org.jspecify.annotations.NullMarked
package cleave.hub;
