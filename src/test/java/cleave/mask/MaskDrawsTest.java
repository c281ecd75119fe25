package cleave.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.mask.Routing.Drawn;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

class MaskDrawsTest {
    private static final JsonNode GOLDEN = Golden.read("draws.json");

    @Test
    void sourcesAgreeWithTheReference() {
        JsonNode golden = GOLDEN.get("mask_source");
        long[] shape = Golden.shape(golden.get("value"));
        onBatch(
                golden.get("example").asLong(),
                1,
                (int) shape[0],
                batch ->
                        assertThat(
                                        Tensors.toDoubles(
                                                draws(golden)
                                                        .sources(
                                                                batch,
                                                                golden.get("site").asString(),
                                                                (int) shape[1],
                                                                Type.DOUBLE)))
                                .containsExactly(Golden.numbers(golden.get("value"))));
    }

    @Test
    void deltaMasksAgreeWithTheReference() {
        JsonNode golden = GOLDEN.get("delta_mask");
        onBatch(
                golden.get("example").asLong(),
                1,
                (int) Golden.shape(golden.get("value"))[0],
                batch ->
                        assertThat(
                                        Tensors.toDoubles(
                                                draws(golden)
                                                        .deltas(
                                                                batch,
                                                                golden.get("site").asString(),
                                                                Type.DOUBLE)))
                                .containsExactly(Golden.numbers(golden.get("value"))));
    }

    @Test
    void routingTablesAgreeWithTheReference() {
        for (JsonNode golden : GOLDEN.get("routing")) {
            int rows = golden.get("examples").size();
            int sites = golden.get("sites").asInt();
            int length = (int) Golden.shape(golden.get("in"))[1];
            long[] expected = Golden.wholeNumbers(golden.get("in")); // [B, T, L]
            onBatch(
                    golden.get("examples").get(0).asLong(),
                    rows,
                    length,
                    batch -> {
                        boolean[][] routed = draws(golden).routed(routing(golden), batch, sites);
                        for (int i = 0; i < expected.length; i++) {
                            boolean[] site = routed[i % sites];
                            assertThat(site[site.length == 1 ? 0 : i / sites])
                                    .as("%s at %d", golden, i)
                                    .isEqualTo(expected[i] != 0);
                        }
                    });
        }
    }

    private static MaskDraws draws(JsonNode golden) {
        return new MaskDraws(
                golden.get("seed").asLong(),
                golden.get("step").asLong(),
                golden.get("term").asInt(),
                golden.get("draw").asInt());
    }

    private static Routing routing(JsonNode golden) {
        Drawn drawn =
                golden.get("per").asString().equals("batch") ? Drawn.PER_BATCH : Drawn.PER_POSITION;
        return golden.get("routing").asString().equals("bernoulli")
                ? new Routing.Bernoulli(golden.get("probability").asDouble(), drawn)
                : new Routing.RandomSubset(drawn);
    }

    @ParameterizedTest
    @EnumSource
    void theNumberOfReplacedSitesIsUniform(Drawn drawn) {
        int sites = 4;
        int[] histogram = new int[sites + 1];
        int[] each = new int[sites];
        int total = 0;
        for (long step = 0; step < (drawn == Drawn.PER_BATCH ? 8000 : 80); step++) {
            boolean[][] routed = routed(drawn, step, sites);
            for (int cell = 0; cell < routed[0].length; cell++) {
                int count = 0;
                for (int site = 0; site < sites; site++) {
                    count += routed[site][cell] ? 1 : 0;
                    each[site] += routed[site][cell] ? 1 : 0;
                }
                histogram[count]++;
                total++;
            }
        }
        assertThat(total).isEqualTo(8000);
        // A share of 1/4 of 8000 has deviation 39: five of them. Each site is in 5 of 8 times.
        assertThat(histogram[0]).isZero();
        for (int site = 0; site < sites; site++) {
            assertThat(histogram[site + 1]).isBetween(1800, 2200);
            assertThat(each[site]).isBetween(4780, 5220);
        }
    }

    private static boolean[][] routed(Drawn drawn, long step, int sites) {
        boolean[][][] routed = new boolean[1][][];
        onBatch(
                step * 10,
                10,
                10,
                batch ->
                        routed[0] =
                                new MaskDraws(5, step, 0, 0)
                                        .routed(new Routing.RandomSubset(drawn), batch, sites));
        return routed[0];
    }

    @Test
    void rowsOfASliceAreDrawnAsInTheWholeBatch() {
        MaskDraws draws = new MaskDraws(5, 7, 1, 2);
        Routing routing = new Routing.Bernoulli(0.5, Drawn.PER_POSITION);
        onBatch(
                30,
                6,
                4,
                batch -> {
                    Batch slice = batch.rows(2, 3);
                    double[] whole = Tensors.toDoubles(draws.sources(batch, "Q0", 3, Type.FLOAT));
                    assertThat(Tensors.toDoubles(draws.sources(slice, "Q0", 3, Type.FLOAT)))
                            .containsExactly(Arrays.copyOfRange(whole, 2 * 12, 5 * 12));
                    boolean[] sites = draws.routed(routing, batch, 2)[1];
                    assertThat(draws.routed(routing, slice, 2)[1])
                            .containsExactly(Arrays.copyOfRange(sites, 2 * 4, 5 * 4));
                });
    }

    @Test
    void routingsWithoutADrawAreRefused() {
        onBatch(
                0,
                1,
                2,
                batch ->
                        assertThatIllegalArgumentException()
                                .isThrownBy(() ->
                                        new MaskDraws(0, 0, 0, 0)
                                                .routed(new Routing.All(), batch, 2))
                                .withMessageContaining("nothing is drawn"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Routing.Bernoulli(-0.1, Drawn.PER_BATCH))
                .withMessage("probability must be in 0..1, got -0.1");
    }

    private static void onBatch(long first, int rows, int length, Consumer<Batch> work) {
        Scopes.run(() ->
                work.accept(
                        new Batch(
                                "a stream",
                                first,
                                Tensors.of(new long[rows * length], rows, length),
                                null,
                                LossPositions.last(rows, length, null))));
    }
}
