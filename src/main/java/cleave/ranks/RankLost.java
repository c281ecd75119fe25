package cleave.ranks;

/// Another rank is gone, so this one cannot go on either.
public final class RankLost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// The exit code of a process that ends because another is gone.
    public static final int EXIT_CODE = 3;

    /// @param sentence names the rank that is gone, and says what happened
    RankLost(String sentence) {
        super(
                sentence
                        + "\nhint: the last checkpoint is whole; the same command with --resume goes on from it, with any number of ranks");
    }
}
