package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The records that an open interface always has as kinds, in the order in which they are named.
///
/// A sealed interface needs no list, since it names its records itself. An interface that is not
/// sealed has these records and those that [Kinds] adds to it.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
public @interface CoreKinds {
    /// The records; each implements the interface.
    Class<? extends Record>[] value();
}
