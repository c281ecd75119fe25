/// Strict configuration: YAML text becomes records, and every mistake on the way is reported at
/// once with its line and the nearest valid name.
///
/// What keys exist is said by the records of other packages; this package knows none of them and
/// depends on none of ours. Reading files, run directories and command lines does not belong here.
@org.jspecify.annotations.NullMarked
package cleave.config;
