/// What a case study may add to the rest, and how the installed ones are found.
///
/// A study is a model whose answer is known, or a question that is asked in a way of its own. Each
/// has a package with its analysis, its part of the page, its commands and its texts.
@org.jspecify.annotations.NullMarked
package cleave.study;
