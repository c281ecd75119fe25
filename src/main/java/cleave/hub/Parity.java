package cleave.hub;

import cleave.config.UserError;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Target;
import cleave.tensor.ElementType;
import cleave.tensor.Safetensors;
import cleave.tensor.Safetensors.Entry;
import cleave.tensor.Safetensors.Header;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;

/// How far a model's logits are from those that another implementation computed with the same
/// weights, kept beside the model as `reference.safetensors`: `input_ids [N, T]` and `logits [N, T,
/// tokens]` at every position. Other tensors in that file are passed over.
///
/// @param positions how many positions were compared
/// @param largest difference of any logit
/// @param mean difference of all logits, without sign
/// @param scale largest reference logit, without sign
public record Parity(long positions, double largest, double mean, double scale) {
    /// The reference's file.
    public static final String FILE = "reference.safetensors";

    private static final String IDS = "input_ids";
    private static final String LOGITS = "logits";
    private static final double TOLERANCE = 1e-4;

    /// Compares a model with the reference in its folder; empty when there is none.
    ///
    /// @param tokens the size of the model's vocabulary
    /// @throws UserError when the reference is malformed or of another model's shape
    public static Optional<Parity> of(Path folder, Target target, int tokens) {
        Path file = folder.resolve(FILE);
        if (!Files.isRegularFile(file)) {
            return Optional.empty();
        }
        Header header = Safetensors.header(file);
        Entry ids = entry(header, IDS);
        Entry logits = entry(header, LOGITS);
        boolean fit =
                ids.kind().equals(ElementType.I64.name())
                        && ids.shape().size() == 2
                        && !ids.shape().contains(0L)
                        && ids.shape().get(1) <= target.maximumLength()
                        && logits.shape()
                                .equals(
                                        List.of(
                                                ids.shape().get(0),
                                                ids.shape().get(1),
                                                (long) tokens));
        if (!fit) {
            throw new UserError(
                    "reference must hold input_ids I64 [N, T <= %d] and logits [N, T, %d], got %s %s and %s (%s)"
                            .formatted(
                                    target.maximumLength(),
                                    tokens,
                                    ids.kind(),
                                    ids.shape(),
                                    logits.shape(),
                                    file));
        }
        return Optional.of(
                Scopes.run(() -> Scopes.withoutGradient(() -> compared(header, target, tokens))));
    }

    private static Parity compared(Header header, Target target, int tokens) {
        Tensor ids = Safetensors.read(header, IDS, Type.LONG);
        requireTokens(Tensors.toLongs(ids), tokens, header.file());
        Tensor expected = Safetensors.read(header, LOGITS, target.type());
        double largest = 0;
        double sum = 0;
        double scale = 0;
        for (long row = 0; row < ids.size(0); row++) {
            long at = row; // one at a time, for all logits of a row are large enough
            double[] found =
                    Scopes.run(() ->
                            compared(target, ids.narrow(0, at, 1), expected.narrow(0, at, 1)));
            largest = Math.max(largest, found[0]);
            sum += found[1];
            scale = Math.max(scale, found[2]);
        }
        return new Parity(ids.numel(), largest, sum / expected.numel(), scale);
    }

    /// The largest difference, the sum of all, and the largest expected number.
    private static double[] compared(Target target, Tensor ids, Tensor expected) {
        Tensor actual = target.forward(everywhere(ids), Map.of(), null).outputs();
        Tensor gap = actual.sub(expected).abs();
        return new double[] {
            Tensors.number(gap.max()),
            Tensors.number(gap.sum()),
            Tensors.number(expected.abs().max())
        };
    }

    private static void requireTokens(long[] ids, int tokens, Path file) {
        LongStream.of(ids)
                .filter(id -> id < 0 || id >= tokens)
                .findFirst()
                .ifPresent(id -> {
                    throw new UserError(
                            "reference: input_ids must be tokens from 0 to %d, got %d (%s)"
                                    .formatted(tokens - 1, id, file));
                });
    }

    private static Batch everywhere(Tensor ids) {
        long rows = ids.size(0);
        long length = ids.size(1);
        long[] positions = LongStream.range(0, rows * length).map(at -> at % length).toArray();
        return new Batch(
                "reference",
                0,
                ids,
                null,
                new LossPositions(Tensors.of(positions, rows, length), null));
    }

    private static Entry entry(Header header, String name) {
        Entry entry = header.tensors().get(name);
        if (entry == null) {
            throw new UserError(
                    "reference must hold input_ids and logits, got %s (%s)"
                            .formatted(header.tensors().keySet(), header.file()));
        }
        return entry;
    }

    /// Whether the largest difference is at most 1e-4 of the largest logit, or of 1 where all are
    /// smaller: what rounding explains.
    public boolean holds() {
        return largest <= TOLERANCE * Math.max(1, scale);
    }

    /// One line for people.
    public String line() {
        return String.format(
                Locale.ROOT,
                "parity: logits differ from %s by at most %.1e, %.1e in the mean, at %d positions (largest logit %.1f)",
                FILE,
                largest,
                mean,
                positions,
                scale);
    }
}
