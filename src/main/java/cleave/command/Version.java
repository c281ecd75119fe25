package cleave.command;

import cleave.run.Provenance;
import picocli.CommandLine.IVersionProvider;

/// The version of the build, from the properties file that Maven fills in.
public final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        return new String[] {"cleave " + Provenance.Program.buildVersion()};
    }

    /// The program for provenance: version, and commit where it runs from a checkout.
    public static Provenance.Program program() {
        return Provenance.Program.running();
    }
}
