package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Names that a record component, an enum constant or a kind had in older files.
///
/// They are still read, and a note tells the name of today. They are never written. A file that
/// gives a key under two of its names is refused.
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.RECORD_COMPONENT, ElementType.FIELD, ElementType.TYPE})
public @interface Formerly {
    /// The older names, in any order.
    String[] value();
}
