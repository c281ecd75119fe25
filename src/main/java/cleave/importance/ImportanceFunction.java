package cleave.importance;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.kernel.Kernels;
import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/// Predicts how much each subcomponent of a site matters at each position from the site's input in
/// the clean forward pass (spec G1, G4, G5).
///
/// Each function is a record of its settings; its parameters, one set per site, are passed in by
/// name.
public sealed interface ImportanceFunction {

    /// Hidden width of the MLPs, D_gate.
    int hidden();

    /// The parameters of one site's gates: name to shape and initial deviation (0 for zeros; spec
    /// G6).
    Map<String, Parameter> parameters(Site site, int C);

    /// The pre-activations `[B, T, C]`.
    ///
    /// @param gate this site's parameters
    /// @param activation `[B, T, d_in]` the site's input, detached
    /// @param V `[d_in, C]` of the site
    /// @param valid `[B, T]`, null when every position is valid
    Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid);

    /// The pre-activations with a way back to the parameters (see `preactivation`).
    default GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return GatePass.recorded(preactivation(gate, activation, V, valid));
    }

    /// What a merged subcomponent has in each number of a gate's parameter: its pre-activation is
    /// -1 at every position then, and so both its importances are exactly 0 (spec C4).
    static double merged(String parameter) {
        return parameter.equals("output_bias") ? -1 : 0;
    }

    /// A parameter's shape and the deviation of its initial normal values.
    ///
    /// @param axis along which subcomponent stands after subcomponent, each with equally many
    ///   numbers; empty where all share the parameter
    record Parameter(double deviation, List<Long> shape, OptionalInt axis) {

        /// A parameter of this shape that all subcomponents of a site share.
        static Parameter of(double deviation, long... shape) {
            return new Parameter(
                    deviation, Arrays.stream(shape).boxed().toList(), OptionalInt.empty());
        }

        /// The same with the subcomponents along an axis.
        Parameter along(int subcomponents) {
            return new Parameter(deviation, shape, OptionalInt.of(subcomponents));
        }

        /// The initial value under a key.
        public Tensor initial(Draws.Key key, Type type) {
            return key.normal(deviation, type, shape.stream().mapToLong(Long::longValue).toArray());
        }
    }

    /// One site's parameters by name.
    @FunctionalInterface
    interface Gate {
        /// The parameter of this name.
        Tensor get(String name);
    }

    /// How many numbers a pass over one site keeps per position until its way back, about.
    ///
    /// @param length T
    /// @param type of the numbers
    default long kept(Site site, int C, long length, Type type) {
        return 2L * C * hidden() + 3L * C; // the hidden layer before and after the GELU
    }

    /// The longest sequence the function can read.
    default int maximumLength() {
        return Integer.MAX_VALUE;
    }

    /// One attention head with learned relative positions on the scores and learned absolute
    /// positions on the values, then one MLP per subcomponent ([DST]; spec G4).
    ///
    /// @param headWidth width of queries, keys and values; d_in when absent
    /// @param causal whether a position sees earlier ones only
    /// @param positions size of the position tables; longer input is refused
    /// @param ownActivation whether the MLPs also read the position's own activation
    record Sequence(
            @AtLeast(1) int hidden,
            @AtLeast(1) Optional<Integer> headWidth,
            @Default("true") boolean causal,
            @AtLeast(1) int positions,
            @Default("true") boolean ownActivation)
            implements ImportanceFunction {

        private long width(Site site) {
            return headWidth.map(Integer::longValue).orElse(site.dIn());
        }

        @Override
        public int maximumLength() {
            return positions;
        }

        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            long width = width(site);
            double deviation = 1 / Math.sqrt((double) site.dIn());
            Map<String, Parameter> parameters = new LinkedHashMap<>();
            parameters.put("query", Parameter.of(deviation, site.dIn(), width));
            parameters.put("key", Parameter.of(deviation, site.dIn(), width));
            parameters.put("value", Parameter.of(deviation, site.dIn(), width));
            parameters.put("relative", Parameter.of(0, causal ? positions : 2L * positions - 1));
            parameters.put("absolute", Parameter.of(0, positions, site.dIn()));
            parameters.putAll(
                    Mlps.parameters(ownActivation ? width + site.dIn() : width, C, hidden));
            return parameters;
        }

        @Override
        public Tensor preactivation(
                Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            Tensor seen = seen(gate, activation, valid);
            Tensor z =
                    ownActivation ? Tensors.concatenate(2, seen, activation) : seen; // [B, T, d_z]
            return Mlps.perSubcomponent(gate, z, hidden);
        }

        @Override
        public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return Kernels.read(Tensors.type(activation))
                    ? FusedMlps.open(
                            gate, head(gate, activation, valid), ownActivation ? activation : null)
                    : GatePass.recorded(preactivation(gate, activation, V, valid));
        }

        @Override
        public long kept(Site site, int C, long length, Type type) {
            long attention = 2 * length + 8L * site.dIn();
            return attention
                    + (Kernels.read(type)
                            ? 3L * C
                            : ImportanceFunction.super.kept(site, C, length, type));
        }

        private HeadPass head(Gate gate, Tensor activation, @Nullable Tensor valid) {
            int width = Math.toIntExact(gate.get("query").size(1));
            if (valid == null && FusedHead.fits(activation, width)) {
                checkLength(activation.size(1));
                return new FusedHead(gate, activation, causal);
            }
            return HeadPass.recorded(seen(gate, activation, valid));
        }

        private void checkLength(long length) {
            if (length > positions) {
                throw new IllegalArgumentException(
                        "input length must be <= %d, the size of the importance function's position tables, got %d"
                                .formatted(positions, length));
            }
        }

        /// What the attention head reads at each position `[B, T, h]`.
        private Tensor seen(Gate gate, Tensor activation, @Nullable Tensor valid) {
            long length = activation.size(1);
            checkLength(length);
            Tensor q = activation.matmul(gate.get("query")); // [B, T, h]
            Tensor k = activation.matmul(gate.get("key"));
            Tensor v =
                    activation
                            .add(gate.get("absolute").narrow(0, 0, length))
                            .matmul(gate.get("value"));
            Tensor scores =
                    Tensors.baddbmm(
                            relative(gate, length),
                            q,
                            k.transpose(1, 2),
                            1,
                            1 / Math.sqrt((double) q.size(2))); // [B, T, T]
            if (valid != null) {
                // A finite floor: a padded first query would otherwise see nothing and turn into
                // NaN.
                scores = scores.masked_fill(valid.logical_not().unsqueeze(1), -1e30);
            }
            return Tensors.softmax(scores).matmul(v);
        }

        /// What is added to the scores of query n and key j, `[T, T]`.
        private Tensor relative(Gate gate, long length) {
            Tensor offset =
                    Tensors.arange(length)
                            .unsqueeze(1)
                            .sub(Tensors.arange(length).unsqueeze(0)); // n - j
            Tensor index = causal ? offset.clamp_min(0) : offset.add(positions - 1L);
            Tensor relative =
                    gate.get("relative").index_select(0, index.flatten()).view(length, length);
            return causal ? relative.masked_fill(offset.lt(0), Double.NEGATIVE_INFINITY) : relative;
        }
    }

    /// One MLP per subcomponent on the position's activation (SPD code's `vector_mlp`; spec G5).
    record VectorMlp(@AtLeast(1) int hidden) implements ImportanceFunction {
        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            return Mlps.parameters(site.dIn(), C, hidden);
        }

        @Override
        public Tensor preactivation(
                Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return Mlps.perSubcomponent(gate, activation, hidden);
        }

        @Override
        public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return Kernels.read(Tensors.type(activation))
                    ? FusedMlps.open(gate, null, activation)
                    : GatePass.recorded(preactivation(gate, activation, V, valid));
        }
    }

    /// One MLP for all subcomponents of a site (spec G5).
    record SharedMlp(@AtLeast(1) int hidden) implements ImportanceFunction {
        @Override
        public long kept(Site site, int C, long length, Type type) {
            return 2L * hidden + 3L * C;
        }

        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            Map<String, Parameter> parameters = new LinkedHashMap<>();
            parameters.put("hidden", Parameter.of(Math.sqrt(2.0 / site.dIn()), site.dIn(), hidden));
            parameters.put("hidden_bias", Parameter.of(0, hidden));
            parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), hidden, C).along(1));
            parameters.put("output_bias", Parameter.of(0, C).along(0));
            return parameters;
        }

        @Override
        public Tensor preactivation(
                Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return Tensors.gelu(activation.matmul(gate.get("hidden")).add(gate.get("hidden_bias")))
                    .matmul(gate.get("output"))
                    .add(gate.get("output_bias")); // [B, T, C]
        }
    }

    /// One MLP per subcomponent on its own inner activation `(a V)_c`, the SPD paper's (spec G5).
    record Mlp(@AtLeast(1) int hidden) implements ImportanceFunction {
        @Override
        public Map<String, Parameter> parameters(Site site, int C) {
            Map<String, Parameter> parameters = new LinkedHashMap<>();
            parameters.put("hidden", Parameter.of(Math.sqrt(2), C, hidden).along(0));
            parameters.put("hidden_bias", Parameter.of(0, C, hidden).along(0));
            parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), C, hidden).along(0));
            parameters.put("output_bias", Parameter.of(0, C).along(0));
            return parameters;
        }

        @Override
        public Tensor preactivation(
                Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            Tensor inner = activation.matmul(V).unsqueeze(3); // [B, T, C, 1]
            Tensor hiddens =
                    Tensors.gelu(inner.mul(gate.get("hidden")).add(gate.get("hidden_bias")));
            return Mlps.output(gate, hiddens); // [B, T, C]
        }

        @Override
        public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return Kernels.read(Tensors.type(activation))
                    ? new FusedScalarMlps(gate, activation.matmul(V), hidden)
                    : GatePass.recorded(preactivation(gate, activation, V, valid));
        }

        @Override
        public long kept(Site site, int C, long length, Type type) {
            return Kernels.read(type)
                    ? 5L * C
                    : ImportanceFunction.super.kept(site, C, length, type);
        }
    }
}
