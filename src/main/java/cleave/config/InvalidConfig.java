package cleave.config;

import java.util.List;
import java.util.stream.Collectors;

/// A configuration with mistakes: all of them, in the order of their lines.
public final class InvalidConfig extends UserError {
    private static final long serialVersionUID = 1L;

    private final transient List<Problem> problems;

    /// The message is the problems, one below the other.
    public InvalidConfig(List<Problem> problems) {
        super(problems.stream().map(Problem::toString).collect(Collectors.joining("\n")));
        this.problems = List.copyOf(problems);
    }

    /// Every mistake found.
    public List<Problem> problems() {
        return problems;
    }
}
