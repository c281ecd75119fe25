package cleave.run;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Checked;
import cleave.config.Problems;
import cleave.target.InductionTask;
import cleave.target.InductionTransformer.Added;
import cleave.target.InductionTransformer.Code;
import cleave.target.InductionTransformer.Shape;
import cleave.target.SparseFeatures;
import cleave.target.SparseFeatures.Answer;
import cleave.target.Target;
import cleave.target.Task;
import cleave.tensor.Scopes;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// A kind of target model and its sizes, as written in a model's `config.yaml`.
public sealed interface ModelSpec {

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    Target over(SortedMap<String, Tensor> weights, Runnable onClose);

    /// Fresh weights to train.
    SortedMap<String, Tensor> initial(long seed);

    /// The task this kind of model was made for.
    ///
    /// @param stream name of the stream
    /// @param length of the sequences
    Task task(String stream, int length);

    /// The longest sequence.
    int length();

    /// The shortest sequence.
    default int shortest() {
        return 1;
    }

    /// The names of weights that training leaves as they are.
    default List<String> frozen() {
        return List.of();
    }

    /// The attention-only transformer of the induction toy (`cleave.target.InductionTransformer`).
    ///
    /// @param vocabulary number of ordinary tokens
    /// @param length longest sequence
    /// @param width of the residual stream
    /// @param layers number of attention layers
    /// @param code where position codes come from
    /// @param added where they enter
    /// @param beginToken whether sequences start with BOS
    /// @param outputProjection whether there are O matrices
    /// @param embeddingScale deviation of fresh embeddings
    record InductionTransformer(
            @AtLeast(1) int vocabulary,
            @AtLeast(6) int length,
            @AtLeast(2) int width,
            @AtLeast(1) int layers,
            Code code,
            Added added,
            boolean beginToken,
            boolean outputProjection,
            @Above(0) double embeddingScale)
            implements ModelSpec, Checked {

        @Override
        public void check(Problems problems) {
            if (width % 2 == 1) {
                problems.add("width", "must be even, got " + width);
            }
        }

        private Shape shape() {
            return new Shape(vocabulary, length, width, layers, code, added, outputProjection);
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.target.InductionTransformer(shape(), weights, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            SortedMap<String, Tensor> weights = new TreeMap<>(shape().initial(seed));
            weights.computeIfPresent(
                    "embedding",
                    (_, embedding) -> Scopes.keep(() -> embedding.mul(new Scalar(embeddingScale))));
            return weights;
        }

        @Override
        public int shortest() {
            return 6;
        }

        @Override
        public Task task(String stream, int sequenceLength) {
            return new InductionTask(stream, vocabulary, sequenceLength, beginToken);
        }
    }

    /// The toy model of superposition (`cleave.target.Tms`), on sparse features in [0, 1).
    ///
    /// @param features number of inputs and outputs
    /// @param hidden width of the bottleneck
    /// @param identities number of identity layers within the bottleneck
    /// @param zeroBias whether the bias starts at zero
    /// @param probability that a feature is active
    record Tms(
            @AtLeast(1) int features,
            @AtLeast(1) int hidden,
            @AtLeast(0) int identities,
            boolean zeroBias,
            @Above(0) @AtMost(1) double probability)
            implements ModelSpec {

        private cleave.target.Tms.Shape shape() {
            return new cleave.target.Tms.Shape(features, hidden, identities);
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.target.Tms(shape(), weights, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            return shape().initial(seed, zeroBias);
        }

        @Override
        public List<String> frozen() {
            return shape().identityNames();
        }

        @Override
        public int length() {
            return 1;
        }

        @Override
        public Task task(String stream, int sequenceLength) {
            return new SparseFeatures(stream, features, 0, probability, Answer.SIZE);
        }
    }

    /// The residual MLP (`cleave.target.ResidualMlp`), on sparse features in [-1, 1).
    ///
    /// @param features number of inputs and outputs
    /// @param width of the residual stream
    /// @param layers how many
    /// @param neurons of each layer
    /// @param probability that a feature is active
    record ResidualMlp(
            @AtLeast(1) int features,
            @AtLeast(1) int width,
            @AtLeast(1) int layers,
            @AtLeast(1) int neurons,
            @Above(0) @AtMost(1) double probability)
            implements ModelSpec {

        private cleave.target.ResidualMlp.Shape shape() {
            return new cleave.target.ResidualMlp.Shape(features, width, layers, neurons);
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.target.ResidualMlp(shape(), weights, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            return shape().initial(seed);
        }

        @Override
        public List<String> frozen() {
            return List.of(cleave.target.ResidualMlp.EMBEDDING);
        }

        @Override
        public int length() {
            return 1;
        }

        @Override
        public Task task(String stream, int sequenceLength) {
            return new SparseFeatures(stream, features, -1, probability, Answer.PLUS_RELU);
        }
    }
}
