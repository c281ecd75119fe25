package cleave.training;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engine;
import cleave.loss.ImportanceLosses;
import cleave.loss.LossTerm;
import cleave.ranks.Exchange;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What one step, or one slice of it, says beside its gradients.
public final class StepOutcome {
    private final List<String> names;
    private final int[] starts;
    private final double[] values;
    private final double[] coefficients;
    private final List<boolean[]> used = new ArrayList<>();
    private double active;
    private double sequences;

    private StepOutcome(List<String> names, int[] starts, List<DecomposedSite> sites) {
        this.names = names;
        this.starts = starts;
        values = new double[names.size()];
        coefficients = new double[names.size()];
        sites.forEach(site -> used.add(new boolean[site.count()]));
    }

    /// The outcome of no slice at all.
    static StepOutcome nothing(List<Stream> streams, List<DecomposedSite> sites) {
        List<String> names = new ArrayList<>(List.of("faithfulness"));
        int[] starts = new int[streams.size()];
        for (int i = 0; i < starts.length; i++) {
            starts[i] = names.size();
            for (LossTerm term : streams.get(i).losses()) {
                String name =
                        streams.size() == 1
                                ? term.name()
                                : streams.get(i).name() + "." + term.name();
                String unique = name;
                for (int count = 2; names.contains(unique); count++) {
                    unique = name + "_" + count;
                }
                names.add(unique);
            }
        }
        return new StepOutcome(names, starts, sites);
    }

    void faithfulness(double value, double coefficient) {
        values[0] = value;
        coefficients[0] = coefficient;
    }

    void term(int stream, int index, double value, double coefficient) {
        values[starts[stream] + index] = value;
        coefficients[starts[stream] + index] = coefficient;
    }

    void replace(int stream, int index, double value) {
        values[starts[stream] + index] = value;
    }

    /// Notes which subcomponents had an importance above 0, and how many per sequence above 0.5.
    void use(Engine engine, List<Tensor> lower, @Nullable Tensor valid) {
        Scopes.run(() -> {
            for (int site = 0; site < lower.size(); site++) {
                Tensor peaks =
                        ImportanceLosses.eachPeak(
                                engine, lower.get(site).detach(), valid); // [B, C]
                long[] above = Tensors.toLongs(peaks.amax(0).gt(0));
                for (int c = 0; c < above.length; c++) {
                    used.get(site)[c] |= above[c] != 0;
                }
                active += Tensors.number(peaks.gt(0.5).sum());
            }
            sequences += lower.getFirst().size(0);
        });
    }

    void add(StepOutcome other) {
        for (int i = 0; i < values.length; i++) {
            values[i] += other.values[i];
            coefficients[i] = other.coefficients[i] == 0 ? coefficients[i] : other.coefficients[i];
        }
        for (int site = 0; site < used.size(); site++) {
            for (int c = 0; c < used.get(site).length; c++) {
                used.get(site)[c] |= other.used.get(site)[c];
            }
        }
        active += other.active;
        sequences += other.sequences;
    }

    /// Adds the other ranks' outcomes.
    void mergeOver(Exchange exchange) {
        int numbers = values.length + 2;
        double[] all = Arrays.copyOf(values, numbers + used.stream().mapToInt(u -> u.length).sum());
        all[values.length] = active;
        all[values.length + 1] = sequences;
        int at = numbers;
        for (boolean[] ofSite : used) {
            for (boolean one : ofSite) {
                all[at++] = one ? 1 : 0;
            }
        }
        double[] sum = exchange.sum(all);
        System.arraycopy(sum, 0, values, 0, values.length);
        active = sum[values.length];
        sequences = sum[values.length + 1];
        at = numbers;
        for (boolean[] ofSite : used) {
            for (int c = 0; c < ofSite.length; c++) {
                ofSite[c] = sum[at++] > 0;
            }
        }
    }

    /// Notes the coefficient of faithfulness.
    void coefficient(double ofFaithfulness) {
        coefficients[0] = ofFaithfulness;
    }

    /// Notes the coefficient of a term.
    void coefficient(int stream, int index, double coefficient) {
        coefficients[starts[stream] + index] = coefficient;
    }

    void requireFinite(long step) {
        for (int i = 0; i < values.length; i++) {
            if (!Double.isFinite(values[i])) {
                throw new NonFiniteLoss(step, names.get(i), values[i]);
            }
        }
    }

    /// Each term's value, without its coefficient, by name.
    public Map<String, Double> terms() {
        Map<String, Double> terms = new LinkedHashMap<>();
        for (int i = 0; i < values.length; i++) {
            terms.put(names.get(i), values[i]);
        }
        return terms;
    }

    /// The sum of coefficients times terms (spec L7).
    public double total() {
        double total = 0;
        for (int i = 0; i < values.length; i++) {
            total += coefficients[i] * values[i];
        }
        return total;
    }

    /// Subcomponents of all sites with an importance above 0.5 somewhere in a sequence, mean over
    /// sequences.
    public double activePerSequence() {
        return active / sequences;
    }

    /// Which subcomponents of a site, by index, had an importance above 0.
    public boolean used(int site, int c) {
        return used.get(site)[c];
    }
}
