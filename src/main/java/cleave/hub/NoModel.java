package cleave.hub;

import cleave.config.UserError;
import java.nio.file.Files;
import java.nio.file.Path;

/// There is no model where a user says that one is.
public final class NoModel extends UserError {
    private static final long serialVersionUID = 1L;

    private static final String HINT =
            "hint: a model is such a folder, a GGUF file, or hf:ORGANISATION/NAME on Hugging Face's hub";

    private NoModel(String message) {
        super(message);
    }

    /// There is none at a place.
    ///
    /// @param rule what should be there, as in `model must be a folder with config.json`
    static NoModel at(Path place, String rule) {
        return new NoModel(message(place, rule) + "\n" + HINT);
    }

    /// The first line about a place, which says whether anything is there.
    static String message(Path place, String rule) {
        Path whole = place.toAbsolutePath().normalize();
        return "%s, got %s (%s)"
                .formatted(rule, place, Files.exists(place) ? whole : "there is no " + whole);
    }
}
