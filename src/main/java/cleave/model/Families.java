package cleave.model;

import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/// The families that are known: Cleave's own, and those that services add.
public final class Families {
    private static final List<Family> OWN =
            List.of(Gpt2.FAMILY, Llama.FAMILY, LlamaSimple.FAMILY, GptNeo.FAMILY, GptNeoX.FAMILY);

    private static final class Installed {
        static final List<Family> ALL =
                Stream.concat(
                                OWN.stream(),
                                ServiceLoader.load(Family.class).stream()
                                        .map(ServiceLoader.Provider::get))
                        .toList();
    }

    private Families() {}

    /// All of them.
    public static List<Family> all() {
        return Installed.ALL;
    }

    /// The family of a `model_type`.
    public static Optional<Family> of(String modelType) {
        return all().stream().filter(family -> family.modelTypes().contains(modelType)).findFirst();
    }

    /// Every `model_type` that is known, in order of the alphabet.
    public static List<String> modelTypes() {
        return all().stream()
                .flatMap(family -> family.modelTypes().stream())
                .distinct()
                .sorted(String.CASE_INSENSITIVE_ORDER)
                .toList();
    }
}
