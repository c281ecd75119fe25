package cleave.ranks;

import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// What the ranks of a run exchange. Each method is called by every rank, in the same order, and
/// gives every rank the same bytes; one rank alone gets back what it gave.
///
/// Any method throws [RankLost] when a rank is gone, and then no other may be called any more.
public interface Exchange extends AutoCloseable {

    /// How many numbers `broadcast` gives at a time.
    int TURN = 1 << 20;

    /// The number of this rank, from 0. The rank 0 writes the run.
    int rank();

    /// How many ranks there are.
    int size();

    /// How many ranks share this one's machine, itself among them, as far as their addresses tell.
    int here();

    /// Puts the sum over all ranks in the place of a tensor of float32 or float64.
    void sumInPlace(Tensor tensor);

    /// Begins to put the sum over all ranks in the place of a tensor of float32 or float64, beside
    /// whatever this thread does meanwhile. Until the exchange has ended nothing may touch the
    /// tensor. Those that were begun end in any order, and are waited for in the same order by all.
    Begun beginSum(Tensor tensor);

    /// An exchange that was begun.
    @FunctionalInterface
    interface Begun {
        /// Waits for its end; called once.
        void end();
    }

    /// The sum over all ranks of each number.
    double[] sum(double... numbers);

    /// The largest over all ranks of each number.
    double[] max(double... numbers);

    /// The numbers of every rank, `[rank][i]`; all give as many.
    double[][] gather(double... numbers);

    /// The numbers of one rank, of which there may be any number; what others give is not asked.
    ///
    /// @param from the rank that gives them
    default double[] broadcast(int from, double... numbers) {
        boolean gives = rank() == from;
        double[] all = new double[(int) sum(gives ? numbers.length : 0)[0]];
        for (int start = 0; start < all.length; start += TURN) {
            double[] turn = new double[Math.min(TURN, all.length - start)];
            if (gives) {
                System.arraycopy(numbers, start, turn, 0, turn.length);
            }
            System.arraycopy(sum(turn), 0, all, start, turn.length); // of the numbers and zeros
        }
        return all;
    }

    /// The text of every rank, by rank.
    default List<String> texts(String here) {
        double[] units = here.chars().asDoubleStream().toArray();
        int longest = (int) max(units.length)[0];
        double[] own = Arrays.copyOf(units, longest + 1);
        own[longest] = units.length;
        List<String> all = new ArrayList<>();
        for (double[] each : gather(own)) {
            StringBuilder text = new StringBuilder();
            Arrays.stream(each, 0, (int) each[longest]).forEach(unit -> text.append((char) unit));
            all.add(text.toString());
        }
        return all;
    }

    /// Whether any rank says so.
    boolean any(boolean here);

    /// Waits until every rank is here.
    void barrier();

    /// Whether this is the rank that writes.
    default boolean writes() {
        return rank() == 0;
    }

    /// Bytes of the numbers that this rank gave into exchanges so far.
    long bytes();

    /// Tells the others that this rank ends before them, and why, so that they end too.
    ///
    /// @param reason one line
    void failed(String reason);

    /// Leaves the others after all exchanges; they do not wait.
    @Override
    void close();

    /// An exchange of one rank.
    static Exchange alone() {
        return new Alone();
    }
}
