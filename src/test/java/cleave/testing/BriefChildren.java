package cleave.testing;

import cleave.run.ChildJvm;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Makes all JVMs that Cleave itself starts during a test class compile their code once and fast,
/// as [Child#brief] does for those that a test starts. It is for classes whose children take a few
/// steps of a tiny target: half of what such a child does would be compiling a second time. No
/// number depends on it.
public final class BriefChildren implements BeforeAllCallback, AfterAllCallback {
    static final String FLAG = "-XX:TieredStopAtLevel=1";

    @Override
    public void beforeAll(ExtensionContext context) {
        System.setProperty(ChildJvm.FLAGS, FLAG);
    }

    @Override
    public void afterAll(ExtensionContext context) {
        System.clearProperty(ChildJvm.FLAGS);
    }
}
