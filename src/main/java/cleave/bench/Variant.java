package cleave.bench;

import java.util.List;

/// What a child process repeats and measures.
sealed interface Variant {

    /// One product of two 1024 x 1024 float32 matrices on each of `workers` Java threads, each
    /// product on `inside` threads of OpenBLAS.
    record Matmul(int workers, int inside) implements Variant {
        static final int SIZE = 1024;

        /// Operations of one repetition, in 1e9.
        double gigaoperations() {
            return 2e-9 * SIZE * SIZE * SIZE * workers;
        }

        @Override
        public String word() {
            return "matmul:%d:%d".formatted(workers, inside);
        }
    }

    /// The plain step on `inside` threads within operations.
    record Plain(int inside) implements Variant {
        @Override
        public String word() {
            return "plain:" + inside;
        }
    }

    /// Our step on `workers` threads.
    record Fast(int workers) implements Variant {
        @Override
        public int inside() {
            return 1;
        }

        @Override
        public String word() {
            return "fast:" + workers;
        }
    }

    /// Threads within an operation.
    int inside();

    /// The variant as an argument of a command line.
    String word();

    /// Reads a `word`.
    static Variant parse(String word) {
        List<String> parts = List.of(word.split(":"));
        int first = Integer.parseInt(parts.get(1));
        return switch (parts.getFirst()) {
            case "matmul" -> new Matmul(first, Integer.parseInt(parts.get(2)));
            case "plain" -> new Plain(first);
            case "fast" -> new Fast(first);
            default -> throw new IllegalArgumentException("unknown variant " + word);
        };
    }
}
