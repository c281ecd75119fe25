package cleave.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `cleave bench`: measurements of training steps.
@Command(
        name = "bench",
        description = "Measure the training step on this machine.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {BenchStepCommand.class, BenchScalingCommand.class})
final class BenchCommand implements Runnable {
    @Spec private CommandSpec command;

    @Override
    public void run() {
        throw new ParameterException(command.commandLine(), "missing command");
    }
}
