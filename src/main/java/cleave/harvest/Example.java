package cleave.harvest;

/// A place in a text at which a subcomponent is on, with what lies around it.
///
/// @param row of the text it was first seen in
/// @param position within the row
/// @param text a number that tells the row's tokens from others
/// @param lot a number by which ordinary examples are drawn
/// @param importance there
/// @param inner the inner activation `x V` there
/// @param first position of the first token shown
/// @param tokens shown
/// @param importances of the subcomponent at them
/// @param inners its inner activations at them
record Example(
        long row,
        int position,
        long text,
        long lot,
        float importance,
        float inner,
        int first,
        int[] tokens,
        float[] importances,
        float[] inners) {}
