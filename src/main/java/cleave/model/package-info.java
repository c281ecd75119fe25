/// The frozen network under study, its sites, and the data it is run on.
///
/// Masks and subcomponents do not belong here: a target only knows that the map of a site may be
/// replaced.
@org.jspecify.annotations.NullMarked
package cleave.model;
