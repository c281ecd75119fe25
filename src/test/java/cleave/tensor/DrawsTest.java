package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Draws.Purpose;
import cleave.testing.Golden;
import java.util.Map;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class DrawsTest {
    /// The constants of spec R1 and R2.
    private static final long GAMMA = 0x9E3779B97F4A7C15L;

    private static final Draws.Key START = new Draws.Key(0x243F6A8885A308D3L);

    private static final JsonNode GOLDEN = Golden.read("draws.json");

    @Test
    void mixAgreesWithTheReference() {
        for (Map.Entry<String, JsonNode> entry : GOLDEN.get("mix").properties()) {
            // Word 0 of a key is mix(key + GAMMA).
            assertThat(new Draws.Key(hex(entry.getKey()) - GAMMA).word(0))
                    .isEqualTo(hex(entry.getValue().asString()));
        }
    }

    @Test
    void aTextStandsForItsHash() {
        for (Map.Entry<String, JsonNode> entry : GOLDEN.get("text").properties()) {
            assertThat(START.with(entry.getKey()))
                    .isEqualTo(START.with(hex(entry.getValue().asString())));
        }
    }

    @Test
    void normalsInFloat32AreTheRoundedOnesOfStrictMathBitForBit() {
        int count = 2_000_001;
        double[] exact = START.normals(count);
        Scopes.run(() -> {
            float[] rounded = Tensors.toFloats(START.normal(0.02, Type.FLOAT, count));
            for (int i = 0; i < count; i++) {
                if (Float.floatToRawIntBits(rounded[i])
                        != Float.floatToRawIntBits((float) (exact[i] * 0.02))) {
                    throw new AssertionError("number " + i + " differs: " + rounded[i]);
                }
            }
        });
    }

    @Test
    void sequencesOfEveryKindAgreeWithTheReference() {
        for (JsonNode listed : GOLDEN.get("keys")) {
            Draws.Key key = key(listed.get("words"));
            String name = listed.get("words").toString();
            assertThat(key.hash()).as(name).isEqualTo(hex(listed.get("key").asString()));
            for (int i = 0; i < listed.get("sequence").size(); i++) {
                assertThat(key.word(i))
                        .as(name)
                        .isEqualTo(hex(listed.get("sequence").get(i).asString()));
                assertThat(key.below(128, i))
                        .as(name)
                        .isEqualTo(listed.get("below_128").get(i).asInt());
                assertThat(key.below(7, i))
                        .as(name)
                        .isEqualTo(listed.get("below_7").get(i).asInt());
            }
            double[] uniforms = Golden.numbers(listed.get("uniforms"));
            float[] written = new float[uniforms.length + 2];
            key.uniforms(written, 1, uniforms.length);
            for (int i = 0; i < uniforms.length; i++) {
                assertThat((double) key.uniform(i)).as(name).isEqualTo(uniforms[i]);
                assertThat((double) written[i + 1]).as(name).isEqualTo(uniforms[i]);
            }
            assertThat(written[0]).isZero();
            assertThat(written[written.length - 1]).isZero();
            double[] normals = Golden.numbers(listed.get("normals"));
            assertThat(key.normals(normals.length))
                    .as(name)
                    .containsExactly(normals, Offset.offset(1e-14));
        }
    }

    private static Draws.Key key(JsonNode words) {
        Draws.Key key = START;
        for (JsonNode word : words) {
            key = word.isString() ? key.with(word.asString()) : key.with(word.asLong());
        }
        return key;
    }

    private static long hex(String digits) {
        return Long.parseUnsignedLong(digits, 16);
    }

    @Test
    void aKeyStartsWithSeedAndPurpose() {
        Purpose[] purposes = Purpose.values();
        assertThat(purposes)
                .containsExactly(
                        Purpose.INITIALISATION,
                        Purpose.DATA,
                        Purpose.SOURCE,
                        Purpose.ROUTING,
                        Purpose.DELTA,
                        Purpose.EVALUATION,
                        Purpose.REMAINDER,
                        Purpose.DISTURBANCE);
        for (int i = 0; i < purposes.length; i++) {
            assertThat(Draws.key(11, purposes[i])).isEqualTo(START.with(11).with(i + 1L));
        }
    }

    @Test
    void aPrefixOfASequenceDoesNotDependOnItsLength() {
        Draws.Key key = Draws.key(3, Purpose.SOURCE);
        for (int count = 0; count < 40; count++) { // with and without whole vectors
            float[] some = new float[count + 3];
            key.uniforms(some, 2, count);
            for (int i = 0; i < count; i++) {
                assertThat(some[i + 2]).isEqualTo(key.uniform(i));
            }
            assertThat(some[1]).isZero();
            assertThat(some[count + 2]).isZero();
        }
        for (int count = 0; count < 9; count++) {
            double[] normals = key.normals(9);
            assertThat(key.normals(count))
                    .containsExactly(
                            IntStream.range(0, count).mapToDouble(i -> normals[i]).toArray());
        }
    }

    @Test
    void normalTensorsAreScaledAndOfTheirType() {
        Draws.Key key = Draws.key(3, Purpose.INITIALISATION);
        double[] normals = key.normals(6);
        Scopes.run(() -> {
            assertThat(Tensors.toDoubles(key.normal(2, Type.DOUBLE, 2, 3)))
                    .containsExactly(
                            IntStream.range(0, 6).mapToDouble(i -> 2 * normals[i]).toArray());
            assertThat(Tensors.toFloats(key.normal(2, Type.FLOAT, 3, 2))[5])
                    .isEqualTo((float) (2 * normals[5]));
        });
    }
}
