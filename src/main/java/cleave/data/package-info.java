/// Texts as files: which kinds of text a run can be given, how they are read and checked, and how
/// they become batches of tokens.
@org.jspecify.annotations.NullMarked
package cleave.data;
