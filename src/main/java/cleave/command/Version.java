package cleave.command;

import cleave.run.Provenance;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/// The version of the build, from the properties file that Maven fills in.
public final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {"cleave " + number()};
    }

    /// The program for provenance: version, and commit where it runs from a checkout.
    public static Provenance.Program program() {
        return Provenance.Program.of(number(), Path.of(System.getProperty("cleave.home", ".")));
    }

    private static String number() {
        Properties properties = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("/cleave/version.properties")) {
            if (in == null) {
                throw new IllegalStateException("the build lacks cleave/version.properties");
            }
            properties.load(in);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return properties.getProperty("version");
    }
}
