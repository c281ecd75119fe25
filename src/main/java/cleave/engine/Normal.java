package cleave.engine;

import static cleave.engine.Lanes.HALF;
import static cleave.engine.Lanes.ONE;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.all;
import static cleave.engine.Lanes.exp;
import static jdk.incubator.vector.VectorOperators.GT;
import static jdk.incubator.vector.VectorOperators.LT;

import jdk.incubator.vector.FloatVector;

/// The normal distribution, of which the exact GELU `x F(x)` and its gradient `F(x) + x f(x)` are
/// made, in vectors.
///
/// `F(x) - 1/2` is x times a quotient of polynomials in `x^2`, fitted to it on [-5.2, 5.2] for the
/// least greatest error (6e-8, 2e-7 as computed in float32); f comes from an exponential by a
/// polynomial of degree 6.
final class Normal {
    /// `f(0)`, which `bell` has to be multiplied with to be f.
    static final FloatVector DENSITY = all(1 / Math.sqrt(2 * Math.PI));

    private static final FloatVector MINUS_HALF = all(-0.5);
    private static final FloatVector LOWEST = all(-87); // e^-87 is the smallest normal number
    private static final FloatVector LEFT = all(-5.2); // F is 1e-7 there
    private static final FloatVector RIGHT = all(5.2);
    private static final FloatVector P0 = all(0.3989419174490754);
    private static final FloatVector P1 = all(0.049592703593690675);
    private static final FloatVector P2 = all(0.005518676778474106);
    private static final FloatVector P3 = all(0.00031425346160587284);
    private static final FloatVector P4 = all(5.840417521579e-06);
    private static final FloatVector Q1 = all(0.2909712403451789);
    private static final FloatVector Q2 = all(0.037339372474039935);
    private static final FloatVector Q3 = all(0.0027036952250449075);
    private static final FloatVector Q4 = all(0.00011273675581190156);
    private static final FloatVector Q5 = all(5.018823929790842e-07);

    private Normal() {}

    /// `exp(-x^2 / 2)`.
    static FloatVector bell(FloatVector x) {
        FloatVector t = x.mul(x).mul(MINUS_HALF);
        return exp(t.blend(LOWEST, t.compare(LT, LOWEST)));
    }

    /// The distribution function F(x).
    static FloatVector below(FloatVector x) {
        // Beyond both ends the quotient may be anything. Comparing takes two instructions where
        // Java's minimum takes five, and halves of a polynomial side by side are a shorter chain.
        FloatVector t = x.mul(x);
        FloatVector t2 = t.mul(t);
        FloatVector p = t2.fma(t2.fma(P4, t.fma(P3, P2)), t.fma(P1, P0)).mul(x);
        FloatVector q = t2.fma(t2.fma(t.fma(Q5, Q4), t.fma(Q3, Q2)), t.fma(Q1, ONE));
        return p.div(q).add(HALF).blend(ZERO, x.compare(LT, LEFT)).blend(ONE, x.compare(GT, RIGHT));
    }
}
