package cleave.importance;

import cleave.config.AtLeast;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GateFormulas;
import cleave.engine.GatePass;
import cleave.engine.HeadPass;
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
    default GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
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

    /// How many numbers a pass over one site keeps per position until its way back, about.
    ///
    /// @param engine that computes the gates
    /// @param length T
    default long kept(Engine engine, Site site, int C, long length) {
        return engine.keptByMlps(site.dIn(), C, hidden());
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
            boolean causal,
            @AtLeast(1) int positions,
            boolean ownActivation)
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
            checkLength(activation.size(1));
            Tensor seen = GateFormulas.seen(gate, activation, causal, valid);
            Tensor z =
                    ownActivation ? Tensors.concatenate(2, seen, activation) : seen; // [B, T, d_z]
            return GateFormulas.perSubcomponent(gate, z);
        }

        @Override
        public GatePass pass(
                Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            checkLength(activation.size(1));
            HeadPass head = engine.head(gate, activation, causal, valid);
            return engine.mlps(gate, head, ownActivation ? activation : null);
        }

        @Override
        public long kept(Engine engine, Site site, int C, long length) {
            long attention = 2 * length + 8L * site.dIn();
            long read = ownActivation ? width(site) + site.dIn() : width(site);
            return attention + engine.keptByMlps(read, C, hidden);
        }

        private void checkLength(long length) {
            if (length > positions) {
                throw new IllegalArgumentException(
                        "input length must be <= %d, the size of the importance function's position tables, got %d"
                                .formatted(positions, length));
            }
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
            return GateFormulas.perSubcomponent(gate, activation);
        }

        @Override
        public GatePass pass(
                Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return engine.mlps(gate, null, activation);
        }
    }

    /// One MLP for all subcomponents of a site (spec G5).
    record SharedMlp(@AtLeast(1) int hidden) implements ImportanceFunction {
        @Override
        public long kept(Engine engine, Site site, int C, long length) {
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
            return GateFormulas.onNumbers(gate, activation.matmul(V)); // [B, T, C]
        }

        @Override
        public GatePass pass(
                Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
            return engine.scalarMlps(gate, activation.matmul(V));
        }

        @Override
        public long kept(Engine engine, Site site, int C, long length) {
            return engine.keptByScalarMlps(C, hidden);
        }
    }
}
