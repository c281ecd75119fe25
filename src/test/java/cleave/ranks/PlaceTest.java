package cleave.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlaceTest {
    private static final Map<String, String> TORCHRUN =
            Map.of(
                    "RANK", "5",
                    "WORLD_SIZE", "8",
                    "LOCAL_RANK", "1",
                    "MASTER_ADDR", "node7",
                    "MASTER_PORT", "29500",
                    "TORCHELASTIC_RUN_ID", "abc",
                    "TORCHELASTIC_RESTART_COUNT", "2",
                    "TORCHELASTIC_USE_AGENT_STORE", "True");

    @Test
    void aPlaceIsWhatTorchrunSays() {
        assertThat(Place.in(TORCHRUN))
                .contains(new Place(5, 8, "node7", 29500, "cleave/abc/2", true, false));
    }

    @Test
    void aPlaceIsWhatSrunSays() {
        Map<String, String> srun =
                Map.of(
                        "SLURM_PROCID", "3",
                        "SLURM_STEP_NUM_TASKS", "4",
                        "SLURM_LOCALID", "1",
                        "SLURM_STEP_NODELIST", "gpu[007-008]",
                        "SLURM_JOB_ID", "4021337",
                        "SLURM_STEP_ID", "0");

        assertThat(Place.in(srun))
                .contains(new Place(3, 4, "gpu007", 21337, "cleave/4021337/0", false, false));
    }

    /// The script of a batch job is one process of the job, whatever the number of its tasks.
    @Test
    void aJobThatWasNotStartedBySrunIsOneProcess() {
        assertThat(Place.in(Map.of("SLURM_PROCID", "0", "SLURM_NTASKS", "4"))).isEmpty();
    }

    @Test
    void oneProcessOfOneMeetsNobody() {
        assertThat(Place.in(Map.of("RANK", "0", "WORLD_SIZE", "1"))).isEmpty();
        assertThat(Place.in(Map.of())).isEmpty();
    }

    /// Ranks that the one process of an outer torchrun started meet at that process, not at the
    /// outer one.
    @Test
    void aRankThatRankZeroStartedDoesNotHearAnOuterTorchrun() {
        Map<String, String> environment = new HashMap<>(TORCHRUN);
        environment.putAll(Place.launched(1, 2, 4711));

        assertThat(Place.in(environment))
                .contains(new Place(1, 2, "127.0.0.1", 4711, "cleave/run/0", false, true));
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "n1, n1",
                "\"n1,n2\", n1",
                "gpu[003-007], gpu003",
                "\"gpu[3,5-7],x\", gpu3",
                "\"a,gpu[3,5-7]\", a"
            })
    void theFirstNodeOfAListIsThatOfRankZero(String nodes, String first) {
        assertThat(Place.firstNode(nodes)).isEqualTo(first);
    }

    @ParameterizedTest
    @CsvSource(
            quoteCharacter = '"',
            value = {
                "MASTER_ADDR, \"\", \"environment of a rank must hold MASTER_ADDR, got none\"",
                "MASTER_PORT, 0, \"MASTER_PORT must be >= 1 and <= 65535, got 0\"",
                "MASTER_PORT, x, \"MASTER_PORT must be a whole number, got x\"",
                "RANK, 8, \"rank must be >= 0 and below the number of ranks, 8, got 8\""
            })
    void anEnvironmentThatDoesNotFitIsRefused(String name, String value, String message) {
        Map<String, String> wrong = new HashMap<>(TORCHRUN);
        wrong.put(name, value);

        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Place.in(wrong))
                .withMessageStartingWith(message);
    }

    @Test
    void aProcessThatARankStartsForItselfIsNoRank() {
        for (Map<String, String> started :
                List.of(
                        Map.of("RANK", "1", "WORLD_SIZE", "2", "MASTER_ADDR", "a", "PATH", "/bin"),
                        Map.of(
                                "SLURM_PROCID", "1",
                                "SLURM_STEP_NUM_TASKS", "2",
                                "SLURM_STEP_NODELIST", "a",
                                "PATH", "/bin"),
                        Place.launched(1, 2, 29_500))) {
            Map<String, String> environment = new HashMap<>(started);

            Place.leave(environment);

            assertThat(Place.in(environment)).isEmpty();
            assertThat(environment.get("PATH")).isEqualTo(started.get("PATH"));
        }
    }
}
