package cleave.report;

import java.util.LinkedHashMap;
import java.util.Map;

/// The values behind the pictures, which the page's script shows under the pointer.
public final class ChartValues {
    private final Map<String, Object> byId = new LinkedHashMap<>();

    /// Keeps a figure's values and gives them an identifier on the page.
    String add(Object values) {
        String id = "figure-" + (byId.size() + 1);
        byId.put(id, values);
        return id;
    }

    public Map<String, Object> byId() {
        return byId;
    }
}
