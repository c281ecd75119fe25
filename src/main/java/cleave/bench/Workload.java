package cleave.bench;

import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.training.Phases;
import cleave.training.Trainer;
import cleave.training.Workers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;

/// A variant, loaded and ready to be repeated.
interface Workload extends AutoCloseable {

    /// Once more.
    void run();

    /// Tells `phases` from now on where each thread is.
    void listen(Phases phases);

    @Override
    void close();

    /// Loads a variant.
    ///
    /// @param config configuration of a decomposition
    /// @param settings changes of it
    static Workload of(Variant variant, Path config, List<String> settings) {
        List<String> all = new ArrayList<>(settings);
        if (variant instanceof Variant.Fast(int workers)) {
            all.add("machine.workers=" + workers);
        }
        RunFile file = RunFile.read(config, all);
        file.machine().start(); // fixes the arithmetic, so before anything else loads libtorch
        NativeRuntime.useThreadsInsideOperations(variant.inside());
        return switch (variant) {
            case Variant.Matmul matmul -> new Products(matmul);
            case Variant.Plain _ -> new PlainTraining(PreparedRun.of(file));
            case Variant.Fast _ -> new FastTraining(PreparedRun.of(file));
        };
    }

    /// Our training.
    final class FastTraining implements Workload {
        private final PreparedRun run;
        private final Trainer trainer;

        FastTraining(PreparedRun run) {
            this.run = run;
            trainer = run.trainer();
        }

        @Override
        public void run() {
            trainer.step(false);
        }

        @Override
        public void listen(Phases phases) {
            trainer.listen(phases);
        }

        @Override
        public void close() {
            trainer.close();
            run.close();
        }
    }

    /// Products of matrices.
    final class Products implements Workload {
        private final Workers workers;
        private final Tensor matrix; // [n, n]
        private final List<Callable<Boolean>> tasks;

        Products(Variant.Matmul variant) {
            int n = Variant.Matmul.SIZE;
            workers = new Workers(variant.workers());
            matrix = Scopes.own(Tensors.ones(Type.FLOAT, n, n));
            tasks = Collections.nCopies(variant.workers(), this::product);
        }

        private boolean product() {
            return Scopes.run(() -> matrix.matmul(matrix).defined());
        }

        @Override
        public void run() {
            workers.run(tasks);
        }

        @Override
        public void listen(Phases phases) {
            phases.enter(Phases.WAITING);
        }

        @Override
        public void close() {
            workers.close();
            Scopes.release(matrix);
        }
    }
}
