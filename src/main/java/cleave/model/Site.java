package cleave.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// A named block of a stored weight that can be decomposed: its map is `x W^T` with `W [d_out,
/// d_in]`.
///
/// @param name the site's name, unique within its target
/// @param block the block of the target it belongs to; a forward pass can start from a later block
/// @param stored where W lies in the target's weights
/// @param dIn width of the site's input
/// @param dOut width of the site's output
/// @param tiedTo the site whose U and V this one uses transposed, where the target ties two weights
/// @param aliases other names that select the site: that of the scheme that all language models
///   share, and the full one of the model's file
/// @param reads what its input x is
public record Site(
        String name,
        int block,
        Stored stored,
        long dIn,
        long dOut,
        Optional<String> tiedTo,
        List<String> aliases,
        Reads reads) {

    /// Keeps its own list of aliases.
    public Site {
        aliases = List.copyOf(aliases);
    }

    /// What the input of a site is.
    public enum Reads {
        /// Numbers `[B, T, d_in]`.
        NUMBERS,
        /// One token at each position. As numbers it is one-hot, 1 at the token and 0 at the others
        /// of `d_in`; it is held as the token's number, `[B, T, 1]`, and multiplied by looking up a
        /// row ([cleave.engine.Products#product]).
        TOKENS
    }

    /// A site that reads numbers.
    public Site(
            String name,
            int block,
            Stored stored,
            long dIn,
            long dOut,
            Optional<String> tied,
            List<String> aliases) {
        this(name, block, stored, dIn, dOut, tied, aliases, Reads.NUMBERS);
    }

    /// A site with one name that reads numbers.
    public Site(String name, int block, Stored stored, long dIn, long dOut, Optional<String> tied) {
        this(name, block, stored, dIn, dOut, tied, List.of());
    }

    /// Whether its input is a token at each position.
    public boolean readsTokens() {
        return reads == Reads.TOKENS;
    }

    /// How many numbers gates read at a position: d_in; of a site that reads tokens d_out, for they
    /// read the row that the target has for the token.
    public long gateWidth() {
        return readsTokens() ? dOut : dIn;
    }

    /// Its own name, then the aliases.
    public List<String> names() {
        List<String> names = new ArrayList<>(List.of(name));
        names.addAll(aliases);
        return names;
    }

    /// Whether the site goes by this name, its own or an alias.
    public boolean isCalled(String other) {
        return name.equals(other) || aliases.contains(other);
    }

    /// The place of a site in the target's weights.
    ///
    /// @param tensor name of the stored tensor
    /// @param inputFirst whether it is stored as `[d_in, d_out]`
    /// @param firstOutput the first output of the block, for a fused weight; 0 otherwise
    public record Stored(String tensor, boolean inputFirst, long firstOutput) {}

    /// Whether another site is a part of this one: outputs of the same stored weight, used the same
    /// way.
    public boolean holds(Site other) {
        return other.stored().tensor().equals(stored.tensor())
                && other.stored().inputFirst() == stored.inputFirst()
                && other.stored().firstOutput() >= stored.firstOutput()
                && other.stored().firstOutput() + other.dOut() <= stored.firstOutput() + dOut
                && other.tiedTo().isEmpty()
                && tiedTo.isEmpty();
    }

    /// A site that is one whole weight stored as `[d_out, d_in]`.
    public static Site whole(String name, int block, String tensor, long dIn, long dOut) {
        return new Site(name, block, new Stored(tensor, false, 0), dIn, dOut, Optional.empty());
    }

    /// A token embedding that is one whole weight stored as `[tokens, width]`.
    static Site ofTokens(
            String name, String tensor, long tokens, long width, List<String> aliases) {
        return new Site(
                name,
                0,
                new Stored(tensor, true, 0),
                tokens,
                width,
                Optional.empty(),
                aliases,
                Reads.TOKENS);
    }

    /// Whether one of the site's names ends in one of these.
    boolean endsWithAny(String... ends) {
        return names().stream().anyMatch(name -> Arrays.stream(ends).anyMatch(name::endsWith));
    }
}
