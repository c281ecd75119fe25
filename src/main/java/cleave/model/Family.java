package cleave.model;

import cleave.tensor.Tensor;
import java.util.List;

/// A family of language models as they are published: how the configuration is read, and how the
/// names of the files become names of weights.
///
/// Those of a user's own are found by `ServiceLoader`: with a service of this type on the class
/// path, folders of its `model_type` are opened like any other.
public interface Family {
    /// The values of `model_type` in a `config.json` that are of this family.
    List<String> modelTypes();

    /// Reads a configuration. What is missing or wrong becomes a problem of the reader, and not an
    /// exception; the result is then thrown away.
    LanguageModel read(ModelConfig config);

    /// What the names of weights in a published file begin with, the head's apart; nothing where
    /// they begin with nothing.
    default String prefix() {
        return "model.";
    }

    /// What else names may begin with, such as what a wrapper of the training puts there. The longest chain
    /// of these that a name begins with is passed over.
    default List<String> prefixes() {
        return List.of("_orig_mod.", "module.", "model.", "transformer.", prefix());
    }

    /// Whether a tensor of this name, without prefix, is no weight of the network.
    default boolean isBuffer(String name) {
        return name.endsWith("rotary_emb.inv_freq");
    }

    /// Whether a weight is the head's, whose name has no prefix in published files.
    default boolean isHead(String name) {
        return name.startsWith("lm_head.");
    }

    /// The key of the configuration that says how many blocks there are.
    default String layersKey() {
        return "num_hidden_layers";
    }

    /// A weight as [LanguageModel#over] takes it, from the tensor of a file.
    default Tensor fromFile(LanguageModel model, String name, Tensor stored) {
        return stored;
    }

    /// The reverse of `fromFile`.
    default Tensor toFile(LanguageModel model, String name, Tensor weight) {
        return weight;
    }
}
