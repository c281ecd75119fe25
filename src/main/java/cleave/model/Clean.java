package cleave.model;

import cleave.tensor.Tensor;
import java.util.List;
import java.util.SortedMap;

/// What is kept of a clean forward pass of the target.
///
/// @param outputs `[B, P, d_output]` at the loss positions
/// @param inputs `[B, T, d_in]` of each site by name; of one that reads tokens their numbers, `[B,
///   T, 1]`
/// @param blockInputs the input of each block, from which a masked forward pass can start
/// @param attention the attention pattern of each block `[B, Q, T]`, `Q` the queries computed, or
///   of each of its heads, block by block; empty without attention
public record Clean(
        Tensor outputs,
        SortedMap<String, Tensor> inputs,
        List<Tensor> blockInputs,
        List<Tensor> attention) {}
