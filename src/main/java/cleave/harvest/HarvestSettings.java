package cleave.harvest;

import java.util.List;

/// What decides what a harvest counts. Two halves that differ in nothing but the part add up.
///
/// @param version of the folder's format
/// @param target name of the model's folder
/// @param step of the checkpoint
/// @param decomposition SHA-256 of the checkpoint's file
/// @param source the text: `task`, or the SHA-256 of each file
/// @param tokens at most so many, over all parts
/// @param length of the rows, at most
/// @param slice rows in a pass
/// @param threshold a subcomponent is active where its importance is above it
/// @param examples of each kind for each subcomponent, at most
/// @param part which part of the slices, from 1; 0 when merged
/// @param parts how many parts there are
public record HarvestSettings(
        int version,
        String target,
        long step,
        String decomposition,
        List<String> source,
        long tokens,
        int length,
        int slice,
        double threshold,
        int examples,
        int part,
        int parts) {

    /// The version that is written.
    public static final int VERSION = 1;

    /// Keeps an unmodifiable copy.
    public HarvestSettings {
        source = List.copyOf(source);
    }

    /// The same of another part.
    HarvestSettings ofPart(int other, int of) {
        return new HarvestSettings(
                version,
                target,
                step,
                decomposition,
                source,
                tokens,
                length,
                slice,
                threshold,
                examples,
                other,
                of);
    }
}
