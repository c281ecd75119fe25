package cleave.study.induction;

import cleave.analysis.Evaluation;
import cleave.analysis.Evaluation.Slice;
import cleave.analysis.Patterns;
import cleave.analysis.Sample;
import cleave.model.Batch;
import cleave.model.Task;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// Adds up where a target's queries look, over slices.
final class AttentionSums {
    private final List<String> tokens;
    private final Evaluation.Counts counts = new Evaluation.Counts();
    private final SequencedMap<Place, Double> sums = new LinkedHashMap<>();

    /// A share of attention.
    private record Place(int layer, String query, String key) {}

    /// @param tokens marks that look and are looked at, in the order of positions
    AttentionSums(List<String> tokens) {
        this.tokens = List.copyOf(tokens);
    }

    void add(Slice slice, Task task) {
        counts.add(slice, task);
        Batch batch = slice.batch();
        for (int layer = 0; layer < slice.clean().attention().size(); layer++) {
            Tensor pattern = slice.clean().attention().get(layer); // [B, T, T]
            for (String query : tokens) {
                for (String key : tokens) {
                    Tensor share =
                            Patterns.between(
                                    pattern, batch, mark(slice, query), mark(slice, key)); // [B]
                    sums.merge(
                            new Place(layer, query, key), Tensors.number(share.sum()), Double::sum);
                }
            }
        }
    }

    private static Tensor mark(Slice slice, String token) {
        return Tensors.named(token, slice.examples().marks());
    }

    Sample sample() {
        return counts.sample();
    }

    /// The mean shares, by layer and query.
    List<Necessity.Attention> means() {
        int sequences = sample().sequences();
        List<Necessity.Attention> means = new ArrayList<>();
        int layers = sums.keySet().stream().mapToInt(Place::layer).max().orElse(-1) + 1;
        for (int layer = 0; layer < layers; layer++) {
            for (String query : tokens) {
                SequencedMap<String, Double> to = new LinkedHashMap<>();
                double others = 1;
                for (String key : tokens) {
                    double share = sums.getOrDefault(new Place(layer, query, key), 0.0) / sequences;
                    to.put(key, share);
                    others -= share;
                }
                means.add(
                        new Necessity.Attention(
                                layer, query, Collections.unmodifiableSequencedMap(to), others));
            }
        }
        return List.copyOf(means);
    }
}
