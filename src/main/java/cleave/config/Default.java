package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The value of a component whose key is absent, as the YAML text that could have stood there.
///
/// The text is bound like the text of a file and obeys the same rules. `@Default("{}")` makes a
/// record of which every component has a default. A default that does not bind is our mistake, and
/// [Keys#of] finds it. Trees of [Binder#toTree] always hold the value, so that a default may change
/// without changing what a run's own configuration says.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface Default {
    /// The YAML text on one line.
    String value();
}
