/// Case studies: models whose answer is known or looked for in a particular way, each a package of
/// its own with its analysis, its part of the page, its commands and its texts.
@org.jspecify.annotations.NullMarked
package cleave.study;
