package cleave.tensor;

import static jdk.incubator.vector.VectorOperators.AND;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.OR;
import static jdk.incubator.vector.VectorOperators.XOR;

import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorSpecies;

/// The uniforms of a key (spec R2) in vectors, bit by bit those of `Draws.Key`.
final class UniformKernel {
    private static final VectorSpecies<Long> LANES =
            LongVector.SPECIES_PREFERRED.length() > 8
                    ? LongVector.SPECIES_512
                    : LongVector.SPECIES_PREFERRED;

    private UniformKernel() {}

    /// Writes the first numbers to `out[offset ..]`: as many as fill vectors.
    ///
    /// @return how many were written, at most `count`
    static int uniforms(long hash, float[] out, int offset, int count) {
        int width = 2 * LANES.length();
        int whole = count - count % width;
        LongVector place = LongVector.zero(LANES).addIndex(1);
        LongVector at = place.add(1).mul(Draws.GAMMA).add(hash);
        long step = LANES.length() * Draws.GAMMA;
        for (int i = 0; i < whole; i += width) {
            LongVector z = at.lanewise(XOR, at.lanewise(LSHR, 30)).mul(Draws.MIX_1);
            z = z.lanewise(XOR, z.lanewise(LSHR, 27)).mul(Draws.MIX_2);
            z = z.lanewise(XOR, z.lanewise(LSHR, 31));
            // Two numbers of 24 bits in each word, the first one below.
            LongVector second = z.lanewise(LSHR, 16).lanewise(AND, 0xFFFFFF).lanewise(LSHL, 32);
            var both = z.lanewise(LSHR, 40).lanewise(OR, second).reinterpretAsInts();
            both.convert(I2F, 0).reinterpretAsFloats().mul(0x1p-24f).intoArray(out, offset + i);
            at = at.add(step);
        }
        return whole;
    }
}
