package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.model.InductionTask;
import cleave.tensor.Scopes;
import java.util.List;
import org.junit.jupiter.api.Test;

class UnlikeTest {
    private static final InductionTask TASK =
            new InductionTask("evaluation", 6, Handmade.LENGTH, true);
    private static final int SEQUENCES = 40;

    private static Unlike of(Handmade made, List<SubcomponentId> used) {
        return Unlike.of(made.decomposition(), TASK, used, SEQUENCES, 16);
    }

    private static List<SubcomponentId> all(Handmade made) {
        return made.decomposition().sites().stream()
                .flatMap(site ->
                        java.util.stream.IntStream.range(0, site.count())
                                .mapToObj(c -> new SubcomponentId(site.name(), c)))
                .toList();
    }

    @Test
    void allPiecesAreTheTargetOnEveryKind() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Unlike unlike = of(made, all(made));

                assertThat(unlike.kinds())
                        .extracting(Unlike.Kind::name)
                        .containsExactly("length 6", "common tokens");
                assertThat(unlike.kinds())
                        .allSatisfy(kind -> {
                            assertThat(kind.sequences()).isEqualTo(SEQUENCES);
                            assertThat(kind.kl()).isCloseTo(0, within(1e-5));
                            assertThat(kind.accuracy()).isEqualTo(kind.target());
                        });
            }
        });
    }

    @Test
    void piecesThatDoNotDoTheTaskAreFound() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Unlike unlike = of(made, List.of());

                assertThat(unlike.farthest().kl()).isGreaterThan(0.1);
                assertThat(unlike.kinds()).contains(unlike.farthest(), unlike.least());
            }
        });
    }

    @Test
    void theLeastAndTheFarthestAreNamed() {
        Unlike.Kind near = new Unlike.Kind("near", 10, 0.8, 0.8, 0.01);
        Unlike.Kind far = new Unlike.Kind("far", 10, 0.9, 0.45, 0.02);
        Unlike unlike = new Unlike(List.of(near, far));

        assertThat(unlike.least()).isEqualTo(far);
        assertThat(unlike.least().share()).isEqualTo(0.5);
        assertThat(unlike.farthest()).isEqualTo(far);
        assertThat(new Unlike.Kind("never right", 10, 0, 0, 1).share()).isNaN();
    }
}
