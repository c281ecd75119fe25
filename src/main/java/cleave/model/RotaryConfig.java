package cleave.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// Reads rotary position embeddings from a configuration, in the spelling of transformers 5
/// (`rope_parameters`) and in the older one (`rope_theta`, and `rope_scaling` with `type` or
/// `rope_type`).
final class RotaryConfig {
    private static final List<String> TYPES =
            List.of("default", "linear", "dynamic", "llama3", "yarn");

    private final ModelConfig config;
    private final Optional<ModelConfig> table;

    /// The rotary part of a configuration.
    RotaryConfig(ModelConfig config) {
        this.config = config;
        this.table = config.table("rope_parameters", "rope_scaling");
    }

    /// The frequencies.
    ///
    /// @param base where the configuration gives none
    /// @param length the longest sequence
    Rotary rotary(double base, int length) {
        double given =
                table.filter(inner -> inner.has("rope_theta"))
                        .map(inner -> inner.positive("rope_theta"))
                        .orElseGet(() ->
                                config.positiveOr(
                                        base, "rope_theta", "rotary_emb_base", "rotary_base"));
        return new Rotary(given, table.flatMap(inner -> scaling(inner, length)));
    }

    /// The share of a head that is turned.
    double share(double otherwise) {
        return table.filter(inner -> inner.has("partial_rotary_factor"))
                .map(inner -> inner.positive("partial_rotary_factor"))
                .orElseGet(
                        () -> config.positiveOr(otherwise, "partial_rotary_factor", "rotary_pct"));
    }

    private Optional<Rotary.Scaling> scaling(ModelConfig inner, int length) {
        String type = inner.text("rope_type", "type").orElse("default");
        return switch (type) {
            // Dynamic scaling begins beyond the context, which is as far as a model is run here.
            case "default", "dynamic" -> Optional.empty();
            case "linear" -> Optional.of(new Rotary.Linear(inner.positive("factor")));
            case "llama3" ->
                    Optional.of(
                            new Rotary.Llama3(
                                    inner.positive("factor"),
                                    inner.positive("low_freq_factor"),
                                    inner.positive("high_freq_factor"),
                                    inner.size("original_max_position_embeddings")));
            case "yarn" -> Optional.of(yarn(inner, length));
            default -> {
                config.problem("rope_scaling must be of a type of %s, got \"%s\"", TYPES, type);
                yield Optional.empty();
            }
        };
    }

    private Rotary.Yarn yarn(ModelConfig inner, int length) {
        int original =
                inner.sizeOr(
                        config.sizeOr(length, "original_max_position_embeddings"),
                        "original_max_position_embeddings");
        double factor = inner.positiveOr((double) length / original, "factor");
        double attention =
                inner.has("mscale") && inner.has("mscale_all_dim")
                        ? attention(factor, inner.positive("mscale"))
                                / attention(factor, inner.positive("mscale_all_dim"))
                        : attention(factor, 1);
        return new Rotary.Yarn(
                factor,
                inner.positiveOr(attention, "attention_factor"),
                inner.positiveOr(32, "beta_fast"),
                inner.positiveOr(1, "beta_slow"),
                original,
                inner.flag(true, "truncate"));
    }

    private static double attention(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    /// Adds the frequencies to a configuration that is written, in the older spelling, which every
    /// version of transformers reads.
    static void write(Rotary rotary, SequencedMap<String, Object> into) {
        into.put("rope_theta", rotary.base());
        rotary.scaling().ifPresent(scaling -> into.put("rope_scaling", table(scaling)));
    }

    private static SequencedMap<String, Object> table(Rotary.Scaling scaling) {
        SequencedMap<String, Object> table = new LinkedHashMap<>();
        switch (scaling) {
            case Rotary.Linear linear -> {
                table.put("rope_type", "linear");
                table.put("factor", linear.factor());
            }
            case Rotary.Llama3 llama3 -> {
                table.put("rope_type", "llama3");
                table.put("factor", llama3.factor());
                table.put("low_freq_factor", llama3.lowFrequency());
                table.put("high_freq_factor", llama3.highFrequency());
                table.put("original_max_position_embeddings", llama3.original());
            }
            case Rotary.Yarn yarn -> {
                table.put("rope_type", "yarn");
                table.put("factor", yarn.factor());
                table.put("attention_factor", yarn.attention());
                table.put("beta_fast", yarn.fast());
                table.put("beta_slow", yarn.slow());
                table.put("original_max_position_embeddings", yarn.original());
                table.put("truncate", yarn.truncate());
            }
        }
        return table;
    }
}
