package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Device;
import cleave.tensor.Type;
import org.junit.jupiter.api.Test;

class KernelsTest {

    @Test
    void namesSayWhatMayMoveTheLastDigits() {
        assertThat(Engines.kernels(Engines.of(Type.FLOAT, Device.CPU)))
                .matches(
                        "libtorch \\S+(, OpenBLAS \\S+)?, engine fused with vectors of (128|256|512) bits");
    }

    @Test
    void onlySinglePrecisionIsRead() {
        assertThat(Kernels.read(Type.FLOAT)).isTrue();
        assertThat(Kernels.read(Type.DOUBLE)).isFalse();
    }

    @Test
    void numbersOnAnotherDeviceAreRefused() {
        assertThat(Kernels.read(Type.FLOAT, Device.CPU)).isTrue();
        assertThat(Kernels.read(Type.FLOAT, Device.cuda(0))).isFalse();
        assertThat(Engines.of(Type.FLOAT, Device.cuda(0)).name()).isEqualTo("libtorch on cuda:0");
        assertThat(Engines.of(Type.FLOAT, Device.cuda(0)).device()).isEqualTo(Device.cuda(0));
        assertThat(Engines.of(Type.DOUBLE, Device.CPU)).isSameAs(Engines.LIBTORCH);
        assertThat(Engines.of(Type.FLOAT, Device.CPU)).isNotSameAs(Engines.LIBTORCH);
    }
}
