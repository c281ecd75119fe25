package cleave.ranks;

/// Another rank is gone, so this one cannot go on either.
public final class RankLost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /// The exit code of a process that ends because another is gone.
    public static final int EXIT_CODE = 3;

    /// @param sentence names the rank that is gone, and says what happened
    RankLost(String sentence) {
        super(sentence);
    }

    private RankLost(RankLost loss, String hint) {
        super(loss.getMessage() + "\nhint: " + hint, loss);
    }

    /// The same loss, with what can be done now.
    ///
    /// @param hint what is kept, and how to go on
    public RankLost with(String hint) {
        return new RankLost(this, hint);
    }
}
