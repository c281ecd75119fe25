package cleave.cli;

import cleave.command.JsonOutput;
import cleave.hub.Conversion;
import cleave.hub.ModelFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/// `cleave model convert`: a model as a folder that Hugging Face's tools open.
@Command(
        name = "convert",
        description =
                "Write a model as a folder that Hugging Face's tools open: config.json,"
                        + " model.safetensors and the tokenizer.")
final class ModelConvertCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "SOURCE", description = ModelCommand.MODEL)
    private Path source;

    @Parameters(
            index = "1",
            paramLabel = "OUT",
            description = "Folder to write, which is empty or not there.")
    private Path out;

    @Mixin private final JsonOutput json = new JsonOutput();

    /// What `--json` prints.
    private record Done(String out, int tensors) {}

    @Override
    public Integer call() throws IOException {
        ModelFiles files = ModelFiles.of(source);
        Conversion.write(files, out);
        if (json.enabled()) {
            json.print(new Done(out.toString(), files.tensors().size()));
        } else {
            json.text().println("%d tensors written to %s".formatted(files.tensors().size(), out));
        }
        return 0;
    }
}
