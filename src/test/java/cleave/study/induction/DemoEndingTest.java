package cleave.study.induction;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.Census;
import cleave.analysis.Handmade;
import cleave.analysis.Unlike;
import cleave.mask.WeightDelta;
import cleave.model.InductionTask;
import cleave.tensor.Scopes;
import cleave.verdict.Convergence;
import cleave.verdict.Evidence;
import cleave.verdict.Thresholds;
import cleave.verdict.Verdict;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class DemoEndingTest {
    private static final InductionTask TASK =
            new InductionTask("induction", 6, Handmade.LENGTH, true);
    private static final int SEQUENCES = 32;

    /// What a demo would say of a decomposition.
    private static List<String> ending(Handmade made) {
        var decomposition = made.decomposition();
        Census census =
                Census.of(
                        decomposition,
                        TASK,
                        new Census.Settings(0.5, SEQUENCES, 16, WeightDelta.NONE));
        Verdict verdict =
                Verdict.of(
                        new Evidence(
                                10,
                                10,
                                new Convergence(1, 1, 9),
                                true,
                                census,
                                Optional.of(
                                        new AdversarialReconstruction(
                                                8,
                                                List.of(
                                                        new AdversarialReconstruction.Found(
                                                                0, 0.1, 1),
                                                        new AdversarialReconstruction.Found(
                                                                20, 0.5, 1),
                                                        new AdversarialReconstruction.Found(
                                                                80, 0.75, 1)))),
                                Optional.empty(),
                                Optional.of(
                                        Unlike.of(
                                                decomposition,
                                                TASK,
                                                census.used(Census.FLOOR),
                                                SEQUENCES,
                                                16)),
                                Set.of()),
                        Thresholds.DEFAULT);
        Circuit circuit = Circuit.of(decomposition, TASK, census, SEQUENCES, 16);
        return DemoEnding.of(
                        census,
                        circuit,
                        verdict,
                        Path.of("runs/demo"),
                        Path.of("runs/demo/report.html"))
                .lines()
                .toList();
    }

    @Test
    void hasAtMostTwentyFiveLinesTheSentenceFirstAndTheReportLast() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade().always("V1", 2, 1).always("K0", 7, 1)) {
                List<String> lines = ending(made);

                assertThat(lines).hasSizeLessThanOrEqualTo(25);
                assertThat(lines.getFirst())
                        .startsWith("The induction circuit is not shown: the target itself has");
                assertThat(lines.get(2)).startsWith("matrix  pieces  paper  on at s1  on at m");
                assertThat(row(lines, "V1"))
                        .contains(" 1 ", " 11 ")
                        .endsWith("at m, also at s1, s2, random");
                assertThat(row(lines, "K0")).endsWith("at s1, also at m, s2, random");
                assertThat(row(lines, "Q1")).endsWith("empty");
                assertThat(lines).anyMatch(line -> line.startsWith("2 of 60 pieces are used."));
                assertThat(lines)
                        .anyMatch(line -> line.startsWith("verdict: fail (") && line.contains(": "))
                        .anyMatch(line ->
                                line.endsWith(
                                        "KL 5.0e-01 after 20 steps, 7.5e-01 after 80 steps; this only warns"));
                assertThat(lines.getLast()).isEqualTo("report: runs/demo/report.html");
            }
        });
    }

    /// A matrix's row, whose last cell may go on below.
    private static String row(List<String> lines, String site) {
        StringBuilder row = new StringBuilder();
        for (String line : lines) {
            if (line.startsWith(site + " ")) {
                row.append(line);
            } else if (!row.isEmpty()) {
                if (!line.startsWith("   ")) {
                    break;
                }
                row.append(' ').append(line.strip());
            }
        }
        return row.toString();
    }

    @Test
    void everyLineFitsAWideTerminal() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                assertThat(ending(made).stream().flatMap(Stream::of))
                        .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(200));
            }
        });
    }
}
