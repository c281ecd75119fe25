/// What a finished decomposition says: census, suppression, importance maps (spec A1 to A18, N1 to
/// N7).
///
/// Functions of a decomposition and a task that return records of plain numbers. Files, tables and
/// pictures belong to run, cli and report.
@org.jspecify.annotations.NullMarked
package cleave.analysis;
