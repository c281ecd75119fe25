package cleave.testing;

import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.Usage;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.schedule.Schedule;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/// Loss terms from the settings of golden files.
public final class GoldenLosses {
    private GoldenLosses() {}

    /// A term of a stream.
    public static LossTerm term(JsonNode settings, Schedule coefficient) {
        return switch (settings.get("kind").asString()) {
            case "reconstruction" ->
                    new Reconstruction(
                            coefficient,
                            Masking.named(
                                    settings.get("source").asString().toLowerCase(Locale.ROOT)),
                            routing(settings),
                            settings.has("draws") ? settings.get("draws").asInt() : 1);
            case "importance_minimality" -> minimality(settings, coefficient, 0);
            case "usage" ->
                    new Usage(
                            coefficient,
                            settings.get("exponent").asDouble(),
                            settings.get("offset").asDouble());
            default -> throw new IllegalArgumentException("no term of a stream: " + settings);
        };
    }

    /// Minimality with a frequency part.
    public static ImportanceMinimality minimality(
            JsonNode settings, Schedule coefficient, double frequency) {
        return new ImportanceMinimality(
                coefficient,
                Golden.schedule(settings.get("p")),
                settings.get("epsilon").asDouble(),
                settings.get("zero_is_free").asBoolean(),
                settings.get("positions").asString().equals("mean")
                        ? PositionReduction.MEAN
                        : PositionReduction.SUM,
                frequency);
    }

    private static Routing routing(JsonNode settings) {
        Drawn drawn =
                settings.has("per") && settings.get("per").asString().equals("position")
                        ? Drawn.PER_POSITION
                        : Drawn.PER_BATCH;
        return switch (settings.get("routing").asString()) {
            case "all" -> new Routing.All();
            case "each_alone" -> new Routing.EachAlone();
            case "random_subset" -> new Routing.RandomSubset(drawn);
            case "bernoulli" ->
                    new Routing.Bernoulli(settings.get("probability").asDouble(), drawn);
            default -> throw new IllegalArgumentException("unknown routing: " + settings);
        };
    }

    /// What becomes of the weight delta.
    public static WeightDelta weightDelta(JsonNode settings) {
        return settings.has("delta")
                ? WeightDelta.valueOf(settings.get("delta").asString().toUpperCase(Locale.ROOT))
                : WeightDelta.NONE;
    }
}
