package cleave.subcomponent;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Products;
import cleave.model.Positions;
import cleave.subcomponent.MaskedSite.DeltaShare;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The folded weight delta against the formula that forms it (spec S2), in float64.
class MaskedSiteTest {
    private static final Draws.Key KEY = Draws.key(5, Purpose.INITIALISATION);
    private static final int B = 3;
    private static final int T = 4;
    private static final int IN = 5;
    private static final int OUT = 6;
    private static final int C = 7;

    enum Delta {
        NONE,
        WHOLE,
        SHARE
    }

    private static Stream<Arguments> everyCase() {
        List<Arguments> cases = new ArrayList<>();
        for (Delta delta : Delta.values()) {
            for (int bits = 0; bits < 16; bits++) {
                cases.add(
                        Arguments.of(
                                delta,
                                (bits & 1) != 0,
                                (bits & 2) != 0,
                                (bits & 4) != 0,
                                (bits & 8) != 0));
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("everyCase")
    void valuesAndGradientsAreThoseOfTheFormulaThatFormsTheDelta(
            Delta delta, boolean merged, boolean keepsRemainder, boolean routed, boolean some) {
        Scopes.run(() -> {
            Numbers folded = new Numbers(merged);
            Numbers formed = new Numbers(merged);
            Tensor positions = some ? Tensors.of(new long[] {3, 0, 2}, B, 1) : null;
            Tensor d = KEY.with("d").within(0.5, Type.DOUBLE, B, T).add(0.5);
            Tensor n =
                    keepsRemainder ? KEY.with("n").within(0.5, Type.DOUBLE, B, T).add(0.5) : null;
            Tensor r = routed ? KEY.with("r").within(1, Type.DOUBLE, B, T).gt(0) : null;
            DeltaShare share =
                    switch (delta) {
                        case NONE -> DeltaShare.NONE;
                        case WHOLE -> DeltaShare.WHOLE;
                        case SHARE -> DeltaShare.of(d);
                    };
            Tensor formedD =
                    switch (delta) {
                        case NONE -> Tensors.zeros(Type.DOUBLE, B, T);
                        case WHOLE -> Tensors.ones(Type.DOUBLE, B, T);
                        case SHARE -> d;
                    };
            Tensor x = Positions.select(folded.x, positions);
            Tensor y =
                    new MaskedSite(
                                    Products.EXACT,
                                    folded.of,
                                    new MaskedSubcomponents.Recorded(
                                            Products.EXACT, folded.of, folded.mask),
                                    share,
                                    n,
                                    r)
                            .output(x, folded.of.W(), positions);
            Tensor expected =
                    formed.output(Positions.select(formed.x, positions), formedD, n, r, positions);
            y.mul(y).sum().backward();
            expected.mul(expected).sum().backward();
            same("y", y, expected);
            same("x", folded.x.grad(), formed.x.grad());
            same("V", folded.of.V().grad(), formed.of.V().grad());
            same("U", folded.of.U().grad(), formed.of.U().grad());
            same("m", folded.mask.grad(), formed.mask.grad());
        });
    }

    @Test
    void withEveryMaskAtOneTheSiteIsTheTargetsOwnMapBitForBit() {
        Scopes.run(() -> {
            Numbers numbers = new Numbers(true);
            Tensor ones = Tensors.ones(Type.DOUBLE, B, T);
            Tensor everySubcomponent = Tensors.ones(Type.DOUBLE, B, T, C);
            for (DeltaShare share : List.of(DeltaShare.WHOLE, DeltaShare.of(ones))) {
                Tensor y =
                        new MaskedSite(
                                        Products.EXACT,
                                        numbers.of,
                                        new MaskedSubcomponents.Recorded(
                                                Products.EXACT, numbers.of, everySubcomponent),
                                        share,
                                        ones,
                                        null)
                                .output(numbers.x, numbers.of.W(), null);
                assertThat(Tensors.toDoubles(y))
                        .containsExactly(Tensors.toDoubles(numbers.x.matmul(numbers.of.W().t())));
            }
        });
    }

    @Test
    void aWideSiteLeavesOutPositionsThatAreNotRoutedAndChangesNothing() {
        Scopes.run(() -> {
            int wide = 300; // 300 x 300 numbers in V
            Tensor W = KEY.with("W").normal(0.1, Type.DOUBLE, wide, wide);
            List<Tensor> found = new ArrayList<>();
            for (boolean gathered : new boolean[] {true, false}) {
                Tensor V = KEY.with("V").normal(0.1, Type.DOUBLE, wide, wide);
                Tensor U = KEY.with("U").normal(0.1, Type.DOUBLE, wide, wide);
                Tensor x = KEY.with("x").normal(1, Type.DOUBLE, B, T, wide);
                Tensor mask = KEY.with("m").normal(1, Type.DOUBLE, B, T, wide);
                List.of(V, U, x, mask).forEach(leaf -> leaf.requires_grad_(true));
                Tensor r = KEY.with("r").within(1, Type.DOUBLE, B, T).gt(0);
                Tensor d = KEY.with("d").within(0.5, Type.DOUBLE, B, T).add(0.5);
                Subcomponents parts =
                        new Subcomponents(SubcomponentsTest.site("S", W), W, V, U, null);
                MaskedSubcomponents recorded =
                        new MaskedSubcomponents.Recorded(Products.EXACT, parts, mask);
                MaskedSubcomponents whole =
                        (input, _, shift) -> input.matmul(V).mul(shift.of(mask)).matmul(U);
                Tensor y =
                        new MaskedSite(
                                        Products.EXACT,
                                        parts,
                                        gathered ? recorded : whole,
                                        DeltaShare.of(d),
                                        null,
                                        r)
                                .output(x, W, null);
                y.mul(y).sum().backward();
                found.addAll(List.of(y, V.grad(), U.grad(), x.grad(), mask.grad()));
            }
            for (int i = 0; i < 5; i++) {
                same("result " + i, found.get(i), found.get(i + 5));
            }
        });
    }

    private static void same(String name, Tensor actual, Tensor expected) {
        Tensor gap = actual.sub(expected).abs();
        double size = Math.max(1, Tensors.number(expected.abs().max()));
        assertThat(Tensors.number(gap.max()) / size).as(name).isLessThan(1e-12);
    }

    /// The same numbers each time, as leaves of a graph of their own.
    private static final class Numbers {
        private final Tensor x = leaf("x", B, T, IN);
        private final Tensor mask = leaf("m", B, T, C);
        private final Subcomponents of;

        Numbers(boolean merged) {
            Tensor W = KEY.with("W").normal(1, Type.DOUBLE, OUT, IN);
            of =
                    new Subcomponents(
                            SubcomponentsTest.site("S", W),
                            W,
                            leaf("V", IN, C),
                            leaf("U", C, OUT),
                            merged ? KEY.with("R").normal(1, Type.DOUBLE, OUT, IN) : null);
        }

        private static Tensor leaf(String name, long... shape) {
            Tensor leaf = KEY.with(name).normal(1, Type.DOUBLE, shape);
            leaf.requires_grad_(true);
            return leaf;
        }

        /// The formula as the paper has it.
        Tensor output(
                Tensor input,
                Tensor d,
                @Nullable Tensor n,
                @Nullable Tensor r,
                @Nullable Tensor positions) {
            Tensor m = Positions.select(mask, positions);
            Tensor y = input.matmul(of.V()).mul(m).matmul(of.U());
            Tensor rest = input.matmul(of.delta().t());
            y = y.add(rest.mul(Positions.select(d.unsqueeze(2), positions)));
            Tensor R = of.remainder();
            if (R != null && n != null) {
                Tensor remaining = input.matmul(R.t());
                y = y.add(remaining.mul(Positions.select(n.unsqueeze(2), positions)));
            }
            Tensor target = input.matmul(of.W().t());
            return r == null
                    ? y
                    : Tensors.where(Positions.select(r.unsqueeze(2), positions), y, target);
        }
    }
}
