package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class MeterTest {

    private static Tensor leaf(long... shape) {
        Tensor leaf = Tensors.ones(Type.FLOAT, shape);
        leaf.requires_grad_(true);
        return leaf;
    }

    /// `[2, 3] x [3, 4]` is 24 multiply-adds, 48 operations, for each way that is needed.
    @Test
    void aProductCountsForwardsAndOnceForEachWantedFactor() {
        Scopes.run(() -> {
            Tensor a = Tensors.ones(Type.FLOAT, 2, 3);
            Tensor b = Tensors.ones(Type.FLOAT, 3, 4);
            try (Meter meter = Meter.open()) {
                a.matmul(b);
                assertThat(meter.operations()).isEqualTo(48);
                leaf(2, 3).matmul(b);
                assertThat(meter.operations()).isEqualTo(48 + 96);
                leaf(2, 3).matmul(leaf(3, 4));
                assertThat(meter.operations()).isEqualTo(48 + 96 + 144);
                Scopes.withoutGradient(() -> leaf(2, 3).matmul(leaf(3, 4)));
                assertThat(meter.operations()).isEqualTo(2 * 48 + 96 + 144);
            }
        });
    }

    /// With two matrices a batched product is twice the one above; with a sum it is no more.
    @Test
    void batchedProductsAndProductsInSumsCountAlike() {
        Scopes.run(() -> {
            try (Meter meter = Meter.open()) {
                Tensors.ones(Type.FLOAT, 2, 2, 3).matmul(Tensors.ones(Type.FLOAT, 3, 4));
                assertThat(meter.operations()).isEqualTo(96);
                Tensors.addmm(
                        Tensors.ones(Type.FLOAT, 4),
                        Tensors.ones(Type.FLOAT, 2, 3),
                        Tensors.ones(Type.FLOAT, 3, 4));
                assertThat(meter.operations()).isEqualTo(96 + 48);
                Tensors.zeros(Type.FLOAT, 2, 4)
                        .addmm_(Tensors.ones(Type.FLOAT, 2, 3), Tensors.ones(Type.FLOAT, 3, 4));
                assertThat(meter.operations()).isEqualTo(96 + 2 * 48);
                Tensors.baddbmm(
                        Tensors.ones(Type.FLOAT, 2, 4),
                        Tensors.ones(Type.FLOAT, 2, 2, 3),
                        Tensors.ones(Type.FLOAT, 2, 3, 4),
                        1,
                        1);
                assertThat(meter.operations()).isEqualTo(2 * 96 + 2 * 48);
            }
        });
    }

    @Test
    void memoryIsAliveUntilItsScopeEndsAndViewsCostNothing() {
        Scopes.run(() -> {
            Tensor before = Tensors.ones(Type.FLOAT, 1_000);
            try (Meter meter = Meter.open()) {
                before.view(10, 100).t();
                assertThat(meter.live()).isZero();
                Tensor x = Tensors.ones(Type.FLOAT, 10);
                Scopes.run(() -> {
                    x.view(2, 5).add(1).t();
                    assertThat(meter.live()).isEqualTo(80);
                });
                assertThat(meter.live()).isEqualTo(40);
                assertThat(meter.history()).containsExactly(40, 80);
            }
        });
    }

    @Test
    void whatAGraphKeepsForTheWayBackIsAliveWithoutJava() {
        Scopes.run(() -> {
            try (Meter meter = Meter.open()) {
                Tensor a = leaf(10);
                Tensor b = leaf(10);
                Tensor y = Scopes.keep(() -> a.mul(a).mul(b)); // b's gradient needs a * a
                assertThat(meter.live()).isEqualTo(4 * 40);
                y.backward(Tensors.ones(Type.FLOAT, 10));
                // Three tensors and the gradient given are left, and gradients of two leaves; on
                // the way there were as many at least.
                assertThat(meter.live()).isEqualTo((3 + 1 + 2) * 40);
                assertThat(Arrays.stream(meter.history()).max().orElseThrow())
                        .isBetween((3 + 1 + 2) * 40L, (4 + 1 + 4) * 40L);
            }
        });
    }

    /// A chain of 3,000 products holds its factors for the way back: too many to ask each of them
    /// after each gradient. What was freed is then seen four gradients late at most.
    @Test
    void withThousandsAliveTheHistoryIsAFewGradientsTooHighAtMost() {
        int links = 3_000;
        Scopes.run(() -> {
            try (Meter meter = Meter.open()) {
                Tensor factor = leaf(10);
                Tensor y =
                        Scopes.keep(() -> {
                            Tensor chain = factor;
                            for (int i = 0; i < links; i++) {
                                chain = chain.mul(factor);
                            }
                            return chain;
                        });
                assertThat(meter.live()).isEqualTo((1 + links) * 40L);
                y.backward(Tensors.ones(Type.FLOAT, 10));
                assertThat(meter.live()).isEqualTo((1 + 1 + 1 + 1) * 40L); // factor, y, given, sum
                assertThat(Arrays.stream(meter.history()).max().orElseThrow())
                        .isBetween((1 + links) * 40L, (1 + links + 4 * 4) * 40L);
            }
        });
    }

    @Test
    void aThreadHasOneMeter() {
        try (Meter meter = Meter.open()) {
            assertThatThrownBy(Meter::open).isInstanceOf(IllegalStateException.class);
            assertThat(meter.operations()).isZero();
        }
        try (Meter again = Meter.open()) {
            assertThat(again.live()).isZero();
        }
    }
}
