package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class NativeRuntimeTest {
    /// The smallest normal float32 is 2^-126, so half of it is denormal.
    private static final double SMALLEST_NORMAL = 0x1p-126;

    @Test
    void startIsIdempotent() {
        NativeRuntime.start();
        NativeRuntime.start();
        assertThat(NativeRuntime.libtorchVersion()).isEqualTo("2.10.0");
    }

    @Test
    void libtorchAndOpenBlasGetOneThread() {
        assertThat(torch.get_num_threads()).isEqualTo(1);
        assertThat(NativeRuntime.openBlasThreads()).isIn(OptionalInt.of(1), OptionalInt.empty());
    }

    @Test
    void mallocThresholdsAreRaisedWhereThereIsGlibc() {
        assertThat(NativeRuntime.mallocThresholdsRaised())
                .isEqualTo(NativeRuntime.glibcVersion().isPresent());
    }

    @Test
    void aPreparedThreadHasGradientsOneThreadAndNoDenormals() throws InterruptedException {
        AtomicReference<String> seen = new AtomicReference<>("");
        Thread worker =
                new Thread(() -> {
                    GradMode.set_enabled(false);
                    NativeRuntime.prepareThread();
                    seen.set(
                            "%s %s %s"
                                    .formatted(
                                            GradMode.is_enabled(),
                                            torch.get_num_threads(),
                                            half(SMALLEST_NORMAL)));
                });
        worker.start();
        worker.join();
        assertThat(seen.get()).isEqualTo("true 1 0.0");
    }

    private static double half(double value) {
        try (PointerScope _ = new PointerScope()) {
            Tensor x = Tensor.create(new float[] {(float) value});
            return x.mul(Tensor.create(new float[] {0.5f})).item_double();
        }
    }

    @Test
    void aSearchForASystemLibtorchIsRefused() {
        assertThatThrownBy(() -> NativeRuntime.requireEmptyLibraryPath("/usr/lib"))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("-Djava.library.path= (empty), got /usr/lib");
    }

    @Test
    void theSelfTestsGradientIsExact() {
        assertThat(SelfTest.gradientError()).isZero();
    }

    @Test
    void theSelfTestMeasuresASpeed() {
        assertThat(SelfTest.matmulGigaflops(Type.FLOAT, 0)).isPositive().isFinite();
    }
}
