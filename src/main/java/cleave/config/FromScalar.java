package cleave.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// Marks the public static factory by which a record or sealed interface reads from a bare scalar.
///
/// It takes one number, boolean, text or enum. With `@FromScalar static Schedule constant(double
/// value)` on `Schedule`, both `coefficient: 0.4` and `coefficient: {kind: linear, ...}` are read.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface FromScalar {}
