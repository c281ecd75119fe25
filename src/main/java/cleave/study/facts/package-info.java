/// Well-known public facts as sentences: what the facts model is trained on and asked.
@org.jspecify.annotations.NullMarked
package cleave.study.facts;
