package cleave.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/// The version of the build, from the properties file that Maven fills in.
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() throws IOException {
        Properties properties = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("/cleave/version.properties")) {
            if (in == null) {
                throw new IllegalStateException("the build lacks cleave/version.properties");
            }
            properties.load(in);
        }
        return new String[] {"cleave " + properties.getProperty("version")};
    }
}
