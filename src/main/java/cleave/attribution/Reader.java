package cleave.attribution;

import cleave.tensor.Tensor;

/// A number that is differentiated: what a vector reads at a position.
///
/// @param site place of the site whose input is read; that of none for the outputs
/// @param vector `[d_in]` or `[d_output]`
record Reader(int site, int position, Tensor vector) {}
