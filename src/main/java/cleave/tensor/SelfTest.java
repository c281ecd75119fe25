package cleave.tensor;

/// Small computations that show whether libtorch works on this machine, and how fast.
public final class SelfTest {
    private SelfTest() {}

    /// The speed of a 1024 x 1024 by 1024 x 1024 product of this type on the calling thread, in 1e9
    /// operations a second: the fastest of the products that fit into the given time.
    public static double matmulGigaflops(Type type, double seconds) {
        NativeRuntime.start();
        int n = 1024;
        long deadline = System.nanoTime() + (long) (seconds * 1e9);
        double fastest = Double.POSITIVE_INFINITY;
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor a = Tensors.ones(type, n, n);
            Tensor b = Tensors.ones(type, n, n);
            do {
                long begin = System.nanoTime();
                try (Scopes.Scope _ = Scopes.open()) {
                    a.matmul(b);
                }
                fastest = Math.min(fastest, (System.nanoTime() - begin) / 1e9);
            } while (System.nanoTime() < deadline);
        }
        return 2.0 * n * n * n / fastest / 1e9;
    }

    /// The largest difference between autograd's gradient of `sum((w * x)^2)` at `w = (2, -1,
    /// 0.5)`, `x = (1, 2, 3)`, and the one worked out by hand, `2 w x^2 = (4, -8, 9)`. Every number
    /// is exact in binary, so it is 0 where libtorch is sound.
    public static double gradientError() {
        NativeRuntime.start();
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor w = Tensor.create(2, -1, 0.5).requires_grad_(true);
            Tensor x = Tensor.create(1, 2, 3);
            Tensor byHand = Tensor.create(4, -8, 9);
            w.mul(x).pow(2).sum().backward();
            return w.grad().sub(byHand).abs().max().item();
        }
    }
}
