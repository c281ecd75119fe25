package cleave.study.induction;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave circuit TARGET --necessity`.
class NecessityCommandTest {
    private static final String SHIPPED = "models/induction-fixed-after";

    @TempDir private Path temporary;

    private static Result quick(String target, String... more) {
        String[] first = {
            "circuit", target, "--necessity", "--steps", "1", "--sequences", "64", "--seed", "3"
        };
        String[] all = java.util.Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return TinyRun.cleave(all);
    }

    @Test
    void aShippedTargetNeedsItsCopyingAndItsMark() {
        Result result = quick(SHIPPED, "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        JsonNode necessity = new JsonMapper().readTree(result.out());
        assertThat(necessity.propertyNames())
                .contains(
                        "options",
                        "sample",
                        "attention",
                        "every",
                        "sites",
                        "together",
                        "without_them",
                        "copy",
                        "position_free");
        JsonNode free = necessity.path("position_free");
        assertThat(free.path("accuracy").asDouble()).isEqualTo(1);
        assertThat(free.path("rows")).hasSize(6);
        JsonNode value = free.path("rows").get(2);
        assertThat(value.path("site").asString()).isEqualTo("V0");
        assertThat(value.path("at_zero").asDouble()).isLessThan(0.1);
        assertThat(value.path("needed").asBoolean()).isTrue();
        assertThat(free.path("copy_by_rank")).hasSize(16);
        assertThat(free.path("copy_by_rank").path("16").asDouble()).isEqualTo(1);
        assertThat(free.path("copy_rank").asInt()).isBetween(7, 16);
        assertThat(necessity.path("options").path("seed").asInt()).isEqualTo(3);
        assertThat(necessity.path("attention").get(5).path("to").path("m").asDouble())
                .isGreaterThan(0.9);
        // Fitting can do nothing about these, however long; the start alone comes near otherwise.
        for (int site : new int[] {2, 4, 5}) {
            JsonNode need = necessity.path("sites").get(site);
            assertThat(need.path("needed").asBoolean()).as("%s", need).isTrue();
            assertThat(need.path("without").path("kl").asDouble()).isGreaterThan(1);
            assertThat(need.path("named").asString()).isEqualTo(need.path("token").asString());
        }
        assertThat(necessity.path("every").path("kl").asDouble()).isLessThan(0.2);
        assertThat(result.err()).contains("every site: KL ");
    }

    @Test
    void theTextSaysWhatFollows() throws IOException {
        TinyRun tiny = TinyRun.in(temporary);

        Result result = quick(tiny.model().toString(), "--rank", "2");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out())
                .contains(
                        "1, s2",
                        "subcomponents in each site: 2",
                        "for this target",
                        "Needed by",
                        "Position-free: needed are");
    }

    @Test
    void aRunIsAskedAboutItsTarget() throws IOException {
        TinyRun tiny = TinyRun.in(temporary);
        Path run = tiny.run("run");
        assertThat(tiny.decompose(run, "--set", "steps=1").exitCode()).isZero();

        assertThat(quick(run.toString()).out())
                .isEqualTo(quick(tiny.model().toString()).out())
                .isNotEmpty();
    }

    @Test
    void wrongInputIsRefused() {
        Result noModel = quick(temporary.toString());
        assertThat(noModel.exitCode()).isEqualTo(2);
        assertThat(noModel.err()).contains("target model must be a folder");

        Result alone = TinyRun.cleave("circuit", temporary.toString(), "--steps", "3");
        assertThat(alone.exitCode()).isEqualTo(2);
        assertThat(alone.err()).contains("must come with --necessity");

        Result none = quick(SHIPPED, "--rank", "0");
        assertThat(none.exitCode()).isEqualTo(2);
        assertThat(none.err()).contains("rank");
    }
}
