package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.model.InductionTransformer;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.text.Encoded;
import cleave.text.Span;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// A target that knows the sports of four people, of which every number is known, and a
/// decomposition of it. Made and used inside a scope.
///
/// Each token has an embedding of 10 along an axis of its own, and attention is uniform, so that
/// after T tokens the logits are the mean of `10 W e_token` over them, and 10 for the last token
/// itself; nothing is read of the axis of `plays`, whose logit is 0. W, the value matrix of the
/// first block, is the sum of the parts below: `strength` times the axis written for each axis
/// read.
public final class HandmadeSports implements Tokenizer, AutoCloseable {
    public static final String SITE = "V0";
    static final int TOKENS = 8;
    static final List<String> WORDS =
            List.of("end", "Ann", "Bob", "Cid", "Dan", "plays", "golf", "tennis");
    public static final int END = 0;
    public static final int ANN = 1;
    public static final int BOB = 2;
    public static final int CID = 3;
    public static final int DAN = 4;
    public static final int PLAYS = 5;
    public static final int GOLF = 6;
    public static final int TENNIS = 7;

    /// A subcomponent of the value matrix.
    ///
    /// @param reads the tokens it reads
    /// @param writes the token it writes
    /// @param strength how much
    /// @param active the tokens it is active at, with importance 1
    public record Part(List<Integer> reads, int writes, double strength, List<Integer> active) {}

    private static final int LENGTH = 8;
    private static final Shape SHAPE =
            new Shape(TOKENS - 2, LENGTH, TOKENS, 2, Code.LEARNED, Added.AFTER, false);

    private final List<Part> parts;
    private final InductionTransformer target;

    public HandmadeSports(Part... parts) {
        this.parts = List.of(parts);
        SortedMap<String, Tensor> weights = new TreeMap<>();
        SHAPE.weights()
                .forEach((name, shape) -> weights.put(name, Tensors.zeros(Type.FLOAT, shape)));
        double[] embedding = new double[TOKENS * TOKENS];
        double[] unembedding = new double[TOKENS * TOKENS];
        for (int token = 0; token < TOKENS; token++) {
            embedding[token * TOKENS + token] = 10;
            unembedding[token * TOKENS + token] = token == PLAYS ? 0 : 1;
        }
        weights.put("embedding", square(embedding));
        weights.put("unembedding", square(unembedding));
        double[] W = new double[TOKENS * TOKENS]; // [out, in]
        for (Part part : parts) {
            part.reads().forEach(in -> W[part.writes() * TOKENS + in] += part.strength());
        }
        weights.put("blocks.0.value", square(W));
        target = new InductionTransformer(SHAPE, weights, () -> {});
    }

    private static Tensor square(double... values) {
        return Tensors.of(values, Type.FLOAT, TOKENS, TOKENS);
    }

    /// Gates: the hidden unit is gelu(10) = 10 at a token that the part is active at, gelu(0) = 0
    /// elsewhere, and the importance a tenth of it.
    public Decomposition decomposition() {
        int C = parts.size();
        double[] V = new double[TOKENS * C];
        double[] U = new double[C * TOKENS];
        double[] hidden = new double[TOKENS * C];
        double[] output = new double[C];
        for (int c = 0; c < C; c++) {
            Part part = parts.get(c);
            for (int in : part.reads()) {
                V[in * C + c] = 1;
            }
            U[c * TOKENS + part.writes()] = part.strength();
            for (int in : part.active()) {
                hidden[in * C + c] = 1;
            }
            output[c] = 0.1;
        }
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        tensors.put(SITE + ".V", Tensors.of(V, Type.FLOAT, TOKENS, C));
        tensors.put(SITE + ".U", Tensors.of(U, Type.FLOAT, C, TOKENS));
        tensors.put(SITE + ".gate.hidden", Tensors.of(hidden, Type.FLOAT, TOKENS, C));
        tensors.put(SITE + ".gate.hidden_bias", Tensors.zeros(Type.FLOAT, C));
        tensors.put(SITE + ".gate.output", Tensors.of(output, Type.FLOAT, C, 1));
        tensors.put(SITE + ".gate.output_bias", Tensors.zeros(Type.FLOAT, C));
        return new Decomposition(
                target,
                List.of(new DecomposedSite(target.site(SITE), C)),
                new VectorMlp(1),
                Leak.SIGN_GATED,
                tensors);
    }

    /// Whether a part is left out at a token.
    public interface Off {
        /// No part is.
        Off NONE = (_, _) -> false;

        boolean at(int part, int token);

        /// One part is, at every token.
        static Off everywhere(int one) {
            return (part, _) -> part == one;
        }

        /// One part is, at the tokens it is active at.
        static Off active(int one, List<Part> parts) {
            return (part, token) -> part == one && parts.get(part).active().contains(token);
        }
    }

    public List<Part> parts() {
        return parts;
    }

    /// The logits after these tokens.
    double[] logits(Off off, int... tokens) {
        double[] logits = new double[TOKENS];
        for (int token : tokens) {
            for (int c = 0; c < parts.size(); c++) {
                Part part = parts.get(c);
                if (part.reads().contains(token) && !off.at(c, token)) {
                    logits[part.writes()] += 10 * part.strength() / tokens.length;
                }
            }
        }
        logits[tokens[tokens.length - 1]] += 10;
        logits[PLAYS] = 0;
        return logits;
    }

    /// The probabilities after these tokens.
    public double[] probabilities(Off off, int... tokens) {
        double[] powers = Arrays.stream(logits(off, tokens)).map(Math::exp).toArray();
        double sum = Arrays.stream(powers).sum();
        return Arrays.stream(powers).map(power -> power / sum).toArray();
    }

    /// The divergence from the output before at one position, nats.
    public double kl(Off off, int... tokens) {
        double[] before = probabilities(Off.NONE, tokens);
        double[] after = probabilities(off, tokens);
        return IntStream.range(0, TOKENS)
                .mapToDouble(i -> before[i] * Math.log(before[i] / after[i]))
                .sum();
    }

    @Override
    public Encoded encoded(String text, Special special) {
        List<Integer> tokens = new ArrayList<>();
        List<Span> spans = new ArrayList<>();
        for (int at = 0; at < text.length(); ) {
            int from = text.charAt(at) == ' ' ? at + 1 : at;
            int space = text.indexOf(' ', from);
            int to = space < 0 ? text.length() : space;
            tokens.add(WORDS.indexOf(text.substring(from, to)));
            spans.add(new Span(at, to));
            at = to;
        }
        return new Encoded(text, tokens, 0, spans);
    }

    @Override
    public String decode(int[] tokens) {
        return String.join(" ", Arrays.stream(tokens).mapToObj(WORDS::get).toList());
    }

    @Override
    public int endOfText() {
        return END;
    }

    @Override
    public int size() {
        return TOKENS;
    }

    @Override
    public void close() {
        target.close();
    }
}
