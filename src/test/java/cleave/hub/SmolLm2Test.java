package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// Compares a real pretrained model with logits that `src/test/golden/smollm2.py` computed with
/// transformers. The model is no part of the repository: `bench/fetch-smollm2 target/smollm2` gets
/// it, and without it these tests are left out, which they say.
class SmolLm2Test {
    private static final Path FILE = Path.of("target/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");

    @BeforeAll
    static void theModelIsThere() {
        boolean there = Files.isRegularFile(FILE);
        if (!there) {
            System.out.println(
                    "SmolLm2Test is left out: %s is not there; bench/fetch-smollm2 %s gets it"
                            .formatted(FILE, FILE.getParent()));
        }
        Assumptions.assumeTrue(there, "the model is not there");
    }

    /// A kept position has its 50 largest logits and 50 drawn ones.
    @Test
    void logitsAreThoseOfTransformers() {
        long start = System.nanoTime();
        try (Model model = Model.load(FILE, Type.FLOAT);
                TensorMap kept = Safetensors.read(Golden.FOLDER.resolve("smollm2.safetensors"))) {
            Duration opening = Duration.ofNanos(System.nanoTime() - start);
            System.out.println("SmolLM2 opened in " + opening);
            double largest =
                    Scopes.run(() -> Scopes.withoutGradient(() -> difference(model, kept)));
            System.out.println("SmolLM2's logits differ by at most " + largest);
            assertThat(largest).isLessThan(1e-3);
        }
    }

    private static double difference(Model model, TensorMap kept) {
        Tensor ids = kept.get("input_ids");
        long[] lengths = Tensors.toLongs(kept.get("lengths"));
        double largest = 0;
        for (int row = 0; row < lengths.length; row++) {
            long length = lengths[row];
            Tensor input = ids.narrow(0, row, 1).narrow(1, 0, length);
            long[] positions = LongStream.range(0, length).toArray();
            Batch batch =
                    new Batch(
                            "reference",
                            0,
                            input.contiguous(),
                            null,
                            new LossPositions(Tensors.of(positions, 1, length), null));
            Tensor logits = model.target().forward(batch, Map.of(), null).outputs();
            long tokens = logits.size(logits.ndimension() - 1);
            Tensor at = kept.get("tokens").select(0, row).narrow(0, 0, length).to(Type.LONG);
            Tensor expected = kept.get("logits").select(0, row).narrow(0, 0, length);
            Tensor found = logits.reshape(length, tokens).gather(1, at);
            largest = Math.max(largest, Tensors.number(found.sub(expected).abs().max()));
        }
        return largest;
    }

    @Test
    void promptsHaveTheTokensOfTransformers() {
        try (Model model = Model.load(FILE, Type.FLOAT);
                TensorMap kept = Safetensors.read(Golden.FOLDER.resolve("smollm2.safetensors"))) {
            byte[] bytes = new byte[(int) kept.get("prompts").numel()];
            long[] numbers = Tensors.toLongs(kept.get("prompts"));
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = (byte) numbers[i];
            }
            List<String> prompts =
                    List.of(new String(bytes, StandardCharsets.UTF_8).split("\0", -1));
            long[] ids = Tensors.toLongs(kept.get("input_ids"));
            long[] lengths = Tensors.toLongs(kept.get("lengths"));
            int width = ids.length / lengths.length;
            for (int row = 0; row < lengths.length; row++) {
                long[] expected =
                        Arrays.copyOfRange(ids, row * width, row * width + (int) lengths[row]);
                int[] found = model.tokenizer().orElseThrow().encode(prompts.get(row));
                assertThat(Arrays.stream(found).asLongStream().toArray()).isEqualTo(expected);
            }
        }
    }
}
