/// Numbers that change over a run: learning rates, coefficients, the power p (spec T1).
@org.jspecify.annotations.NullMarked
package cleave.schedule;
