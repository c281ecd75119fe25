package cleave.bench;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Parameters;
import cleave.engine.Engines;
import cleave.model.Target;
import cleave.ranks.Exchange;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Device;
import cleave.tensor.Devices;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.TinyRun;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Steps of small runs on a device beside the same on the CPU, and how fast both multiply;
/// `bench/device.sh` runs it where there is a device.
public final class DeviceCheck {
    private static final int STEPS = 5;
    private static final int SIZE = 4096;
    private static final int TIMES = 10;
    private static final double TOLERANCE = 1e-3;

    private DeviceCheck() {}

    /// Compares and measures; ends with 1 where numbers differ.
    ///
    /// @param arguments a device, such as `cuda:0`
    public static void main(String[] arguments) throws IOException {
        Device device = Devices.parse(arguments[0]);
        Devices.require(device);
        Path folder = Files.createTempDirectory("cleave-device");
        boolean alike = true;
        for (List<String> settings : List.of(List.<String>of(), TinyGpt2.write(folder))) {
            RunFile file = RunFile.read(TinyRun.in(folder).config(), settings);
            double difference = difference(parameters(file, Device.CPU), parameters(file, device));
            alike &= difference <= TOLERANCE;
            System.out.printf(
                    "%s: largest difference of a parameter after %d steps, on %s from the CPU: %.1e%n",
                    file.target(), STEPS, device, difference);
        }
        for (Device each : List.of(Device.CPU, device)) {
            System.out.printf("products of 4096 x 4096 on %s: %.0f GFLOP/s%n", each, rate(each));
        }
        System.exit(alike ? 0 : 1);
    }

    static double difference(double[] one, double[] other) {
        double largest = 0;
        for (int i = 0; i < one.length; i++) {
            largest = Math.max(largest, Math.abs(one[i] - other[i]));
        }
        return largest;
    }

    /// The parameters of a run after some steps by libtorch on a device.
    static double[] parameters(RunFile file, Device device) {
        return Scopes.run(() -> {
            try (PreparedRun run = PreparedRun.of(file)) {
                Target target =
                        device.run(() ->
                                run.model()
                                        .spec()
                                        .over(
                                                on(device, run.model().target().weights()),
                                                () -> {}));
                Decomposition given =
                        new Decomposition(
                                        target,
                                        run.sites(),
                                        file.importance(),
                                        file.leak(),
                                        on(device, run.parameters().views()))
                                .on(Engines.libtorch(target.products(), device));
                try (Parameters moved =
                                device.run(
                                        () -> new Parameters(given.parameters(), target.type()));
                        Trainer trainer =
                                new Trainer(
                                        run.method(),
                                        given.on(moved.views()),
                                        moved,
                                        1,
                                        Exchange.alone(),
                                        file.machine().slice())) {
                    for (int step = 0; step < STEPS; step++) {
                        trainer.step();
                    }
                    return Tensors.toDoubles(moved.flat());
                } finally {
                    target.close();
                }
            }
        });
    }

    private static SortedMap<String, Tensor> on(Device device, SortedMap<String, Tensor> tensors) {
        SortedMap<String, Tensor> there = new TreeMap<>();
        tensors.forEach((name, tensor) -> there.put(name, tensor.to(device)));
        return there;
    }

    private static double rate(Device device) {
        return Scopes.run(() -> {
            Tensor matrix = Tensors.ones(device, Type.FLOAT, SIZE, SIZE);
            List<Double> seconds = new ArrayList<>();
            for (int i = 0; i < TIMES; i++) {
                long start = System.nanoTime();
                double _ =
                        Scopes.run(() ->
                                Tensors.number(matrix.matmul(matrix).select(0, 0).select(0, 0)));
                seconds.add((System.nanoTime() - start) / 1e9);
            }
            return 2e-9 * SIZE * SIZE * SIZE / seconds.stream().min(Double::compare).orElseThrow();
        });
    }
}
