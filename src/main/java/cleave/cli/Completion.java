package cleave.cli;

import java.io.PrintWriter;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `cleave completion`: the script that teaches a shell our commands and options.
@Command(
        name = "completion",
        description =
                "Print a completion script for bash and zsh; use it with"
                        + " `source <(bin/cleave completion)`.")
final class Completion implements Runnable {
    @Spec private CommandSpec command;

    @Override
    public void run() {
        CommandLine root = command.root().commandLine();
        PrintWriter out = root.getOut();
        out.println(AutoComplete.bash(root.getCommandName(), root));
        out.flush();
    }
}
