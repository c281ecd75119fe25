package cleave.study.sports;

import cleave.decomposition.Decomposition;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Activation;
import cleave.model.Gpt2;
import cleave.model.Gpt2.Shape;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;

/// A GPT-2 of two blocks, width 8 and nine tokens with random weights, of which five matrices have
/// three subcomponents each.
final class TinyLanguage {
    private static final Shape SHAPE =
            new Shape(9, Toy.LENGTH, 8, 2, 2, 12, Activation.GELU_NEW, 1e-5, true);

    private TinyLanguage() {}

    static void with(Consumer<Decomposition> test) {
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    SortedMap<String, Tensor> weights = new TreeMap<>();
                    SHAPE.initial(3)
                            .forEach((name, weight) ->
                                    weights.put(
                                            name,
                                            weight.to(Type.DOUBLE)
                                                    .mul(name.endsWith("weight") ? 8 : 1)));
                    Gpt2 target = new Gpt2(SHAPE, weights, () -> {});
                    try (Problem problem =
                            Toy.problem(
                                    target,
                                    Toy.sites(
                                            target,
                                            3,
                                            "h.0.attn.c_attn.q",
                                            "h.0.attn.c_attn.v",
                                            "h.0.mlp.c_proj",
                                            "h.1.mlp.c_fc",
                                            "h.1.mlp.c_proj"),
                                    Toy.SEQUENCE,
                                    Leak.SIGN_GATED,
                                    1)) {
                        test.accept(problem.decomposition());
                    }
                    return true;
                }));
    }
}
