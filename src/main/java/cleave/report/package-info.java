/// The self-contained page about a run: `report.html`.
///
/// Pictures are drawn here, as SVG and small PNGs; the page's script only points at values.
@org.jspecify.annotations.NullMarked
package cleave.report;
