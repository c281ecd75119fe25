package cleave.harvest;

import cleave.config.UserError;
import cleave.harvest.Pieces.Piece;
import cleave.run.LoadedRun;
import cleave.tensor.AtomicFile;
import cleave.text.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// The folder of a harvest:
///
/// ```
/// harvest.json         what was counted; written last, it says that the rest is whole
/// pieces.jsonl         a line for each living subcomponent, in site order
/// examples.jsonl       a line with its examples, in the same order
/// sums.safetensors     all counts, from which the rest is made
/// ```
public final class HarvestFolder {
    /// The file that says what the folder is.
    public static final String INDEX = "harvest.json";

    /// The lines of subcomponents.
    public static final String PIECES = "pieces.jsonl";

    /// The lines of examples.
    public static final String EXAMPLES = "examples.jsonl";

    /// Its name within a run.
    public static final String NAME = "harvest";

    static final String FORMAT = "cleave-harvest";
    static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .build();

    /// Tokens and partners listed for a piece.
    private static final int LISTED = 10;

    /// Tokens must occur so often with a piece to be listed by association, since chance alone
    /// makes rare ones look bound to it.
    private static final int FLOOR = 5;

    private HarvestFolder() {}

    /// What a harvest is.
    ///
    /// @param format `cleave-harvest`
    /// @param version of the format
    /// @param settings what was counted
    /// @param rows of text
    /// @param positions tokens in them
    /// @param refused lines left out, since the tokenizer has no tokens for them
    /// @param pieces living subcomponents
    /// @param subcomponents all that there were before any was merged
    /// @param partners whether it was counted which are active together
    /// @param text whether tokens are given as text; else as their numbers
    /// @param sites in order
    public record Index(
            String format,
            int version,
            HarvestSettings settings,
            long rows,
            long positions,
            long refused,
            int pieces,
            long subcomponents,
            boolean partners,
            boolean text,
            List<SiteLine> sites) {}

    /// A site in the index.
    ///
    /// @param living subcomponents
    /// @param original how many there were
    public record SiteLine(String name, int block, int living, int original) {}

    /// A subcomponent's line.
    ///
    /// @param id `SITE:INDEX`
    /// @param active positions at which its importance is above the threshold
    /// @param density their share of all
    /// @param activeRows rows in which it is active somewhere
    /// @param on positions at which its importance is above 0
    /// @param meanImportance over all positions
    /// @param importance quantiles where it is on
    /// @param inner quantiles of the inner activation where it is on
    record PieceLine(
            String id,
            String site,
            int index,
            double norm,
            long active,
            double density,
            long activeRows,
            long on,
            double meanImportance,
            @Nullable Quantiles importance,
            @Nullable Quantiles inner,
            Tokens tokensIn,
            Tokens tokensOut,
            List<PartnerLine> partners,
            @Nullable EndsLine reads,
            @Nullable EndsLine writes) {}

    /// Tokens of a piece.
    record Tokens(List<TokenLine> byCount, List<TokenLine> byPmi) {}

    /// A token and what it has to do with a piece.
    ///
    /// @param precision the share of the token's positions at which the piece is active
    /// @param recall the share of the piece's positions that have the token
    record TokenLine(
            int token, String text, long count, double precision, double recall, double pmi) {}

    /// Another piece that is active at the same positions.
    ///
    /// @param precision the share of the other's positions at which this one is active
    /// @param recall the share of this one's positions at which the other is
    record PartnerLine(String id, long both, double precision, double recall, double jaccard) {}

    /// The tokens at both ends of a piece's vector.
    record EndsLine(List<CosineLine> along, List<CosineLine> against) {}

    /// A token and the cosine of its vector with the piece's.
    record CosineLine(int token, String text, double cosine) {}

    /// The examples of a piece.
    record ExamplesLine(String id, List<ExampleLine> strongest, List<ExampleLine> ordinary) {}

    /// An example.
    ///
    /// @param at index of its own token among those shown
    record ExampleLine(
            long row,
            int position,
            int at,
            List<String> tokens,
            List<Double> importance,
            List<Double> inner) {}

    /// Refuses a folder in which no harvest can begin or go on.
    static void requireFor(Path folder, boolean resume) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new UserError("harvest must go to a folder, got a file (%s)".formatted(folder));
        }
        if (!resume
                && (Files.exists(folder.resolve(INDEX))
                        || Files.exists(folder.resolve(SumsFile.NAME)))) {
            throw UserError.withHints(
                    "harvest must go to a new folder, got one with a harvest (%s)"
                            .formatted(folder),
                    "--resume goes on with one that was stopped; --out names another folder");
        }
    }

    /// The folder of a run's harvest, where it is finished.
    public static Optional<Path> in(Path run) {
        Path own = run.resolve(NAME);
        return Files.isRegularFile(own.resolve(INDEX))
                ? Optional.of(own)
                : Files.isRegularFile(run.resolve(INDEX)) ? Optional.of(run) : Optional.empty();
    }

    /// What a finished harvest is.
    ///
    /// @throws UserError when the folder holds none, or one of a newer version
    public static Index open(Path folder) {
        Path file = folder.resolve(INDEX);
        JsonNode tree;
        try {
            tree = JSON.readTree(Files.readAllBytes(file));
        } catch (IOException | JacksonException failure) {
            throw new UserError(
                    "harvest must have a readable %s, got %s (%s)"
                            .formatted(INDEX, failure.getClass().getSimpleName(), file),
                    failure);
        }
        if (!FORMAT.equals(tree.path("format").asString(""))) {
            throw new UserError("harvest must be of format %s (%s)".formatted(FORMAT, file));
        }
        int version = tree.path("version").asInt(0);
        if (version < 1 || version > HarvestSettings.VERSION) {
            throw new UserError(
                    "harvest's version must be in 1..%d, got %d (%s)\nhint: a newer cleave wrote it; update cleave to read it"
                            .formatted(HarvestSettings.VERSION, version, file));
        }
        try {
            return JSON.treeToValue(tree, Index.class);
        } catch (JacksonException failure) {
            throw new UserError(
                    "harvest's index must be whole, got %s (%s)"
                            .formatted(failure.getOriginalMessage(), file),
                    failure);
        }
    }

    /// Writes all but the sums.
    static void write(
            Path folder,
            HarvestSettings settings,
            LoadedRun run,
            Pieces pieces,
            HarvestSums sums,
            long refused)
            throws IOException {
        Optional<Tokenizer> tokenizer = run.model().tokenizer();
        IntFunction<String> text = token -> text(tokenizer, token);
        Lines lines = new Lines(run, pieces, sums, text);
        writeLines(folder.resolve(PIECES), pieces.all().size(), lines::piece);
        writeLines(folder.resolve(EXAMPLES), pieces.all().size(), lines::examples);
        var sites = run.decomposition().sites();
        Index index =
                new Index(
                        FORMAT,
                        HarvestSettings.VERSION,
                        settings,
                        sums.rows(),
                        sums.positions(),
                        refused,
                        pieces.all().size(),
                        sites.stream().mapToLong(each -> each.original()).sum(),
                        sums.knowsPartners(),
                        tokenizer.isPresent(),
                        IntStream.range(0, sites.size())
                                .mapToObj(site ->
                                        new SiteLine(
                                                sites.get(site).name(),
                                                sites.get(site).site().block(),
                                                (int)
                                                        pieces.all().stream()
                                                                .filter(each -> each.site() == site)
                                                                .count(),
                                                sites.get(site).original()))
                                .toList());
        AtomicFile.write(
                folder.resolve(INDEX),
                JSON.writerWithDefaultPrettyPrinter().writeValueAsString(index) + "\n");
    }

    private static void writeLines(Path file, int count, IntFunction<Object> line)
            throws IOException {
        AtomicFile.write(
                file,
                0,
                channel -> {
                    OutputStream out = Channels.newOutputStream(channel);
                    for (int i = 0; i < count; i++) {
                        String json = JSON.writeValueAsString(line.apply(i)) + "\n";
                        out.write(json.getBytes(StandardCharsets.UTF_8));
                    }
                });
    }

    /// A token as text, or its number where there is none.
    private static String text(Optional<Tokenizer> tokenizer, int token) {
        return tokenizer
                .filter(known -> token < known.size())
                .map(known -> known.decode(new int[] {token}))
                .orElseGet(() -> Integer.toString(token));
    }

    private static double brief(double number) {
        return Double.isFinite(number) && number != 0
                ? new BigDecimal(number).round(new MathContext(5)).doubleValue()
                : number;
    }

    /// Makes the lines of pieces.
    private static final class Lines {
        private final Pieces pieces;
        private final HarvestSums sums;
        private final IntFunction<String> text;
        private final List<List<HarvestSums.TokenCount>> tokensIn;
        private final List<List<HarvestSums.TokenCount>> tokensOut;
        private final List<String> sites;
        private final List<@Nullable List<Vectors.Ends>> reads = new ArrayList<>();
        private final List<@Nullable List<Vectors.Ends>> writes = new ArrayList<>();

        Lines(LoadedRun run, Pieces pieces, HarvestSums sums, IntFunction<String> text) {
            this.pieces = pieces;
            this.sums = sums;
            this.text = text;
            tokensIn = sums.tokens(true);
            tokensOut = sums.tokens(false);
            sites = run.decomposition().sites().stream().map(each -> each.name()).toList();
            Optional<Vectors> vectors = Vectors.of(run.model().spec());
            for (var site : run.decomposition().sites()) {
                reads.add(vectors.map(each -> each.read(run.decomposition(), site)).orElse(null));
                writes.add(
                        vectors.map(each -> each.written(run.decomposition(), site)).orElse(null));
            }
        }

        Object piece(int at) {
            Piece piece = pieces.all().get(at);
            return new PieceLine(
                    piece.id(),
                    sites.get(piece.site()),
                    piece.index(),
                    brief(piece.norm()),
                    sums.active(at),
                    brief((double) sums.active(at) / Math.max(1, sums.positions())),
                    sums.activeRows(at),
                    sums.on(at),
                    brief(sums.meanImportance(at)),
                    brief(sums.importances(at)),
                    brief(sums.inners(at)),
                    tokens(tokensIn.get(at)),
                    tokens(tokensOut.get(at)),
                    partners(at),
                    ends(reads.get(piece.site()), piece.place()),
                    ends(writes.get(piece.site()), piece.place()));
        }

        private static @Nullable Quantiles brief(@Nullable Quantiles all) {
            return all == null
                    ? null
                    : new Quantiles(
                            HarvestFolder.brief(all.q05()),
                            HarvestFolder.brief(all.q25()),
                            HarvestFolder.brief(all.q50()),
                            HarvestFolder.brief(all.q75()),
                            HarvestFolder.brief(all.q95()));
        }

        private static double brief(double number) {
            return HarvestFolder.brief(number);
        }

        private Tokens tokens(List<HarvestSums.TokenCount> counts) {
            Comparator<HarvestSums.TokenCount> byCount =
                    Comparator.comparingLong(each -> -each.association().both());
            Comparator<HarvestSums.TokenCount> byPmi =
                    Comparator.comparingDouble(each -> -each.association().pmi());
            return new Tokens(
                    counts.stream().sorted(byCount).limit(LISTED).map(this::line).toList(),
                    counts.stream()
                            .filter(each -> each.association().both() >= FLOOR)
                            .sorted(byPmi.thenComparing(byCount))
                            .limit(LISTED)
                            .map(this::line)
                            .toList());
        }

        private TokenLine line(HarvestSums.TokenCount each) {
            return new TokenLine(
                    each.token(),
                    text.apply(each.token()),
                    each.association().both(),
                    brief(each.association().precision()),
                    brief(each.association().recall()),
                    brief(each.association().pmi()));
        }

        private List<PartnerLine> partners(int at) {
            if (!sums.knowsPartners()) {
                return List.of();
            }
            return IntStream.range(0, pieces.all().size())
                    .filter(other -> other != at && sums.partners(at, other).both() > 0)
                    .boxed()
                    .sorted(
                            Comparator.comparingDouble(
                                            (Integer other) -> -sums.partners(at, other).jaccard())
                                    .thenComparing(other -> other))
                    .limit(LISTED)
                    .map(other -> {
                        Association both = sums.partners(at, other);
                        return new PartnerLine(
                                pieces.all().get(other).id(),
                                both.both(),
                                brief(both.precision()),
                                brief(both.recall()),
                                brief(both.jaccard()));
                    })
                    .toList();
        }

        private @Nullable EndsLine ends(@Nullable List<Vectors.Ends> all, int place) {
            return all == null
                    ? null
                    : new EndsLine(
                            cosines(all.get(place).along()), cosines(all.get(place).against()));
        }

        private List<CosineLine> cosines(List<Vectors.Cosine> cosines) {
            return cosines.stream()
                    .map(each ->
                            new CosineLine(
                                    each.token(), text.apply(each.token()), brief(each.cosine())))
                    .toList();
        }

        Object examples(int at) {
            return new ExamplesLine(
                    pieces.all().get(at).id(),
                    sums.strongest(at).stream().map(this::example).toList(),
                    sums.ordinary(at).stream().map(this::example).toList());
        }

        private ExampleLine example(Example each) {
            List<String> tokens = new ArrayList<>();
            List<Double> importance = new ArrayList<>();
            List<Double> inner = new ArrayList<>();
            for (int i = 0; i < each.tokens().length; i++) {
                tokens.add(text.apply(each.tokens()[i]));
                importance.add(brief(each.importances()[i]));
                inner.add(brief(each.inners()[i]));
            }
            return new ExampleLine(
                    each.row(),
                    each.position(),
                    each.position() - each.first(),
                    tokens,
                    importance,
                    inner);
        }
    }
}
