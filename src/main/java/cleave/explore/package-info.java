/// A local page to look at runs and harvests and to try interventions. Files that a harvest wrote
/// are served as they are; only what needs the model loads it, one job at a time.
@org.jspecify.annotations.NullMarked
package cleave.explore;
