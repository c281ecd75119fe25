package cleave.decomposition;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.CausalImportance;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Site;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.LinearTarget;
import cleave.testing.PaddedTask;
import cleave.testing.Passes;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Merging subcomponents into the remainder (spec C1 to C4).
class CompactionTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

    private static List<ImportanceFunction> functions() {
        return List.of(
                Toy.SEQUENCE,
                new VectorMlp(2),
                new SharedMlp(3),
                new Mlp(2),
                new GlobalMlp(List.of(3, 2)));
    }

    @Test
    void theRemainderIsTheSumOfWhatWasMerged() {
        Scopes.run(() -> {
            // V_0 U_0 + V_2 U_2 = (1, 3) x (5, 7) + (0, 1) x (2, -1) = [[5, 7], [17, 20]], as
            // [d_in, d_out]. Left is V_1 U_1 = (2, 0) x (1, 1).
            Decomposition merged = merge(byHand(), 1);
            Subcomponents left = merged.subcomponents(merged.sites().getFirst());
            assertThat(numbers(Objects.requireNonNull(left.remainder())))
                    .containsExactly(5, 17, 7, 20);
            assertThat(numbers(left.V())).containsExactly(2, 0);
            assertThat(numbers(left.U())).containsExactly(1, 1);
            // W - R - (V U)^T = [[10 - 5 - 2, 20 - 17], [30 - 7 - 2, 40 - 20]]
            assertThat(numbers(left.delta())).containsExactly(3, 3, 21, 20);
        });
    }

    @Test
    void mergingTwiceIsMergingAtOnce() {
        Scopes.run(() -> {
            Decomposition twice = merge(merge(byHand(), 0, 1), 0);
            Decomposition once = merge(byHand(), 0);
            assertThat(twice.sites()).isEqualTo(once.sites());
            assertThat(once.sites().getFirst().living()).containsExactly(0);
            // V_1 U_1 + V_2 U_2 = [[2, 2], [2, -1]] as [d_in, d_out]
            for (Decomposition each : List.of(twice, once)) {
                assertThat(numbers(Tensors.named("linear1", each.remainders())))
                        .containsExactly(2, 2, 2, -1);
            }
        });
    }

    /// One site of weight `[[10, 20], [30, 40]]` with three subcomponents.
    private static Decomposition byHand() {
        Target target = LinearTarget.of(tensor(List.of(10, 20, 30, 40), 2, 2));
        List<DecomposedSite> sites = Toy.sites(target, 3);
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        Decomposition.shapes(sites, new VectorMlp(1))
                .forEach((name, shape) ->
                        tensors.put(
                                name,
                                Tensors.zeros(
                                        Type.DOUBLE,
                                        shape.stream().mapToLong(Long::longValue).toArray())));
        tensors.put("linear1.V", tensor(List.of(1, 2, 0, 3, 0, 1), 2, 3));
        tensors.put("linear1.U", tensor(List.of(5, 7, 1, 1, 2, -1), 3, 2));
        return new Decomposition(target, sites, new VectorMlp(1), Leak.PLAIN, tensors);
    }

    private static Tensor tensor(List<Integer> values, long... shape) {
        return Tensors.of(
                values.stream().mapToDouble(Integer::doubleValue).toArray(), Type.DOUBLE, shape);
    }

    @Test
    void theDeadAreThoseIdleForTheStepsAndTheLastUsedStays() {
        List<DecomposedSite> sites = List.of(new DecomposedSite(site(), 4));
        assertThat(living(sites, Map.of("one", new long[] {5, 4, 6, 0}))).containsExactly(1, 3);
        // All are dead: of the two used last the lower one is left.
        assertThat(living(sites, Map.of("one", new long[] {9, 7, 8, 7}))).containsExactly(1);
        assertThat(living(sites, Map.of("one", new long[] {0, 0, 0, 0})))
                .containsExactly(0, 1, 2, 3);
    }

    private static Site site() {
        return Site.whole("one", 0, "one", 2, 2);
    }

    @Test
    void spareOnesStayThoseUsedLast() {
        List<DecomposedSite> sites = List.of(new DecomposedSite(site(), 5));
        long[] idle = {0, 8, 7, 4, 7};
        assertThat(living(sites, Map.of("one", idle), 0)).containsExactly(0, 3);
        assertThat(living(sites, Map.of("one", idle), 1)).containsExactly(0, 2, 3);
        assertThat(living(sites, Map.of("one", idle), 2)).containsExactly(0, 2, 3, 4);
        assertThat(living(sites, Map.of("one", idle), 9)).containsExactly(0, 1, 2, 3, 4);
    }

    private static List<Integer> living(List<DecomposedSite> sites, Map<String, long[]> idle) {
        return living(sites, idle, 0);
    }

    private static List<Integer> living(
            List<DecomposedSite> sites, Map<String, long[]> idle, int spare) {
        Compaction.Settings settings = new Compaction.Settings(5, 1, Optional.of(spare));
        return Compaction.living(sites, site -> Objects.requireNonNull(idle.get(site)), settings)
                .getFirst()
                .living();
    }

    @Test
    void indicesStayTheOriginalOnesOverSeveralMergings() {
        List<DecomposedSite> once = List.of(new DecomposedSite(site(), 6, List.of(1, 3, 5)));
        assertThat(living(once, Map.of("one", new long[] {0, 7, 0}))).containsExactly(1, 5);
        assertThat(once.getFirst().placesIn(new DecomposedSite(site(), 6)))
                .containsExactly(1, 3, 5);
    }

    @Test
    void tiedSitesLoseWhatIsDeadInBoth() {
        Scopes.run(() -> {
            Target target = LinearTarget.tied(tensor(List.of(1, 2, 3, 4, 5, 6, 7, 8), 2, 4));
            try (Problem tied =
                    Toy.problem(target, Toy.sites(target, 3), new Mlp(2), Leak.PLAIN, 1)) {
                Decomposition before = tied.decomposition();
                Map<String, long[]> idle =
                        Map.of("linear1", new long[] {9, 9, 0}, "linear2", new long[] {9, 0, 9});
                List<DecomposedSite> left =
                        Compaction.living(
                                before.sites(),
                                name -> Objects.requireNonNull(idle.get(name)),
                                new Compaction.Settings(5, 1, Optional.empty()));
                assertThat(left)
                        .extracting(DecomposedSite::living)
                        .containsExactly(List.of(1, 2), List.of(1, 2));
                Decomposition after = Compaction.merge(before, left);
                assertThat(after.remainders().keySet()).containsExactly("linear1");
                for (int at = 0; at < 2; at++) {
                    assertThat(numbers(after.subcomponents(left.get(at)).delta()))
                            .containsExactly(
                                    numbers(before.subcomponents(before.sites().get(at)).delta()),
                                    ROUNDING);
                }
            }
        });
    }

    @ParameterizedTest
    @MethodSource("functions")
    void inTheOriginalNumberingOutputsAreThoseOfTheLivingUnderEveryMask(
            ImportanceFunction function) {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem =
                    Toy.problem(target, Toy.sites(target, 4), function, Leak.SIGN_GATED, 5)) {
                Decomposition before = problem.decomposition();
                Decomposition after = merge(before, 1, 2);
                Decomposition expanded =
                        new Decomposition(
                                target,
                                before.sites(),
                                function,
                                Leak.SIGN_GATED,
                                Compaction.expand(after.tensors(), after.sites(), function),
                                after.remainders());
                assertThat(shapes(expanded)).isEqualTo(shapes(before));
                assertThat(shapes(after)).isEqualTo(Decomposition.shapes(after.sites(), function));
                Batch batch =
                        new PaddedTask("toy", Toy.TOKENS, 5, true)
                                .examples(0, Draws.Purpose.DATA, 0, 3)
                                .batch();
                Clean clean = target.clean(batch);
                List<CausalImportance> all = before.importances(clean, batch.valid());
                List<CausalImportance> few = after.importances(clean, batch.valid());
                List<CausalImportance> wide = expanded.importances(clean, batch.valid());
                for (int at = 0; at < all.size(); at++) {
                    Tensor g = all.get(at).lower();
                    for (int c = 0; c < 2; c++) {
                        assertThat(numbers(few.get(at).lower().select(2, c)))
                                .containsExactly(numbers(g.select(2, c + 1L)), ROUNDING);
                        assertThat(numbers(wide.get(at).lower().select(2, c + 1L)))
                                .containsExactly(numbers(g.select(2, c + 1L)), ROUNDING);
                        assertThat(numbers(wide.get(at).lower().select(2, 3L * c))).containsOnly(0);
                        assertThat(numbers(wide.get(at).upper().select(2, 3L * c))).containsOnly(0);
                    }
                }
                for (Masking source :
                        List.of(
                                new Masking.Stochastic(),
                                new Masking.Importance(),
                                new Masking.Binary(),
                                new Masking.Rounded(),
                                new Masking.Ones(),
                                new Masking.Zero())) {
                    for (WeightDelta delta : WeightDelta.values()) {
                        assertThat(outputs(after, few, batch, clean, source, delta))
                                .as("%s, delta %s", source, delta)
                                .containsExactly(
                                        outputs(expanded, wide, batch, clean, source, delta),
                                        ROUNDING);
                    }
                }
                // With everything on, nothing has changed at all.
                assertThat(outputs(after, few, batch, clean, new Masking.Ones(), WeightDelta.NONE))
                        .containsExactly(
                                outputs(
                                        before,
                                        all,
                                        batch,
                                        clean,
                                        new Masking.Ones(),
                                        WeightDelta.NONE),
                                ROUNDING);
            }
        });
    }

    private static SortedMap<String, List<Long>> shapes(Decomposition decomposition) {
        SortedMap<String, List<Long>> shapes = new TreeMap<>();
        decomposition
                .tensors()
                .forEach((name, tensor) ->
                        shapes.put(name, Arrays.stream(tensor.shape()).boxed().toList()));
        return shapes;
    }

    private static double[] outputs(
            Decomposition decomposition,
            List<CausalImportance> importances,
            Batch batch,
            Clean clean,
            Masking source,
            WeightDelta delta) {
        var forward =
                new MaskedForward(
                        decomposition,
                        batch,
                        clean,
                        importances.stream().map(CausalImportance::lower).toList(),
                        delta);
        return numbers(
                Passes.of(forward, source, new Routing.All(), new MaskDraws(3, 1, 0, 0))
                        .getFirst()
                        .outputs());
    }

    /// With only the subcomponents of these places left at every site.
    private static Decomposition merge(Decomposition before, int... places) {
        return Compaction.merge(
                before, before.sites().stream().map(site -> site.keep(places)).toList());
    }

    private static double[] numbers(Tensor tensor) {
        return Tensors.toDoubles(tensor);
    }
}
