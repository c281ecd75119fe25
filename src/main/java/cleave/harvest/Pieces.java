package cleave.harvest;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;

/// The living subcomponents of a decomposition, counted over all its sites.
///
/// @param all in the order of sites
/// @param pieceAt the number in `all` at each place of each site, -1 for a merged one, which has
///   norm 0
record Pieces(List<Piece> all, int[][] pieceAt) {

    /// One of them.
    ///
    /// @param site number of its site
    /// @param place its place among the site's subcomponents
    /// @param id its name, `SITE:INDEX`, in the numbering before any was merged
    /// @param index within the site, in that numbering
    /// @param norm `|U_c| |V_c|`
    record Piece(int site, int place, String id, int index, double norm) {}

    /// Those of a decomposition.
    static Pieces of(Decomposition decomposition) {
        List<Piece> all = new ArrayList<>();
        int[][] pieceAt = new int[decomposition.sites().size()][];
        for (int site = 0; site < pieceAt.length; site++) {
            DecomposedSite decomposed = decomposition.sites().get(site);
            double[] norms =
                    Scopes.run(() ->
                            Tensors.toDoubles(decomposition.subcomponents(decomposed).norms()));
            pieceAt[site] = new int[norms.length];
            for (int place = 0; place < norms.length; place++) {
                pieceAt[site][place] = -1;
                if (norms[place] > 0) {
                    pieceAt[site][place] = all.size();
                    int index = decomposed.living().get(place);
                    all.add(
                            new Piece(
                                    site,
                                    place,
                                    decomposed.name() + ":" + index,
                                    index,
                                    norms[place]));
                }
            }
        }
        return new Pieces(List.copyOf(all), pieceAt);
    }
}
