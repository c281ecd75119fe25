package cleave.testing;

import cleave.tensor.NativeRuntime;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/// Fails every test, and every test class, that leaves native handles behind. Registered for all
/// tests through `META-INF/services`.
///
/// The count is exact: a handle leaves it when a scope closes or its owner closes it, and JavaCPP's
/// thread that would also free what the garbage collector finds is stopped first.
public final class NoLeaks
        implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
    private static final Namespace NAMESPACE = Namespace.create(NoLeaks.class);

    @Override
    public void beforeAll(ExtensionContext context) {
        NativeRuntime.start();
        Pointer.interruptDeallocatorThread();
        remember(context);
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        NativeRuntime.prepareThread();
        remember(context);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        check(context);
    }

    @Override
    public void afterAll(ExtensionContext context) {
        check(context);
    }

    // Keyed by the test's own id: a store also answers with the values of its parents.
    private static void remember(ExtensionContext context) {
        context.getStore(NAMESPACE).put(context.getUniqueId(), Pointer.totalCount());
    }

    private static void check(ExtensionContext context) {
        long before = context.getStore(NAMESPACE).get(context.getUniqueId(), Long.class);
        long after = Pointer.totalCount();
        if (after > before) {
            throw new AssertionError(
                    "%s must leave no native handles behind, left %d (%d before, %d after)\nhint: open a scope around what makes tensors, and close what owns them"
                            .formatted(context.getDisplayName(), after - before, before, after));
        }
    }
}
