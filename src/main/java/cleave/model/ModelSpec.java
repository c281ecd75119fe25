package cleave.model;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Checked;
import cleave.config.Default;
import cleave.config.Open;
import cleave.config.Problems;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/// A kind of target model and its sizes, as written in a model's `config.yaml` and in the
/// configuration of its training.
///
/// A record of a user's own that implements this interface is a further kind, once an
/// [cleave.config.OwnKinds] service names it: models of it can be trained, decomposed, resumed and
/// reported like the others.
@Open(
        core = {
            ModelSpec.InductionTransformer.class,
            ModelSpec.Tms.class,
            ModelSpec.ResidualMlp.class,
            ModelSpec.Gpt2.class
        })
public interface ModelSpec {

    /// A target over these weights, which stay owned by the caller until `onClose` runs.
    Target over(SortedMap<String, Tensor> weights, Runnable onClose);

    /// Fresh weights to train.
    SortedMap<String, Tensor> initial(long seed);

    /// Where the residual stream begins and ends, and which sites read and write it; empty where
    /// that is not known.
    default Optional<StreamEnds> streamEnds() {
        return Optional.empty();
    }

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

    /// How many tokens there are; 0 for a model that takes no tokens.
    default int tokens() {
        return 0;
    }

    /// How many weights it has at the least, for telling ahead what memory it takes; 0 where that
    /// is not known. In floating point, since sizes that no machine holds are asked about as well.
    default double leastWeights() {
        return 0;
    }

    /// The names of weights that training leaves as they are.
    default List<String> frozen() {
        return List.of();
    }

    /// The attention-only transformer of the induction toy (`cleave.model.InductionTransformer`).
    ///
    /// @param vocabulary number of ordinary tokens
    /// @param length longest sequence
    /// @param width of the residual stream
    /// @param layers number of attention layers
    /// @param code where position codes come from
    /// @param added where they enter; after the maps when they are rotary
    /// @param beginToken whether sequences start with BOS
    /// @param outputProjection whether there are O matrices
    /// @param embeddingScale deviation of fresh embeddings
    record InductionTransformer(
            @AtLeast(1) int vocabulary,
            @AtLeast(6) int length,
            @AtLeast(2) int width,
            @AtLeast(1) int layers,
            cleave.model.InductionTransformer.Code code,
            cleave.model.InductionTransformer.Added added,
            @Default("true") boolean beginToken,
            @Default("true") boolean outputProjection,
            @Above(0) @Default("0.5") double embeddingScale)
            implements ModelSpec, Checked {

        @Override
        public void check(Problems problems) {
            if (width % 2 == 1) {
                problems.add("width", "must be even, got " + width);
            }
            if (code == cleave.model.InductionTransformer.Code.ROTARY
                    && added != cleave.model.InductionTransformer.Added.AFTER) {
                problems.add("added", "must be after when code is rotary, got before");
            }
        }

        @Override
        public Optional<StreamEnds> streamEnds() {
            String last = outputProjection ? "O" : "V";
            return Optional.of(
                    new StreamEnds(
                            "embedding",
                            "unembedding",
                            site -> !site.name().startsWith("O"),
                            site -> site.name().startsWith(last)));
        }

        private cleave.model.InductionTransformer.Shape shape() {
            return new cleave.model.InductionTransformer.Shape(
                    vocabulary, length, width, layers, code, added, outputProjection);
        }

        @Override
        public double leastWeights() {
            return ((double) vocabulary + length) * width + 3.0 * layers * width * width;
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.model.InductionTransformer(shape(), weights, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            SortedMap<String, Tensor> weights = new TreeMap<>(shape().initial(seed));
            weights.computeIfPresent(
                    "embedding",
                    (_, embedding) -> Scopes.keep(() -> embedding.mul(embeddingScale)));
            return weights;
        }

        @Override
        public int shortest() {
            return 6;
        }

        @Override
        public int tokens() {
            return vocabulary + 2; // with BOS and s
        }

        @Override
        public Task task(String stream, int sequenceLength) {
            return new InductionTask(stream, vocabulary, sequenceLength, beginToken);
        }
    }

    /// The toy model of superposition (`cleave.model.Tms`), on sparse features in [0, 1).
    ///
    /// @param features number of inputs and outputs
    /// @param hidden width of the bottleneck
    /// @param identities number of identity layers within the bottleneck
    /// @param zeroBias whether the bias starts at zero
    /// @param probability that a feature is active
    record Tms(
            @AtLeast(1) int features,
            @AtLeast(1) int hidden,
            @AtLeast(0) @Default("0") int identities,
            @Default("false") boolean zeroBias,
            @Above(0) @AtMost(1) double probability)
            implements ModelSpec {

        private cleave.model.Tms.Shape shape() {
            return new cleave.model.Tms.Shape(features, hidden, identities);
        }

        @Override
        public double leastWeights() {
            return (double) features * hidden + (double) identities * hidden * hidden;
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.model.Tms(shape(), weights, onClose);
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
            return new SparseFeatures(stream, features, 0, probability, SparseFeatures.Answer.SIZE);
        }
    }

    /// The residual MLP (`cleave.model.ResidualMlp`), on sparse features in [-1, 1).
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

        private cleave.model.ResidualMlp.Shape shape() {
            return new cleave.model.ResidualMlp.Shape(features, width, layers, neurons);
        }

        @Override
        public double leastWeights() {
            return (double) features * width + 2.0 * layers * width * neurons;
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.model.ResidualMlp(shape(), weights, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            return shape().initial(seed);
        }

        @Override
        public List<String> frozen() {
            return List.of(cleave.model.ResidualMlp.EMBEDDING);
        }

        @Override
        public int length() {
            return 1;
        }

        @Override
        public Task task(String stream, int sequenceLength) {
            return new SparseFeatures(
                    stream, features, -1, probability, SparseFeatures.Answer.PLUS_RELU);
        }
    }

    /// GPT-2 (`cleave.model.Gpt2`). In a model's folder it is the `config.json` of Hugging Face.
    ///
    /// @param vocabulary number of tokens
    /// @param length longest sequence
    /// @param width of the residual stream
    /// @param layers number of blocks
    /// @param heads of each block; they share the width
    /// @param neurons of each MLP
    /// @param activation of each MLP
    /// @param epsilon added to the variance in layer norms
    /// @param tiedHead whether the head is the token embedding
    record Gpt2(
            @AtLeast(1) int vocabulary,
            @AtLeast(1) int length,
            @AtLeast(1) int width,
            @AtLeast(1) int layers,
            @AtLeast(1) int heads,
            @AtLeast(1) int neurons,
            @Default("gelu_new") Activation activation,
            @Above(0) @Default("1.0e-5") double epsilon,
            @Default("true") boolean tiedHead)
            implements LanguageModel.OfParts, Checked {

        @Override
        public void check(Problems problems) {
            if (activation == Activation.SILU) {
                problems.add("activation", "must be gelu_new, gelu or relu, got silu");
            }
            if (width % heads != 0) {
                problems.add(
                        "width", "must be a multiple of heads, got %d, %d".formatted(width, heads));
            }
        }

        /// The shape of the network.
        public cleave.model.Gpt2.Shape shape() {
            return new cleave.model.Gpt2.Shape(
                    vocabulary,
                    length,
                    width,
                    layers,
                    heads,
                    neurons,
                    activation,
                    epsilon,
                    tiedHead);
        }

        @Override
        public double leastWeights() {
            return ((double) vocabulary + length) * width
                    + layers * (4.0 * width * width + 2.0 * width * neurons);
        }

        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new cleave.model.Gpt2(shape(), weights, onClose);
        }

        @Override
        public Layout layout() {
            return shape().layout();
        }

        @Override
        public int tokens() {
            return vocabulary;
        }

        @Override
        public Family family() {
            return cleave.model.Gpt2.FAMILY;
        }

        @Override
        public SequencedMap<String, Object> configuration() {
            SequencedMap<String, Object> config = new LinkedHashMap<>();
            config.put("architectures", List.of("GPT2LMHeadModel"));
            config.put("model_type", "gpt2");
            config.put("vocab_size", vocabulary);
            config.put("n_positions", length);
            config.put("n_embd", width);
            config.put("n_layer", layers);
            config.put("n_head", heads);
            config.put("n_inner", neurons);
            config.put("activation_function", ModelConfig.name(activation));
            config.put("layer_norm_epsilon", epsilon);
            config.put("tie_word_embeddings", tiedHead);
            return config;
        }
    }
}
