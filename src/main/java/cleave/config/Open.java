package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks an interface of which a configuration may name any record that is known: those listed
/// here, and those that [Kinds] adds, the ones of [OwnKinds] services among them.
///
/// In a configuration a record goes by its name in snake case under `kind`, or by its [Name].
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
public @interface Open {
    /// The records that come with Cleave, in the order of messages.
    Class<? extends Record>[] core() default {};
}
