package cleave.explore;

import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// What a request is answered with.
///
/// @param status of HTTP
/// @param type of the body
/// @param policy what the browser lets the body do
record Answer(int status, String type, byte[] body, String policy) {
    /// Reads and writes JSON, a record's components as keys in snake_case.
    static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .build();

    /// What the page may do: run its own scripts and ask its own server.
    static final String POLICY =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:"
                    + " blob:; connect-src 'self'; base-uri 'none'; form-action 'none';"
                    + " frame-ancestors 'none'";

    /// What a report may do: look as it does, and nothing else.
    static final String REPORT_POLICY =
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
                    + " form-action 'none'; frame-ancestors 'none'; sandbox";

    private record Said(String problem) {}

    /// An answer that may do what the page may.
    Answer(int status, String type, byte[] body) {
        this(status, type, body, POLICY);
    }

    /// A value as JSON.
    static Answer json(Object value) {
        return new Answer(200, "application/json", JSON.writeValueAsBytes(value));
    }

    /// What is wrong with a request.
    static Answer problem(int status, String message) {
        return new Answer(status, "application/json", JSON.writeValueAsBytes(new Said(message)));
    }
}
