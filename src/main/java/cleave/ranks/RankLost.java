package cleave.ranks;

/// Another rank is gone, so this one cannot go on either.
public final class RankLost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// The exit code of a process that ends because another is gone.
    public static final int EXIT_CODE = 3;

    /// In the place of the number of a rank that is not known.
    static final int UNKNOWN = -1;

    private final int rank;
    private final boolean said;

    /// @param rank the one that is gone
    /// @param said whether that rank said why it ended
    /// @param sentence names it, and says what happened
    RankLost(int rank, boolean said, String sentence) {
        super(
                sentence
                        + "\nhint: the last checkpoint is whole; the same command with --resume goes on from it, with any number of ranks");
        this.rank = rank;
        this.said = said;
    }

    /// The rank that is gone; -1 where that is not known.
    public int rank() {
        return rank;
    }

    /// Whether that rank said why it ended, so that its own message tells more.
    public boolean said() {
        return said;
    }
}
