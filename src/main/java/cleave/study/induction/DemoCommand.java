package cleave.study.induction;

import cleave.analysis.Census;
import cleave.command.CensusText;
import cleave.command.Decomposing;
import cleave.command.RunCensus;
import cleave.report.Report;
import cleave.run.LoadedRun;
import cleave.run.RunFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `cleave demo`: the shipped induction transformer, decomposed and checked, in minutes.
@Command(
        name = "demo",
        description =
                "Decompose the shipped induction transformer, count its subcomponents, check the"
                        + " circuit and write a report. Continues a demo that was interrupted.")
public final class DemoCommand implements Callable<Integer> {
    private static final int SEQUENCES = 2048;

    @Option(
            names = "--run",
            paramLabel = "DIR",
            defaultValue = "runs/demo",
            description = "Run directory. Default: runs/demo.")
    private Path run = Path.of("runs", "demo");

    @Spec private CommandSpec command;

    @Override
    public Integer call() throws IOException {
        Path home = Path.of(System.getProperty("cleave.home", "."));
        RunFile file = RunFile.read(home.resolve("configs/induction-quick.yaml"), List.of());
        boolean resume = Files.exists(run.resolve("config.yaml"));
        if (!Decomposing.run(file, run, Optional.empty(), resume, command)) {
            return 1;
        }
        PrintWriter out = command.commandLine().getOut();
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Census census = RunCensus.of(loaded, 0.5, SEQUENCES);
            out.println();
            out.print(CensusText.of(census));
            Circuit circuit = CircuitCommand.of(loaded, census);
            out.println();
            out.print(CircuitText.of(circuit));
            Path report =
                    Report.write(
                            loaded,
                            census,
                            List.of(InductionPage.of(loaded, census, Optional.of(circuit))));
            out.println();
            out.println(Headline.of(census));
            out.println("report: " + report);
            out.flush();
        }
        return 0;
    }
}
