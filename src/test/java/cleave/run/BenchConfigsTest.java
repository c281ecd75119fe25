package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.run.RunFile.SitePattern;
import cleave.run.RunFile.StreamFile;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Holds `configs/bench/` to what `bench/spd_step.py` computes in PyTorch, so that both are timed
/// on the same work.
class BenchConfigsTest {
    private static RunFile read(String name, String... settings) {
        return RunFile.read(Path.of("configs/bench", name), List.of(settings));
    }

    @Test
    void bothShapesDifferInTheirTargetAndImportanceFunctionAlone() {
        RunFile small = read("lm-128.yaml");
        RunFile wide = read("lm-768.yaml");
        assertThat(small.importance()).isEqualTo(new SharedMlp(550));
        assertThat(wide.importance()).isEqualTo(new VectorMlp(12));
        String target = Path.of("target/bench/lm-128").toAbsolutePath().toString();
        assertThat(small.target()).isEqualTo(target);
        assertThat(
                        read(
                                "lm-768.yaml",
                                "target=" + target,
                                "importance={kind: shared_mlp, hidden: 550}"))
                .isEqualTo(small);
    }

    @Test
    void aStepHasEveryMatrixOfABlockAndTwoSequencesOfRandomTokens() {
        RunFile file = read("lm-768.yaml");
        assertThat(file.sites())
                .containsExactly(
                        new SitePattern("h.*.attn.c_attn", 768),
                        new SitePattern("h.*.attn.c_proj", 768),
                        new SitePattern("h.*.mlp.c_fc", 768),
                        new SitePattern("h.*.mlp.c_proj", 768));
        StreamFile stream = file.streams().getFirst();
        assertThat(file.streams()).hasSize(1);
        assertThat(stream.data()).isEmpty();
        assertThat(stream.batch()).isEqualTo(2);
        assertThat(stream.length()).isEqualTo(128);
        assertThat(stream.losses())
                .extracting(term -> term.name())
                .containsExactly("stochastic_reconstruction_partial", "importance_minimality");
    }
}
