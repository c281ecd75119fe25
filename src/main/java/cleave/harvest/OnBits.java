package cleave.harvest;

import cleave.analysis.Importances;
import cleave.config.UserError;
import cleave.model.Clean;
import cleave.run.LoadedRun;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import java.util.function.LongConsumer;

/// At which positions of a text each piece is on.
final class OnBits {
    private static final int COPIES = 2; // those that were found, and the chosen or half of them
    private static final int MEBIBYTE = 1 << 20;

    private final Pieces pieces;
    private final double threshold;
    private final long[][] bits; // [piece], empty where it was never on
    private final BitSet odd = new BitSet(); // positions in rows of odd number
    private long positions;
    private long rows;

    private OnBits(Pieces pieces, double threshold) {
        this.pieces = pieces;
        this.threshold = threshold;
        bits = new long[pieces.all().size()][0];
    }

    /// Goes over a text.
    ///
    /// @param slice rows at a time
    /// @param threshold a piece is on where its importance is above it
    /// @param progress is told how many positions are done
    static OnBits of(
            LoadedRun run, RunText text, int slice, double threshold, LongConsumer progress)
            throws IOException {
        OnBits found = new OnBits(Pieces.of(run.decomposition()), threshold);
        TextRows all = text.rows(slice);
        try {
            for (var rows = all.next(); rows != null; rows = all.next()) {
                TextRows.Rows these = rows;
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            found.add(run, RunText.Slice.of(these));
                            return null;
                        }));
                if (found.rows == these.tokens().length) { // after the first slice
                    text.certain().ifPresent(found::requireRoom);
                }
                progress.accept(found.positions);
            }
        } finally {
            RunText.close(all);
        }
        return found;
    }

    /// Refuses a text whose bits, of those that are on at its beginning alone, do not fit into
    /// memory together with the copies that clustering makes of them.
    private void requireRoom(long tokens) {
        long on = Arrays.stream(bits).filter(each -> each.length > 0).count();
        double needed = (double) COPIES * on * tokens / Byte.SIZE;
        long most = Runtime.getRuntime().maxMemory();
        if (needed > most) {
            throw UserError.withHints(
                    String.format(
                            Locale.ROOT,
                            "memory must be >= %.0f MiB for %d tokens with %d subcomponents on, got %d MiB",
                            needed / MEBIBYTE,
                            tokens,
                            on,
                            most / MEBIBYTE),
                    "--tokens makes it fewer");
        }
    }

    private void add(LoadedRun run, RunText.Slice slice) {
        Clean clean = run.decomposition().target().clean(slice.batch());
        List<Tensor> lower = Importances.of(run.decomposition(), clean, slice.batch());
        int length = (int) slice.batch().length();
        long first = positions;
        for (int site = 0; site < lower.size(); site++) {
            float[] g = Tensors.toFloats(lower.get(site));
            int[] places = pieces.pieceAt()[site];
            long at = first;
            for (int cell = 0; cell < slice.valid().length; cell++) {
                if (!slice.valid()[cell]) {
                    continue;
                }
                for (int place = 0; place < places.length; place++) {
                    if (places[place] >= 0 && g[cell * places.length + place] > threshold) {
                        set(places[place], at);
                    }
                }
                at++;
            }
        }
        for (int cell = 0; cell < slice.valid().length; cell++) {
            if (slice.valid()[cell]) {
                odd.set((int) positions, (rows + cell / length) % 2 == 1);
                positions++;
            }
        }
        rows += slice.batch().rows();
    }

    private void set(int piece, long position) {
        int word = (int) (position >> 6);
        if (bits[piece].length <= word) {
            bits[piece] = Arrays.copyOf(bits[piece], Math.max(16, 2 * word + 1));
        }
        bits[piece][word] |= 1L << position;
    }

    Pieces pieces() {
        return pieces;
    }

    long positions() {
        return positions;
    }

    long rows() {
        return rows;
    }

    /// Positions at which a piece is on.
    long count(int piece) {
        long count = 0;
        for (long word : bits[piece]) {
            count += Long.bitCount(word);
        }
        return count;
    }

    /// The bits of some pieces.
    long[][] of(int... some) {
        int words = (int) ((positions + 63) >> 6);
        return Arrays.stream(some)
                .mapToObj(piece -> Arrays.copyOf(bits[piece], words))
                .toArray(long[][]::new);
    }

    /// The same in the rows of odd or of even number alone.
    long[][] half(boolean wanted, int... some) {
        long[][] half = of(some);
        long[] mask = Arrays.copyOf(odd.toLongArray(), (int) ((positions + 63) >> 6));
        for (long[] each : half) {
            for (int word = 0; word < each.length; word++) {
                each[word] &= wanted ? mask[word] : ~mask[word];
            }
        }
        return half;
    }

    /// How many positions lie in such rows.
    long half(boolean wanted) {
        return wanted ? odd.cardinality() : positions - odd.cardinality();
    }
}
