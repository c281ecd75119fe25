package cleave.cli;

import cleave.config.UserError;
import cleave.explore.ExploreServer;
import cleave.explore.Gate;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave explore`: a local page about runs.
@Command(
        name = "explore",
        description = "Open a local page to look at runs and to try interventions.")
final class ExploreCommand implements Callable<Integer> {
    private static final int TOKEN_BYTES = 16;

    @Parameters(
            arity = "1..*",
            paramLabel = "RUN",
            description = "Run directories, or folders of harvests alone.")
    private List<Path> runs = List.of();

    @Option(
            names = "--harvest",
            split = ",",
            paramLabel = "DIR",
            description = "Harvests of the runs that lie elsewhere than in RUN/harvest.")
    private List<Path> harvests = List.of();

    @Option(
            names = "--port",
            paramLabel = "N",
            defaultValue = "8765",
            description = "Port on this machine; 0 for any free one. Default: ${DEFAULT-VALUE}.")
    private int port;

    @Option(names = "--no-token", description = "Let everybody on this machine look.")
    private boolean open;

    @Option(names = "--browser", description = "Open the page in the browser.")
    private boolean browser;

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (port < 0 || port > 65535) {
            throw new UserError("--port must be in 0..65535, got " + port);
        }
        Gate gate = new Gate(open ? Optional.empty() : Optional.of(token()));
        try (ExploreServer server = new ExploreServer(runs, harvests, gate, port)) {
            PrintWriter out = command.commandLine().getOut();
            out.println(server.address());
            out.flush();
            if (browser) {
                show(server.address());
            }
            CountDownLatch never = new CountDownLatch(1);
            Runtime.getRuntime().addShutdownHook(new Thread(never::countDown));
            never.await();
        }
        return 0;
    }

    private static String token() {
        byte[] bytes = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private void show(String address) {
        String system = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
        try {
            new ProcessBuilder(system.contains("mac") ? "open" : "xdg-open", address)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
        } catch (IOException none) {
            command.commandLine()
                    .getErr()
                    .println("warning: no browser was found; open the address above");
        }
    }
}
