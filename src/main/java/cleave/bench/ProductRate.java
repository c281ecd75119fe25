package cleave.bench;

import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// How fast this machine multiplies large matrices, measured here and now.
final class ProductRate {
    private static final int WARM_UP = 2;
    private static final int TIMED = 5;

    private ProductRate() {}

    /// Operations that one thread makes in a second, in 1e9, in products of two matrices of 1024 x
    /// 1024 in float32: the best of some.
    static double ofOneThread() {
        NativeRuntime.start();
        return Scopes.run(() -> {
            Tensor matrix = Tensors.ones(Type.FLOAT, Variant.Matmul.SIZE, Variant.Matmul.SIZE);
            long best = Long.MAX_VALUE;
            for (int i = 0; i < WARM_UP + TIMED; i++) {
                long start = System.nanoTime();
                boolean _ = Scopes.run(() -> matrix.matmul(matrix).defined());
                best = i < WARM_UP ? best : Math.min(best, System.nanoTime() - start);
            }
            return 1e9 * new Variant.Matmul(1, 1).gigaoperations() / best;
        });
    }
}
