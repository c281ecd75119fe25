import java.io.IOException;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/// Writes a library's classes in a newer class file format: `Modernise FROM.jar TO.jar`.
///
/// The JDK's cache of loaded classes leaves out those older than Java 6, whose format has no maps
/// of the stack, and verifies them slowly at every start. The command-line library is such a one,
/// so that most of a start went into it.
final class Modernise {
    // Only methods that are written anew get maps of the stack.
    private static final ClassTransform NEWER =
            ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL)
                    .andThen(
                            ClassTransform.endHandler(
                                    builder -> builder.withVersion(ClassFile.JAVA_8_VERSION, 0)));

    private Modernise() {}

    public static void main(String[] arguments) throws IOException {
        Path from = Path.of(arguments[0]);
        try (JarFile jar = new JarFile(from.toFile());
                URLClassLoader library = new URLClassLoader(new URL[] {from.toUri().toURL()});
                OutputStream file = Files.newOutputStream(Path.of(arguments[1]));
                JarOutputStream out = new JarOutputStream(file)) {
            ClassFile classes =
                    ClassFile.of(
                            StackMapsOption.GENERATE_STACK_MAPS,
                            ClassFile.ClassHierarchyResolverOption.of(
                                    ClassHierarchyResolver.ofClassLoading(library)));
            for (JarEntry entry : Collections.list(jar.entries())) {
                byte[] bytes = jar.getInputStream(entry).readAllBytes();
                if (entry.getName().endsWith(".class")) {
                    ClassModel model = classes.parse(bytes);
                    if (model.majorVersion() < ClassFile.JAVA_8_VERSION) {
                        bytes = classes.transformClass(model, NEWER);
                    }
                }
                out.putNextEntry(new JarEntry(entry.getName()));
                out.write(bytes);
            }
        }
    }
}
