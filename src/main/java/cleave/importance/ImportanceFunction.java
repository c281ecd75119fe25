package cleave.importance;

import cleave.config.Open;
import cleave.engine.Engine;
import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/// Predicts how much each subcomponent of each site matters at each position from what the sites
/// read in the clean forward pass (spec G1, G4, G5).
///
/// A function is a record of its settings. Its parameters are passed in by name: a set for each
/// site, and a set that all sites share. Most functions look at one site at a time and implement
/// [PerSite]; one of your own may do either, and configurations find it by
/// [cleave.config.OwnKinds].
@Open(core = {Sequence.class, VectorMlp.class, SharedMlp.class, Mlp.class, GlobalMlp.class})
public interface ImportanceFunction {

    /// The parameters of one site's gates: name to shape and initial deviation (0 for zeros; spec
    /// G6). One of them must be [#bias].
    Map<String, Parameter> parameters(Site site, int C);

    /// The parameters that the gates of all sites share; none has a part for each subcomponent.
    ///
    /// @param sites the decomposed sites, in order
    default Map<String, Parameter> shared(List<Site> sites) {
        return Map.of();
    }

    /// Whether some parameters of a site begin at what its subcomponents read on the run's first
    /// examples.
    default boolean startsAtInputs() {
        return false;
    }

    /// The parameters of a site that begin at what its subcomponents read, by name; the others
    /// begin as they are drawn.
    ///
    /// @param inner `[N, C]` the subcomponents' inner activations at some positions
    default Map<String, Tensor> startedAt(Tensor inner) {
        return Map.of();
    }

    /// Computes the pre-activations of all sites, and keeps what their way back needs.
    GatesPass open(GateInputs inputs);

    /// The same through libtorch's graph of the function's own formula, without an engine: what
    /// `open` is held to.
    default GatesPass recorded(GateInputs inputs) {
        return open(inputs);
    }

    /// How many numbers a pass over all sites keeps per position until its way back, about.
    ///
    /// @param engine computes the gates
    /// @param length T
    long kept(Engine engine, List<GatedSite> sites, long length);

    /// The longest sequence the function can read.
    default int maximumLength() {
        return Integer.MAX_VALUE;
    }

    /// The parameter `[C]` of a site that is added to its pre-activations.
    default String bias() {
        return "output_bias";
    }

    /// What a merged subcomponent has in each number of a site's parameter: its pre-activation must
    /// be -1 at every position then, so that both its importances are exactly 0 (spec C4).
    default double merged(String parameter) {
        return parameter.equals(bias()) ? -1 : 0;
    }

    /// A site and how many subcomponents its gates are for.
    ///
    /// @param count C
    record GatedSite(Site site, int count) {}

    /// A parameter's shape and the deviation of its initial normal values.
    ///
    /// @param axis along which subcomponent stands after subcomponent, each with equally many
    ///   numbers; empty where all share the parameter
    record Parameter(double deviation, List<Long> shape, OptionalInt axis) {

        /// A parameter of this shape that all subcomponents of a site share.
        public static Parameter of(double deviation, long... shape) {
            return new Parameter(
                    deviation, Arrays.stream(shape).boxed().toList(), OptionalInt.empty());
        }

        /// The same with the subcomponents along an axis.
        public Parameter along(int subcomponents) {
            return new Parameter(deviation, shape, OptionalInt.of(subcomponents));
        }

        /// The initial value under a key.
        public Tensor initial(Draws.Key key, Type type) {
            return key.normal(deviation, type, shape.stream().mapToLong(Long::longValue).toArray());
        }

        /// Writes the initial value under a key to a tensor of this shape.
        public void start(Draws.Key key, Tensor parameter) {
            key.fill(parameter, deviation);
        }
    }
}
