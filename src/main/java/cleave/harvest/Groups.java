package cleave.harvest;

import cleave.config.UserError;
import cleave.hub.Sha256;
import cleave.run.LoadedRun;
import cleave.tensor.AtomicFile;
import cleave.tensor.Draws;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Groups of subcomponents, over all sites, that are on at the same positions, by description
/// length ([Clustering] says how), and how far they can be relied on. This is what `groups.json`
/// holds.
///
/// @param format `cleave-groups`
/// @param version of the format
/// @param settings what was clustered and how
/// @param rows of text
/// @param positions tokens in them
/// @param on subcomponents that are on somewhere: those that were clustered
/// @param bits a position of the description in these groups
/// @param apart bits a position with every subcomponent alone
/// @param seeds how alike the clusterings of two draws are: the mean over all pairs of draws of the
///   adjusted Rand index, 1 where all are the same and 0 by chance; null for fewer than two draws
/// @param halves the same of the clusterings of the even rows and of the odd rows
/// @param draws bits and groups of each draw, that which merges the best pair always first
/// @param groups of two members or more, the largest first
/// @param alone subcomponents that are on and in no group
public record Groups(
        String format,
        int version,
        Settings settings,
        long rows,
        long positions,
        int on,
        double bits,
        double apart,
        @Nullable Double seeds,
        double halves,
        List<Draw> draws,
        List<Group> groups,
        List<String> alone) {

    /// The name of the file in a harvest's folder.
    public static final String FILE = "groups.json";

    /// The version that is written.
    public static final int VERSION = 1;

    /// How many subcomponents can be clustered.
    public static final int MOST = 4096;

    private static final String FORMAT = "cleave-groups";
    private static final double DECAY = 0.2;
    private static final long SLICE_NUMBERS = 2_000_000;
    private static final int MOST_ROWS = 64;

    /// Keeps its own lists.
    public Groups {
        draws = List.copyOf(draws);
        groups = List.copyOf(groups);
        alone = List.copyOf(alone);
    }

    /// What was clustered.
    ///
    /// @param target name of the run's target
    /// @param step of the checkpoint
    /// @param decomposition SHA-256 of its file
    /// @param source the SHA-256 of each text file; `task` for the run's own
    /// @param tokens at most so many
    /// @param length of the rows
    /// @param threshold a subcomponent is on where its importance is above it
    /// @param alpha what a member costs where its group is on, bits
    /// @param decay of the odds of the J-th best pair, `exp(-decay J)`
    /// @param seed of the draws
    public record Settings(
            String target,
            long step,
            String decomposition,
            List<String> source,
            long tokens,
            int length,
            double threshold,
            double alpha,
            double decay,
            long seed) {
        /// Keeps its own list.
        public Settings {
            source = List.copyOf(source);
        }
    }

    /// One clustering.
    ///
    /// @param best whether the best pair was merged always; else a drawn one
    /// @param bits a position
    /// @param groups those of one member among them
    public record Draw(boolean best, double bits, int groups) {}

    /// A group.
    ///
    /// @param id counted from 1
    /// @param members `SITE:INDEX`, the one that is on most first
    /// @param on positions at which a member is on
    /// @param density their share of all
    /// @param together positions at which all members are on
    /// @param found how much of it other draws find again as one group: the mean over them of the
    ///   largest share of common members; null for one draw
    /// @param chance the same where the members of the other draws' groups are shuffled
    public record Group(
            int id,
            List<String> members,
            long on,
            double density,
            long together,
            @Nullable Double found,
            @Nullable Double chance) {
        /// Keeps its own list.
        public Group {
            members = List.copyOf(members);
        }
    }

    /// How to cluster.
    ///
    /// @param threshold a subcomponent is on where its importance is above it
    /// @param alpha what a member costs where its group is on, bits
    /// @param draws how many clusterings, the one that merges the best pair always among them
    /// @param seed of the others
    public record Choice(double threshold, double alpha, int draws, long seed) {
        /// What is wrong with it; nothing where all is well.
        public List<String> problems() {
            List<String> problems = new ArrayList<>();
            if (!(threshold >= 0 && threshold < 1)) {
                problems.add("--threshold must be >= 0 and < 1, got " + threshold);
            }
            if (!(alpha >= 0 && Double.isFinite(alpha))) {
                problems.add("--alpha must be >= 0, got " + alpha);
            }
            if (draws < 1 || draws > 1000) {
                problems.add("--draws must be in 1..1000, got " + draws);
            }
            return problems;
        }
    }

    /// Clusters the subcomponents of a run.
    ///
    /// @param progress is told how many tokens of the text are done
    /// @throws UserError when the run or the text cannot be used, or too many subcomponents are on
    public static Groups of(LoadedRun run, TextChoice choice, Choice how, LongConsumer progress)
            throws IOException {
        RunText text = new RunText(run, choice, "groups");
        long wide = run.decomposition().sites().stream().mapToLong(each -> each.count()).sum();
        OnBits bits =
                OnBits.of(
                        run,
                        text,
                        Math.clamp(SLICE_NUMBERS / (text.length() * wide), 1, MOST_ROWS),
                        how.threshold(),
                        progress);
        Settings settings =
                new Settings(
                        run.targetName(),
                        run.checkpoint().step(),
                        Sha256.of(run.checkpoint().decomposition()),
                        text.source(),
                        choice.tokens(),
                        text.length(),
                        how.threshold(),
                        how.alpha(),
                        DECAY,
                        how.seed());
        return of(bits, settings, how);
    }

    private static Groups of(OnBits bits, Settings settings, Choice how) {
        int[] some =
                IntStream.range(0, bits.pieces().all().size())
                        .filter(piece -> bits.count(piece) > 0)
                        .toArray();
        if (some.length > MOST) {
            throw UserError.withHints(
                    "groups must be of at most %d subcomponents, got %d that are on"
                            .formatted(MOST, some.length),
                    "a higher --threshold leaves fewer");
        }
        Draws.Key key = Draws.key(how.seed(), Draws.Purpose.EVALUATION).with("groups");
        long[][] on = bits.of(some);
        List<Clustering> all = new ArrayList<>();
        for (int draw = 0; draw < how.draws(); draw++) {
            all.add(
                    Clustering.of(
                            on,
                            bits.positions(),
                            how.alpha(),
                            draw == 0 ? Double.POSITIVE_INFINITY : DECAY,
                            key.with(draw)));
        }
        double halves =
                Alike.rand(
                        half(bits, false, how, key, some).groupOf(),
                        half(bits, true, how, key, some).groupOf());
        int best =
                IntStream.range(0, all.size())
                        .boxed()
                        .min(Comparator.comparingDouble(i -> all.get(i).bits()))
                        .orElseThrow();
        Clustering chosen = all.get(best);
        List<Clustering> others = new ArrayList<>(all);
        others.remove(best);
        double[] found = mean(chosen, others.stream().map(Clustering::groupOf).toList());
        double[] chance =
                mean(
                        chosen,
                        IntStream.range(0, others.size())
                                .mapToObj(i ->
                                        shuffled(
                                                others.get(i).groupOf(),
                                                key.with("shuffled").with(i)))
                                .toList());
        List<Group> groups = new ArrayList<>();
        List<String> alone = new ArrayList<>();
        for (int group = 0; group < chosen.groups(); group++) {
            int number = group;
            List<Integer> members =
                    IntStream.range(0, some.length)
                            .filter(i -> chosen.groupOf()[i] == number)
                            .boxed()
                            .sorted(
                                    Comparator.comparingLong((Integer i) -> -bits.count(some[i]))
                                            .thenComparing(i -> i))
                            .toList();
            List<String> ids =
                    members.stream().map(i -> bits.pieces().all().get(some[i]).id()).toList();
            if (ids.size() == 1) {
                alone.add(ids.getFirst());
                continue;
            }
            long either = count(on, members, true);
            groups.add(
                    new Group(
                            0,
                            ids,
                            either,
                            (double) either / Math.max(1, bits.positions()),
                            count(on, members, false),
                            others.isEmpty() ? null : found[group],
                            others.isEmpty() ? null : chance[group]));
        }
        groups.sort(
                Comparator.comparingInt((Group each) -> -each.members().size())
                        .thenComparingLong(each -> -each.on())
                        .thenComparing(each -> each.members().getFirst()));
        return new Groups(
                FORMAT,
                VERSION,
                settings,
                bits.rows(),
                bits.positions(),
                some.length,
                chosen.bits(),
                chosen.apart(),
                alike(all),
                halves,
                IntStream.range(0, all.size())
                        .mapToObj(i -> new Draw(i == 0, all.get(i).bits(), all.get(i).groups()))
                        .toList(),
                IntStream.range(0, groups.size())
                        .mapToObj(i -> numbered(groups.get(i), i + 1))
                        .toList(),
                alone);
    }

    private static Group numbered(Group group, int id) {
        return new Group(
                id,
                group.members(),
                group.on(),
                group.density(),
                group.together(),
                group.found(),
                group.chance());
    }

    private static Clustering half(
            OnBits bits, boolean odd, Choice how, Draws.Key key, int... some) {
        return Clustering.of(
                bits.half(odd, some),
                bits.half(odd),
                how.alpha(),
                Double.POSITIVE_INFINITY,
                key.with("halves"));
    }

    private static double[] mean(Clustering chosen, List<int[]> others) {
        double[] mean = new double[chosen.groups()];
        for (int[] other : others) {
            double[] found = Alike.found(chosen.groupOf(), other);
            Arrays.setAll(mean, group -> mean[group] + found[group] / others.size());
        }
        return mean;
    }

    private static int[] shuffled(int[] groupOf, Draws.Key key) {
        int[] shuffled = groupOf.clone();
        for (int i = shuffled.length - 1; i > 0; i--) {
            int j = key.below(i + 1, i);
            int kept = shuffled[i];
            shuffled[i] = shuffled[j];
            shuffled[j] = kept;
        }
        return shuffled;
    }

    private static @Nullable Double alike(List<Clustering> all) {
        double sum = 0;
        int pairs = 0;
        for (int i = 0; i < all.size(); i++) {
            for (int j = 0; j < i; j++) {
                sum += Alike.rand(all.get(i).groupOf(), all.get(j).groupOf());
                pairs++;
            }
        }
        return pairs == 0 ? null : sum / pairs;
    }

    /// Positions at which one of some things is on, or all of them.
    private static long count(long[][] on, List<Integer> members, boolean either) {
        long count = 0;
        for (int word = 0; word < on[0].length; word++) {
            long bits = either ? 0 : -1;
            for (int member : members) {
                bits = either ? bits | on[member][word] : bits & on[member][word];
            }
            count += Long.bitCount(bits);
        }
        return count;
    }

    /// Writes the file.
    public void write(Path file) throws IOException {
        AtomicFile.write(
                file,
                HarvestFolder.JSON.writerWithDefaultPrettyPrinter().writeValueAsString(this)
                        + "\n");
    }

    /// Reads what is beside a harvest or was written elsewhere.
    ///
    /// @param folder of a harvest, or of a run
    /// @return none where there is no such file
    /// @throws UserError when it is another file, or one of a newer version
    public static Optional<Groups> in(Path folder) {
        Path file = folder.resolve(FILE);
        return Files.isRegularFile(file) ? Optional.of(read(file)) : Optional.empty();
    }

    /// Reads a file.
    ///
    /// @throws UserError when it is another file, or one of a newer version
    public static Groups read(Path file) {
        return Versioned.read(file, "groups", FORMAT, VERSION, Groups.class);
    }
}
