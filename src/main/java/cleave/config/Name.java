package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The name that a record component, an enum constant or a kind has in a file.
///
/// Without it the name is the Java name in snake case: `learningRate` is read from `learning_rate`.
/// With it the Java name may change while files stay as they are. On a record it is the `kind` of
/// that record.
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.RECORD_COMPONENT, ElementType.FIELD, ElementType.TYPE})
public @interface Name {
    /// The name in a file.
    String value();
}
