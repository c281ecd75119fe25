/// Text as tokens of a model.
@org.jspecify.annotations.NullMarked
package cleave.text;
