package cleave.study.sports;

import cleave.analysis.SubcomponentId;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.harvest.Vectors;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.ModelSpec;
import cleave.model.Replacement;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.study.sports.SubjectReport.Again;
import cleave.study.sports.SubjectReport.Full;
import cleave.study.sports.SubjectReport.Tokens;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What `--evidence full` adds to a subject's report: baselines of equal size, the pieces in other
/// runs, and what each piece does in tokens.
final class FullEvidence {
    /// Steps of fitting a rank-one edit, and places that are tried.
    private static final int STEPS = 30;

    private static final int PLACES = 2;

    /// Tokens that are listed.
    private static final int LISTED = 6;

    private static final Pattern BLOCK = Pattern.compile("(?<=\\.)[0-9]+(?=\\.)");

    private final Decomposition decomposition;
    private final Optional<Vectors> vectors;
    private final Tokenizer tokenizer;
    private final Choosing choosing;
    private final Evidence evidence;
    private final SequencedMap<String, Decomposition> others;
    private final Consumer<String> say;

    /// @param spec of the decomposition's target
    /// @param others decompositions of the same target by other seeds, by the name of their run
    /// @param say hears of progress
    FullEvidence(
            Decomposition decomposition,
            ModelSpec spec,
            Tokenizer tokenizer,
            Choosing choosing,
            Evidence evidence,
            SequencedMap<String, Decomposition> others,
            Consumer<String> say) {
        this.decomposition = decomposition;
        this.vectors = Vectors.of(spec);
        this.tokenizer = tokenizer;
        this.choosing = choosing;
        this.evidence = evidence;
        this.others = others;
        this.say = say;
    }

    /// What is added for a subject.
    ///
    /// @param pieces that were found
    Full of(String subject, List<SubcomponentId> pieces) {
        return Objects.requireNonNull(
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            SequencedMap<String, Baselines.Chosen> all = new LinkedHashMap<>();
                            all.put(
                                    "pieces",
                                    new Baselines.Chosen(
                                            pieces.stream().map(SubcomponentId::toString).toList(),
                                            Finder.without(pieces)));
                            int most = Math.max(1, pieces.size());
                            Baselines baselines =
                                    new Baselines(decomposition, choosing, Baselines.ABLATED);
                            say.accept(subject + ": singular directions");
                            all.put("singular", baselines.singular(subject, most));
                            say.accept(subject + ": neurons and heads");
                            all.put("units", baselines.units(subject, most));
                            say.accept(subject + ": a fitted edit of rank one");
                            all.put(
                                    "rank_one",
                                    new RankOneEdit(decomposition, choosing, STEPS, PLACES)
                                            .of(subject));
                            return new Full(
                                    evidence.baselines(subject, all),
                                    again(pieces),
                                    pieces.stream().map(id -> tokens(subject, id)).toList());
                        })));
    }

    private List<Again> again(List<SubcomponentId> pieces) {
        List<Again> again = new ArrayList<>();
        others.forEach((run, other) ->
                pieces.forEach(piece -> again.add(again(decomposition, piece, run, other))));
        return List.copyOf(again);
    }

    /// A piece in another decomposition of the same target.
    static Again again(
            Decomposition decomposition, SubcomponentId piece, String run, Decomposition other) {
        double[] same = cosines(decomposition, piece, other, piece.site());
        int best = 0;
        for (int c = 1; c < same.length; c++) {
            best = same[c] > same[best] ? c : best;
        }
        double chance = 0;
        int sites = 0;
        String kind = kind(piece.site());
        for (DecomposedSite site : other.sites()) {
            if (kind(site.name()).equals(kind) && !site.name().equals(piece.site())) {
                double largest = 0;
                for (double each : cosines(decomposition, piece, other, site.name())) {
                    largest = Math.max(largest, each);
                }
                chance += largest;
                sites++;
            }
        }
        return new Again(
                piece.toString(),
                run,
                new SubcomponentId(piece.site(), best).toString(),
                same[best],
                sites == 0 ? 0 : chance / sites);
    }

    private static String kind(String site) {
        return BLOCK.matcher(site).replaceFirst("*");
    }

    /// Of each subcomponent of a site the smaller of both cosines with a piece, without signs.
    private static double[] cosines(
            Decomposition decomposition, SubcomponentId piece, Decomposition other, String site) {
        return Objects.requireNonNull(
                Scopes.run(() -> {
                    var own = decomposition.subcomponents(decomposition.site(piece.site()));
                    var others = other.subcomponents(other.site(site));
                    Tensor reads =
                            unit(own.V().t().narrow(0, piece.index(), 1))
                                    .matmul(unit(others.V().t()).t());
                    Tensor writes =
                            unit(own.U().narrow(0, piece.index(), 1)).matmul(unit(others.U()).t());
                    return Tensors.toDoubles(Tensors.minimum(reads.abs(), writes.abs()));
                }));
    }

    private static Tensor unit(Tensor rows) {
        return rows.div(rows.square().sum(new long[] {1}, true).sqrt().clamp_min(1e-30));
    }

    /// What a piece does, in tokens.
    Tokens tokens(String subject, SubcomponentId id) {
        return Objects.requireNonNull(Scopes.run(() -> inTokens(subject, id)));
    }

    private Tokens inTokens(String subject, SubcomponentId id) {
        Sentence prompt = Objects.requireNonNull(choosing.prompts().get(subject), subject);
        Target target = decomposition.target();
        DecomposedSite site = decomposition.site(id.site());
        int length = TextTask.used(prompt, LossesAt.LAST);
        Batch batch =
                new TextTask("tokens", List.of(prompt), length, LossesAt.LAST, 0)
                        .inOrder(0, 1)
                        .batch();
        Clean clean = target.clean(batch);
        Tensor V = decomposition.subcomponents(site).V().narrow(1, id.index(), 1);
        Tensor U = decomposition.subcomponents(site).U().narrow(0, id.index(), 1);
        Replacement without =
                (input, weight, _) ->
                        target.products().map(input, weight).sub(input.matmul(V).matmul(U));
        Tensor after = target.forward(batch, Map.of(site.name(), without), clean).outputs();
        float[] change =
                Tensors.toFloats(
                        Tensors.logSoftmax(after)
                                .sub(Tensors.logSoftmax(clean.outputs()))
                                .flatten()
                                .contiguous());
        double[] activations =
                Tensors.toDoubles(Tensors.named(site.name(), clean.inputs()).matmul(V));
        double largest = 0;
        for (double each : activations) {
            largest = Math.abs(each) > Math.abs(largest) ? each : largest;
        }
        boolean turned = largest < 0;
        return new Tokens(
                id.toString(),
                texts(Vectors.first(change, -1)),
                texts(Vectors.first(change, 1)),
                ends(vectors.map(each -> each.read(decomposition, site)).orElse(null), id, turned),
                ends(
                        vectors.map(each -> each.written(decomposition, site)).orElse(null),
                        id,
                        turned));
    }

    /// The tokens along a piece's vector, or against it where it is turned.
    private List<String> ends(
            @Nullable List<Vectors.Ends> ends, SubcomponentId id, boolean turned) {
        if (ends == null) {
            return List.of();
        }
        Vectors.Ends own = ends.get(id.index());
        return texts(turned ? own.against() : own.along());
    }

    private List<String> texts(List<Vectors.Cosine> cosines) {
        return cosines.stream()
                .limit(LISTED)
                .map(Vectors.Cosine::token)
                .filter(tokenizer::has)
                .map(tokenizer::piece)
                .toList();
    }
}
