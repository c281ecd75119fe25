package cleave.run;

import cleave.config.UserError;
import cleave.testing.Child;
import java.io.IOException;
import java.nio.file.Path;

/// A second process that resumes a run, says so, and holds it until it is killed.
final class LockHolder {
    private LockHolder() {}

    static Process start(Path run) throws IOException {
        return new ProcessBuilder(Child.brief(LockHolder.class, run.toString()))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    public static void main(String[] arguments) throws Exception {
        try (RunDirectory _ = RunDirectory.resume(Path.of(arguments[0]))) {
            System.out.println("holds");
            int _ = System.in.read(); // until the parent ends this process or itself
        } catch (UserError refused) {
            System.out.println("refused: " + refused.getMessage());
        }
    }
}
