package cleave.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Type;
import org.junit.jupiter.api.Test;

class KernelsTest {

    @Test
    void namesSayWhatMayMoveTheLastDigits() {
        assertThat(Kernels.names())
                .matches("libtorch \\S+(, OpenBLAS \\S+)?, vectors of (128|256|512) bits");
    }

    @Test
    void onlySinglePrecisionIsRead() {
        assertThat(Kernels.read(Type.FLOAT)).isTrue();
        assertThat(Kernels.read(Type.DOUBLE)).isFalse();
    }
}
