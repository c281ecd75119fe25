package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The number rules of the component that holds this record hold for this component too.
///
/// A schedule does not know what it schedules: the rule `@AtLeast(0) Schedule coefficient` reaches
/// the two ends of `record Linear(@OuterRule double from, @OuterRule double to, @AtLeast(1) long
/// steps)` this way.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface OuterRule {}
