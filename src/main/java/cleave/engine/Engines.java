package cleave.engine;

import cleave.tensor.Device;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Type;

/// Which engines there are.
public final class Engines {
    /// Everything by libtorch.
    public static final Engine LIBTORCH = new Libtorch(Products.EXACT, Device.CPU);

    private Engines() {}

    /// The engine for tensors of this type on this device: the fused one where its kernels can read
    /// them, else libtorch.
    public static Engine of(Type type, Device device) {
        return device.equals(Device.CPU) && Kernels.read(type)
                ? Fused.ENGINE
                : libtorch(Products.EXACT, device);
    }

    /// The same with a way to multiply large products.
    public static Engine of(Type type, Device device, Products products) {
        Engine exact = of(type, device);
        if (products == Products.EXACT) {
            return exact;
        }
        return exact == Fused.ENGINE ? new Fused(products) : new Libtorch(products, device);
    }

    /// Everything by libtorch on the CPU, with a way to multiply large products.
    public static Engine libtorch(Products products) {
        return libtorch(products, Device.CPU);
    }

    /// Everything by libtorch on a device, with a way to multiply large products.
    public static Engine libtorch(Products products, Device device) {
        return products == Products.EXACT && device.equals(Device.CPU)
                ? LIBTORCH
                : new Libtorch(products, device);
    }

    /// What may move the last digits of numbers that an engine computes: the kernels that libtorch
    /// and OpenBLAS chose for this machine, and the engine's own.
    public static String kernels(Engine engine) {
        String products = engine.products().name();
        return "%s, engine %s%s"
                .formatted(
                        NativeRuntime.kernels(),
                        engine.name(),
                        products.isEmpty() ? "" : ", products in " + products);
    }
}
