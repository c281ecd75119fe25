package cleave.tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Storage;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.VoidTensorHook;
import org.jspecify.annotations.Nullable;

/// Counts what the calling thread's tensors cost while it is open: the operations of products of
/// matrices, the bytes of tensors that are alive, and how often numbers go from Java into tensors
/// or back.
///
/// A product `[m, k] x [k, n]` takes `2 m k n` operations, and as many again on the way back for
/// each factor that a gradient is wanted of; all of them are counted when the product is made. Only
/// products that go through `Tensor` and `Tensors` are seen, not those of an engine's own kernels.
///
/// Memory is counted where it begins, whatever is made of it later: a view costs nothing. It ends
/// when neither Java nor a graph for gradients holds it. Gradients on the way back are seen where
/// they reach a tensor that was made while the meter was open. What was there before it is not
/// counted, nor what an operation of libtorch needs only inside of itself.
///
/// Whether memory has ended is asked of every memory, after whatever may have freed some. Where
/// more than a thousand are alive that would take a time that grows with the square of a model's
/// depth, so that it is then asked after several such events, one for each thousand: `history` may
/// say a little too much there, by what the last few gradients took, and never too little. `live`
/// is exact.
///
/// Counting is slow, so that it is for one step and not for a run. A meter sees one thread, and is
/// closed on it; within it no other may be opened.
public final class Meter implements AutoCloseable {
    /// How many memories may be asked after one event.
    private static final int ASKED = 1_000;

    private static final AtomicInteger OPEN = new AtomicInteger();
    private static final ThreadLocal<@Nullable Meter> HERE = new ThreadLocal<>();

    private final Map<Long, Memory> memories = new HashMap<>(); // by the address of its owner
    private final List<Hook> hooks = new ArrayList<>();
    private long[] history = new long[1 << 10];
    private int made;
    private long live;
    private long asked; // how many memories the events since the last sweep allow to ask
    private double operations;
    private long transfers;

    /// Memory that is alive.
    ///
    /// @param alias a tensor of the meter's own on it, so that its address is not used again
    /// @param storage the alias's own, good for as long as that is
    private record Memory(org.bytedeco.pytorch.Tensor alias, Storage storage, long bytes) {
        /// Whether nobody but the meter holds it.
        boolean isLeft() {
            return storage.use_count() <= 1;
        }

        void release() {
            alias.releaseReference();
        }
    }

    private Meter() {}

    /// Begins to count on this thread.
    ///
    /// @throws IllegalStateException when a meter is open here
    public static Meter open() {
        if (HERE.get() != null) {
            throw new IllegalStateException("a thread must have one meter at most, got a second");
        }
        Meter meter = new Meter();
        HERE.set(meter);
        OPEN.incrementAndGet();
        return meter;
    }

    /// The operations of products so far.
    public synchronized double operations() {
        return operations;
    }

    /// How often numbers went from Java into a tensor or out of one so far, each way a transfer
    /// where tensors are not on the CPU.
    public synchronized long transfers() {
        return transfers;
    }

    /// The bytes alive now.
    public synchronized long live() {
        sweep();
        return live;
    }

    /// The bytes alive after each new memory, in order.
    public synchronized long[] history() {
        return Arrays.copyOf(history, made);
    }

    @Override
    public synchronized void close() {
        OPEN.decrementAndGet();
        HERE.remove();
        memories.values().forEach(Memory::release);
        memories.clear();
        hooks.forEach(Hook::releaseReference);
    }

    private static @Nullable Meter here() {
        return OPEN.get() == 0 ? null : HERE.get();
    }

    /// Notes a tensor that an operation has made.
    static void made(org.bytedeco.pytorch.Tensor tensor) {
        Meter meter = here();
        if (meter != null) {
            meter.note(tensor);
        }
    }

    /// Notes that gradients of a tensor are wanted.
    static void wanted(org.bytedeco.pytorch.Tensor leaf) {
        Meter meter = here();
        if (meter != null) {
            meter.listen(leaf);
        }
    }

    /// Notes a product over the last axis of `first` and the one before the last of `second`.
    static void product(Tensor first, Tensor second, Tensor product) {
        Meter meter = here();
        if (meter != null) {
            meter.count(first, second, product);
        }
    }

    /// Notes that numbers go into a tensor or out of one.
    static void moved() {
        Meter meter = here();
        if (meter != null) {
            meter.countMove();
        }
    }

    /// Notes that tensors were freed.
    static void freed() {
        Meter meter = here();
        if (meter != null) {
            meter.mayHaveFreed();
        }
    }

    private synchronized void count(Tensor first, Tensor second, Tensor product) {
        boolean recording = Gradients.recording();
        int times = 1;
        times += recording && first.requires_grad() ? 1 : 0;
        times += recording && second.requires_grad() ? 1 : 0;
        operations += 2.0 * times * product.numel() * first.size(-1);
    }

    private synchronized void countMove() {
        transfers++;
    }

    private synchronized void note(org.bytedeco.pytorch.Tensor tensor) {
        if (!tensor.defined() || !tensor.has_storage()) {
            return;
        }
        try (PointerScope _ = new PointerScope()) {
            boolean isNew = !tensor.is_view() && tensor.use_count() == 1;
            if (isNew && add(tensor) && tensor.requires_grad()) {
                listen(tensor);
            }
        }
    }

    /// Counts the memory of a tensor, unless it is known.
    private boolean add(org.bytedeco.pytorch.Tensor tensor) {
        long owner = tensor.storage().unsafeGetStorageImpl().address();
        if (memories.containsKey(owner)) {
            return false;
        }
        org.bytedeco.pytorch.Tensor alias = tensor.detach();
        Storage storage = alias.storage();
        Memory memory = new Memory(alias, storage, storage.nbytes());
        alias.retainReference();
        memories.put(owner, memory);
        live += memory.bytes();
        if (made == history.length) {
            history = Arrays.copyOf(history, 2 * made);
        }
        history[made++] = live;
        return true;
    }

    /// Counts the gradients that reach a tensor.
    private synchronized void listen(org.bytedeco.pytorch.Tensor tensor) {
        try (PointerScope _ = new PointerScope()) {
            Hook hook = new Hook();
            hook.retainReference();
            hooks.add(hook);
            tensor.register_hook(hook);
        }
    }

    private synchronized void arrived(TensorBase gradient) {
        try (PointerScope _ = new PointerScope()) {
            mayHaveFreed();
            if (gradient.defined() && gradient.has_storage()) {
                add(new org.bytedeco.pytorch.Tensor(gradient));
            }
        }
    }

    /// Sweeps, unless too many are alive to do so after every event.
    private synchronized void mayHaveFreed() {
        asked += ASKED;
        if (asked >= memories.size()) {
            sweep();
        }
    }

    private void sweep() {
        asked = 0;
        Iterator<Memory> all = memories.values().iterator();
        while (all.hasNext()) {
            Memory memory = all.next();
            if (memory.isLeft()) {
                live -= memory.bytes();
                all.remove();
                memory.release();
            }
        }
    }

    private final class Hook extends VoidTensorHook {
        @Override
        public void call(TensorBase gradient) {
            arrived(gradient);
            gradient.deallocate(); // else it is alive until the scope that differentiates ends
        }
    }
}
