package cleave.study.facts;

import cleave.config.OwnKinds;
import java.util.List;

/// Lets configurations name the facts as data, by `kind: facts`.
public final class FactsKinds implements OwnKinds {
    @Override
    public List<Class<? extends Record>> kinds() {
        return List.of(Facts.class);
    }
}
