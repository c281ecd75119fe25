/// Many runs of one configuration in one directory: seeds and varied keys, a row for each run, and
/// their means and spreads.
///
/// What a single run is belongs to run, and what is measured of it to analysis.
@org.jspecify.annotations.NullMarked
package cleave.sweep;
