package cleave.study.toys;

import cleave.config.UserError;
import cleave.model.ResidualMlp;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Tms;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// What the decomposition of a toy is known to be, by site (SPD section 3; spec A8).
///
/// @param sites the solution of each site
public record ToySolution(SequencedMap<String, SiteSolution> sites) {

    /// The solution of one site.
    ///
    /// @param form what importances on single features look like
    /// @param columns how many subcomponents are needed
    /// @param cut subcomponents of a smaller size (`FeatureRecovery.sizes`) do not count as live
    public record SiteSolution(Form form, int columns, double cut) {}

    /// What importances on single features look like.
    public enum Form {
        /// One subcomponent for each feature.
        IDENTITY,
        /// A few subcomponents for all features together.
        DENSE
    }

    /// Sizes below these are negligible in the paper's figures of TMS.
    private static final double OUTER_CUT = 0.017;

    private static final double HIDDEN_CUT = 0.009;

    /// Whether a target's solution is known.
    public static boolean isKnownFor(Target target) {
        return target instanceof Tms || target instanceof ResidualMlp;
    }

    /// The solution for a target.
    ///
    /// @param cuts by site, in the place of the usual ones
    /// @throws UserError when it is not known, or a cut's site does not exist
    public static ToySolution of(Target target, Map<String, Double> cuts) {
        List<String> names = target.sites().stream().map(Site::name).toList();
        for (String cut : cuts.keySet()) {
            if (!names.contains(cut)) {
                throw new UserError("site must be one of %s, got %s".formatted(names, cut));
            }
        }
        SequencedMap<String, SiteSolution> sites = new LinkedHashMap<>();
        for (Site site : target.sites()) {
            SiteSolution usual = usual(target, site);
            sites.put(
                    site.name(),
                    new SiteSolution(
                            usual.form(),
                            usual.columns(),
                            cuts.getOrDefault(site.name(), usual.cut())));
        }
        return new ToySolution(sites);
    }

    private static SiteSolution usual(Target target, Site site) {
        return switch (target) {
            case Tms tms ->
                    tms.shape().identityNames().contains(site.name())
                            ? new SiteSolution(Form.DENSE, tms.shape().hidden(), HIDDEN_CUT)
                            : new SiteSolution(Form.IDENTITY, tms.shape().features(), OUTER_CUT);
            case ResidualMlp mlp ->
                    site.block() % 2 == 0
                            ? new SiteSolution(Form.IDENTITY, mlp.shape().features(), 0)
                            : new SiteSolution(Form.DENSE, mlp.shape().neurons(), 0);
            default ->
                    throw new UserError(
                            "target must be a toy whose solution is known, got one with sites "
                                    + target.sites().stream().map(Site::name).toList());
        };
    }
}
