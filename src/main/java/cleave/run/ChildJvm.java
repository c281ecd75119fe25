package cleave.run;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The command line of a further JVM like this one: the same program and flags. Agents are left
/// out, since two processes cannot listen for one debugger, nor write one agent's file.
///
/// The system property [#FLAGS] names flags, apart by spaces, that every further JVM has and this
/// one need not have.
public final class ChildJvm {
    /// The system property with the flags of further JVMs alone.
    public static final String FLAGS = "cleave.child.flags";

    private ChildJvm() {}

    /// The command line of a class with this JVM's class path.
    ///
    /// @param main has the method that is run
    /// @param arguments of it
    public static List<String> command(Class<?> main, List<String> arguments) {
        return command(System.getProperty("java.class.path"), main, arguments);
    }

    /// The same with another class path.
    public static List<String> command(String classPath, Class<?> main, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> !flag.startsWith("-javaagent") && !flag.startsWith("-agent"))
                .forEach(command::add);
        Arrays.stream(System.getProperty(FLAGS, "").split(" "))
                .filter(flag -> !flag.isBlank())
                .forEach(command::add);
        command.addAll(List.of("-cp", classPath, main.getName()));
        command.addAll(arguments);
        return command;
    }
}
