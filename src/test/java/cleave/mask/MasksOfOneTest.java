package cleave.mask;

import static cleave.model.InductionTransformer.Added.AFTER;
import static cleave.model.InductionTransformer.Code.FIXED;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.engine.Products;
import cleave.hub.Model;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.model.Activation;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Gpt2;
import cleave.model.InductionTransformer;
import cleave.model.ResidualMlp;
import cleave.model.Target;
import cleave.model.Tms;
import cleave.tensor.Device;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// With every mask, the delta and the remainder whole, a site is the target's own map to the last
/// bit, on both engines and in both types of products.
class MasksOfOneTest {
    private static final Draws.Key KEY = Draws.key(7, Purpose.INITIALISATION);
    private static final int ROWS = 3;
    private static final int LENGTH = 6;

    enum Kind {
        GPT2,
        GPT2_IN_PARTS,
        INDUCTION,
        TMS,
        RESID_MLP,
        LLAMA,
        SMOLLM3,
        MISTRAL_WINDOW,
        QWEN2_OLD,
        QWEN3,
        GPT_NEOX,
        GPT_NEOX_IN_PARTS,
        GPT_NEO,
        LLAMA_SIMPLE,
        LLAMA_SIMPLE_MLP
    }

    private static Stream<Arguments> cases() {
        return Stream.of(Kind.values())
                .flatMap(kind ->
                        Stream.of("float32", "bfloat16")
                                .flatMap(precision ->
                                        Stream.of(
                                                Arguments.of(kind, precision, false),
                                                Arguments.of(kind, precision, true))));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void outputsAreTheTargetsBitForBit(Kind kind, String precision, boolean fused) {
        Scopes.run(() -> {
            Target target = target(kind);
            if (precision.equals("bfloat16")) {
                target.use(Products.bfloat16());
            }
            Engine engine =
                    fused
                            ? Engines.of(Type.FLOAT, Device.CPU, target.products())
                            : Engines.libtorch(target.products());
            Batch batch = batch(kind);
            List<DecomposedSite> sites =
                    target.sites().stream()
                            .filter(site -> isTaken(kind, site.name()))
                            .map(site -> new DecomposedSite(site, 4))
                            .toList();
            try (Problem problem =
                    Toy.problem(target, sites, new VectorMlp(8), Leak.SIGN_GATED, 3)) {
                Decomposition of = problem.decomposition();
                Decomposition merged =
                        new Decomposition(
                                target,
                                sites,
                                of.function(),
                                of.leak(),
                                of.tensors(),
                                remainders(sites),
                                engine);
                Scopes.withoutGradient(() -> {
                    Clean clean = target.clean(batch);
                    List<Tensor> lower =
                            merged.importances(clean, batch.valid()).stream()
                                    .map(importance -> importance.lower())
                                    .toList();
                    Tensor own = target.forward(batch, Map.of(), null).outputs();
                    var plain = new MaskedForward(merged, batch, clean, lower, WeightDelta.ON);
                    var inKernels =
                            MaskedForward.differentiated(
                                    merged, batch, clean, lower, WeightDelta.ON);
                    for (MaskedForward forward : List.of(plain, inKernels)) {
                        for (Masking masking : List.of(new Masking.Ones(), everywhere(sites))) {
                            assertThat(Tensors.toFloats(forward.pass(masking).outputs()))
                                    .isEqualTo(Tensors.toFloats(own));
                        }
                    }
                    return true;
                });
            }
        });
    }

    /// Masks of 1 in the form that a kernel takes.
    private static Masking everywhere(List<DecomposedSite> sites) {
        double[] ones = new double[sites.getFirst().count()];
        Arrays.fill(ones, 1);
        return place -> new SiteMasks(new MaskForm.Everywhere(ones), null, place.everywhere());
    }

    private static boolean isTaken(Kind kind, String site) {
        boolean part = site.matches(".*(c_attn|query_key_value)\\.[qkv]");
        boolean whole = site.endsWith("c_attn") || site.endsWith("query_key_value");
        return switch (kind) {
            case GPT2, GPT_NEOX -> !part;
            case GPT2_IN_PARTS, GPT_NEOX_IN_PARTS -> !whole;
            default -> true;
        };
    }

    private static SortedMap<String, Tensor> remainders(List<DecomposedSite> sites) {
        SortedMap<String, Tensor> remainders = new TreeMap<>();
        for (DecomposedSite one : sites) {
            if (one.site().tiedTo().isEmpty()) {
                remainders.put(
                        one.name(),
                        KEY.with(one.name())
                                .normal(0.2, Type.FLOAT, one.site().dOut(), one.site().dIn()));
            }
        }
        return remainders;
    }

    private static Target target(Kind kind) {
        return switch (kind) {
            case GPT2, GPT2_IN_PARTS -> {
                Gpt2.Shape shape =
                        new Gpt2.Shape(9, LENGTH, 8, 2, 2, 12, Activation.GELU_NEW, 1e-5, true);
                yield new Gpt2(shape, shape.initial(1), () -> {});
            }
            case INDUCTION -> {
                InductionTransformer.Shape shape =
                        new InductionTransformer.Shape(7, LENGTH, 20, 2, FIXED, AFTER, true);
                yield new InductionTransformer(shape, shape.initial(1), () -> {});
            }
            case TMS -> {
                Tms.Shape shape = new Tms.Shape(5, 2, 1);
                yield new Tms(shape, shape.initial(1, false), () -> {});
            }
            case RESID_MLP -> {
                ResidualMlp.Shape shape = new ResidualMlp.Shape(6, 20, 2, 10);
                yield new ResidualMlp(shape, shape.initial(1), () -> {});
            }
            default -> family(kind.name().toLowerCase(Locale.ROOT).replace("_in_parts", ""));
        };
    }

    /// Random weights of the shape of one of the small models of the families.
    private static Target family(String name) {
        try (Model model =
                Model.load(Golden.FOLDER.resolve("families").resolve(name), Type.FLOAT)) {
            return model.spec().over(model.spec().initial(1), () -> {});
        }
    }

    private static Batch batch(Kind kind) {
        return switch (kind) {
            default -> {
                long[] tokens = new long[ROWS * LENGTH];
                for (int i = 0; i < tokens.length; i++) {
                    tokens[i] = (i * 5L + i / 4) % 9;
                }
                yield batch(Tensors.of(tokens, ROWS, LENGTH), LENGTH);
            }
            case TMS -> batch(KEY.with("x").within(1, Type.FLOAT, ROWS, 1, 5), 1);
            case RESID_MLP -> batch(KEY.with("x").within(1, Type.FLOAT, ROWS, 1, 6), 1);
        };
    }

    private static Batch batch(Tensor inputs, int length) {
        return new Batch("s", 0, inputs, null, LossPositions.last(ROWS, length, null));
    }
}
