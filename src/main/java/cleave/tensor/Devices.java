package cleave.tensor;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;

/// Which devices there are here, and which libtorch it is that sees them.
public final class Devices {
    private static final Pattern CUDA = Pattern.compile("cuda(?::(\\d{1,3}))?");
    private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
    private static final Path LOADED = Path.of("/proc/self/maps");

    private Devices() {}

    /// The device of a name such as `cpu`, `cuda` or `cuda:1`.
    ///
    /// @throws UserError for any other
    public static Device parse(String name) {
        Matcher cuda = CUDA.matcher(name.toLowerCase(Locale.ROOT));
        if (name.equalsIgnoreCase("cpu")) {
            return Device.CPU;
        }
        if (!cuda.matches()) {
            throw new UserError("device must be cpu, cuda or cuda:N, got " + name);
        }
        return Device.cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
    }

    /// What libtorch sees here, the CPU first.
    public static List<Device> all() {
        NativeRuntime.start();
        List<Device> devices = new ArrayList<>(List.of(Device.CPU));
        if (torch.cuda_is_available()) {
            for (int i = 0; i < Byte.toUnsignedInt(torch.cuda_device_count()); i++) {
                devices.add(Device.cuda(i));
            }
        }
        return devices;
    }

    /// The file of the libtorch that was loaded; empty where the system does not say.
    public static Optional<String> library() {
        NativeRuntime.start();
        try (Stream<String> lines = Files.lines(LOADED)) {
            return lines.filter(line -> line.contains("libtorch_cpu."))
                    .map(line -> line.substring(line.indexOf('/')))
                    .findFirst();
        } catch (IOException notLinux) {
            return Optional.empty();
        }
    }

    /// Refuses a device that is not here, and says what is missing for it.
    ///
    /// @throws UserError when it is not among all
    public static void require(Device device) {
        List<Device> all = all();
        if (all.contains(device)) {
            return;
        }
        List<String> missing = new ArrayList<>();
        if (device.kind() == Device.Kind.CUDA) {
            if (!torch.hasCUDA()) {
                missing.add(
                        "libtorch was built without CUDA (%s)"
                                .formatted(library().orElse(NativeRuntime.libtorchVersion())));
            }
            if (!Files.exists(DRIVER)) {
                missing.add("there is no driver of NVIDIA (%s)".formatted(DRIVER));
            }
        }
        throw new UserError(
                "device must be one of %s, got %s%s\nhint: cleave doctor shows the libtorch that was loaded and its devices"
                        .formatted(
                                all,
                                device,
                                missing.isEmpty() ? "" : ": " + String.join(", and ", missing)));
    }
}
