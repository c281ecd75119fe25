package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;

/// A kind of language model with its sizes: what is known of a model before its weights are read.
/// It is what every command takes that needs a model of text; the network itself, with logits,
/// sites and context, is the [Target] that `over` makes.
public interface LanguageModel extends ModelSpec {
    /// How models of this kind are read from published files and written as such.
    Family family();

    /// What the network is called in messages, such as `a GPT-2`.
    String title();

    /// The number of blocks.
    int layers();

    /// The names and shapes of the weights, as `over` takes them.
    SortedMap<String, long[]> weights();

    /// The token embedding, `[tokens, width]`.
    String embeddingWeight();

    /// The weight that gives logits, `[tokens, width]`.
    String headWeight();

    /// The configuration in the form of its published files (`config.json`), which [Family#read]
    /// reads to the same model.
    SequencedMap<String, Object> configuration();

    /// The sites that read and write the stream have shared names in all families.
    @Override
    default double leastWeights() {
        double sum = 0;
        for (long[] shape : weights().values()) {
            double size = 1;
            for (long length : shape) {
                size *= length;
            }
            sum += size;
        }
        return sum;
    }

    @Override
    default Optional<StreamEnds> streamEnds() {
        return Optional.of(
                new StreamEnds(
                        embeddingWeight(),
                        headWeight(),
                        site ->
                                site.endsWithAny(
                                        ".attn.q",
                                        ".attn.k",
                                        ".attn.v",
                                        ".attn.qkv",
                                        ".mlp.gate",
                                        ".mlp.in"),
                        site -> site.isCalled("embed") || site.endsWithAny(".attn.o", ".mlp.out")));
    }

    @Override
    default Task task(String stream, int sequenceLength) {
        return new RandomTokens(stream, tokens(), sequenceLength);
    }

    /// One that is made of the parts of this package.
    interface OfParts extends LanguageModel {
        /// What the network is made of.
        Layout layout();

        @Override
        default String title() {
            return layout().title();
        }

        @Override
        default int length() {
            return layout().length();
        }

        @Override
        default SortedMap<String, long[]> weights() {
            return layout().weights();
        }

        @Override
        default String embeddingWeight() {
            return layout().embedding();
        }

        @Override
        default String headWeight() {
            return layout().headWeight();
        }

        @Override
        default Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            return new Decoder(layout(), weights, onClose);
        }

        @Override
        default SortedMap<String, Tensor> initial(long seed) {
            return layout().initial(seed);
        }
    }
}
