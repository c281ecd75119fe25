package cleave.testing;

import cleave.run.ChildJvm;
import java.util.List;

/// The command line of a second JVM like this one.
public final class Child {
    private Child() {}

    /// Runs `main` of a test class with this JVM's program, class path and flags, without agents.
    public static List<String> command(Class<?> main, String... arguments) {
        return ChildJvm.command(main, List.of(arguments));
    }

    /// The same for a child that lives for seconds, in which compiling a second time, and better,
    /// would be most of the work. No number depends on it.
    public static List<String> brief(Class<?> main, String... arguments) {
        List<String> command = command(main, arguments);
        command.add(1, BriefChildren.FLAG);
        return command;
    }
}
