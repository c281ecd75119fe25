package cleave.model;

import java.util.function.Predicate;

/// Where a model's residual stream begins and ends, and which of its sites read and write it; with
/// them a direction of the stream can be said in tokens.
///
/// @param embedding name of the token embedding `[tokens, d]`
/// @param unembedding name of the head `[tokens, d]`
/// @param reads whether a site reads the stream
/// @param writes whether it writes to it
public record StreamEnds(
        String embedding, String unembedding, Predicate<Site> reads, Predicate<Site> writes) {}
