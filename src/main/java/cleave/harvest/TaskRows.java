package cleave.harvest;

import cleave.config.Reach;
import cleave.model.Batch;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The sequences of a run's own task, from the first on, until there are enough tokens.
final class TaskRows implements TextRows {
    private final Task task;
    private final int slice;
    private final long limit;
    private long index;
    private long row;
    private long tokens;
    private @Nullable Reach reach; // from the first row on

    /// Rows of a task.
    ///
    /// @param slice rows at a time
    /// @param limit the row at which so many tokens are reached is the last
    TaskRows(Task task, int slice, long limit) {
        this.task = task;
        this.slice = slice;
        this.limit = limit;
    }

    @Override
    public @Nullable Rows next() {
        if (tokens >= limit) {
            return null;
        }
        if (reach == null) {
            reach = new Reach("--tokens", limit);
        }
        reach.done(tokens);
        Rows rows =
                Scopes.run(() -> {
                    Batch batch = task.examples(0, Draws.Purpose.EVALUATION, row, slice).batch();
                    return rows(batch);
                });
        row += rows.tokens().length;
        tokens += rows.count();
        index++;
        return rows;
    }

    private Rows rows(Batch batch) {
        int length = (int) batch.length();
        long[] all = Tensors.toLongs(batch.inputs());
        Tensor valid = batch.valid();
        boolean[] flags = valid == null ? null : Tensors.toBooleans(valid);
        int[][] rows = new int[slice][length];
        int[] used = new int[slice];
        long count = tokens;
        int taken = 0;
        while (taken < slice && count < limit) {
            for (int i = 0; i < length; i++) {
                int cell = taken * length + i;
                rows[taken][i] = (int) all[cell];
                used[taken] += flags == null || flags[cell] ? 1 : 0;
            }
            count += used[taken++];
        }
        return new Rows(index, row, Arrays.copyOf(rows, taken), Arrays.copyOf(used, taken));
    }
}
