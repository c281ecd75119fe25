package cleave.importance;

import cleave.importance.ImportanceFunction.Parameter;
import java.util.LinkedHashMap;
import java.util.Map;

/// One small MLP per subcomponent: `y_c = w2_c . gelu(z W1_c + b1_c) + b2_c` (spec G4).
final class Mlps {
    private Mlps() {}

    static Map<String, Parameter> parameters(long dIn, int C, int hidden) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put(
                "hidden", Parameter.of(Math.sqrt(2.0 / dIn), dIn, (long) C * hidden).along(1));
        parameters.put("hidden_bias", Parameter.of(0, (long) C * hidden).along(0));
        parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), C, hidden).along(0));
        parameters.put("output_bias", Parameter.of(0, C).along(0));
        return parameters;
    }
}
