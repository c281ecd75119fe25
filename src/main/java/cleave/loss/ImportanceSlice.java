package cleave.loss;

import cleave.engine.Engine;
import cleave.schedule.Schedule;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The importances of one slice, without a graph.
public final class ImportanceSlice {
    private final Engine engine;
    private final List<Tensor> upper;
    private final @Nullable Tensor valid;
    private final long step;
    private final long steps;
    private final @Nullable Tensor[] peaks; // [B, C] of each site, found when asked for

    /// The importances of a slice at a step.
    ///
    /// @param engine computes what is asked of them
    /// @param upper `[B, T, C]` of each site, in site order
    /// @param valid `[B, T]`; null when every position is valid
    /// @param step counted from 0
    /// @param steps length of the run, for schedules
    public ImportanceSlice(
            Engine engine, List<Tensor> upper, @Nullable Tensor valid, long step, long steps) {
        this.engine = engine;
        this.upper = upper;
        this.valid = valid;
        this.step = step;
        this.steps = steps;
        this.peaks = new @Nullable Tensor[upper.size()];
    }

    /// What computes on them.
    public Engine engine() {
        return engine;
    }

    /// The upper importances `[B, T, C]` of each site, in site order.
    public List<Tensor> upper() {
        return upper;
    }

    /// Which positions are valid `[B, T]`; null when all are.
    public @Nullable Tensor valid() {
        return valid;
    }

    /// The step, counted from 0.
    public long step() {
        return step;
    }

    /// A schedule's number at this step.
    public double now(Schedule schedule) {
        return schedule.at(step, steps);
    }

    /// The largest importance of each sequence at a valid position, `[B, C]`. Terms that look at
    /// the same slice share it.
    public Tensor eachPeak(int site) {
        Tensor known = peaks[site];
        if (known == null) {
            known = ImportanceLosses.eachPeak(engine, upper.get(site), valid);
            peaks[site] = known;
        }
        return known;
    }

    /// A number for each subcomponent of each site, `[site][c]`.
    ///
    /// @param of `[C]` of a site
    public double[][] numbers(Function<Integer, Tensor> of) {
        double[][] numbers = new double[upper.size()][];
        for (int site = 0; site < numbers.length; site++) {
            numbers[site] = Tensors.toDoubles(of.apply(site));
        }
        return numbers;
    }
}
