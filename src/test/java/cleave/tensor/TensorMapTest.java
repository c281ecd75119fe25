package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import cleave.config.UserError;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class TensorMapTest {
    @Test
    void keepsItsTensorsBeyondTheScopeTheyWereMadeInAndFreesThemAtClose() {
        long before = Pointer.totalCount();
        TensorMap map;
        try (Scopes.Scope _ = Scopes.open()) {
            map = map();
        }
        assertThat(Pointer.totalCount()).isEqualTo(before + 2);
        try (Scopes.Scope _ = Scopes.open()) {
            assertThat(map.get("Q0.U").sum().item_float()).isEqualTo(6);
        }
        map.close();
        map.close();
        assertThat(Pointer.totalCount()).isEqualTo(before);
    }

    @Test
    void listsItsNamesSorted() {
        try (Scopes.Scope _ = Scopes.open();
                TensorMap map = map()) {
            assertThat(map.names()).containsExactly("Q0.U", "Q0.V");
            assertThat(map.get("Q0.U", ElementType.F32, 1, 3).numel()).isEqualTo(3);
        }
    }

    @Test
    void anUnknownNameIsRefusedWithTheNearestOne() {
        try (Scopes.Scope _ = Scopes.open();
                TensorMap map = map()) {
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> map.get("Q0.W"))
                    .withMessage(
                            "tensor must be one of the file's 2 tensors, got Q0.W (a.safetensors)\n"
                                    + "hint: the nearest name is Q0.U");
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> map.get("Q0V"))
                    .withMessageEndingWith("hint: the nearest name is Q0.V");
        }
    }

    @Test
    void aWrongShapeOrTypeIsRefusedWithBoth() {
        try (Scopes.Scope _ = Scopes.open();
                TensorMap map = map()) {
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> map.get("Q0.U", ElementType.F32, 3, 1))
                    .withMessage("tensor Q0.U must be F32 [3, 1], got F32 [1, 3] (a.safetensors)");
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> map.get("Q0.U", ElementType.F64, 1, 3))
                    .withMessage("tensor Q0.U must be F64 [1, 3], got F32 [1, 3] (a.safetensors)");
        }
    }

    @Test
    void refusesUseAfterClose() {
        TensorMap map;
        try (Scopes.Scope _ = Scopes.open()) {
            map = map();
        }
        map.close();
        assertThatIllegalStateException()
                .isThrownBy(() -> map.get("Q0.U"))
                .withMessageContaining("a.safetensors");
        assertThatIllegalStateException().isThrownBy(map::names);
    }

    private static TensorMap map() {
        return TensorMap.of(
                "a.safetensors",
                Map.of(
                        "Q0.V",
                        Tensor.create(new float[] {1, 2}, 2, 1),
                        "Q0.U",
                        Tensor.create(new float[] {1, 2, 3}, 1, 3)));
    }
}
