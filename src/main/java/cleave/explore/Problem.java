package cleave.explore;

/// Ends a request with a status other than 200.
final class Problem extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private final int status;

    Problem(int status, String message) {
        super(message);
        this.status = status;
    }

    /// Of HTTP.
    int status() {
        return status;
    }
}
