/// Text into tokens of a model and back.
@org.jspecify.annotations.NullMarked
package cleave.text;
