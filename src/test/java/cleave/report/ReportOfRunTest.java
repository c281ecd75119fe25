package cleave.report;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import cleave.config.Binder;
import cleave.mask.WeightDelta;
import cleave.run.DecompositionRun;
import cleave.run.LoadedRun;
import cleave.run.Provenance;
import cleave.run.RunFile;
import cleave.study.induction.Circuit;
import cleave.study.induction.InductionPage;
import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The page of a real, very short run.
class ReportOfRunTest {
    private static final int SEQUENCES = 20;

    @TempDir private Path folder;

    private Path run(String... settings) throws IOException {
        Path config = Path.of("configs/induction-quick.yaml").toAbsolutePath();
        List<String> all =
                new ArrayList<>(
                        List.of(
                                "steps=3",
                                "streams[0].batch=4",
                                "machine.slice=2",
                                "machine.arithmetic=fast",
                                "cadence.log=1"));
        all.addAll(List.of(settings));
        RunFile file =
                Binder.read(config.toString(), Files.readString(config), all, RunFile.class)
                        .withTargetFrom(config.resolveSibling(""));
        Path path = folder.resolve("run");
        DecompositionRun.run(
                new DecompositionRun.Order(
                        file,
                        path,
                        Optional.empty(),
                        false,
                        new Provenance.Program("test", null, null),
                        List.of("decompose", "it's.yaml")),
                new Silent());
        return path;
    }

    private static final class Silent implements DecompositionRun.Listener {
        @Override
        public void begin(long firstStep, long steps) {}

        @Override
        public void step(Trainer.Report report) {}
    }

    private static Census census(LoadedRun run) {
        return Census.of(
                run.decomposition(),
                run.task(),
                new Census.Settings(0.5, SEQUENCES, 8, WeightDelta.NONE));
    }

    @Test
    void showsWhatTheCensusAndTheCircuitSay() throws IOException {
        try (LoadedRun run = LoadedRun.open(run())) {
            Census census = census(run);
            Circuit circuit = Circuit.of(run.decomposition(), run.task(), census, SEQUENCES, 8);
            InductionPage addition = InductionPage.of(run, census, Optional.of(circuit));
            ReportData data = Report.of(run, census, List.of(addition));
            assertThat(data.origin())
                    .isEqualTo(new ReportData.Origin("run", "induction-fixed-after", 3, 3, 4));
            assertThat(data.metrics()).hasSize(3);
            assertThat(data.examples()).hasSize(4);
            assertThat(data.examples().getFirst().tokens())
                    .hasSize(64)
                    .startsWith("BOS")
                    .endsWith("s");
            assertThat(data.marks().orElseThrow().sequences()).isEqualTo(SEQUENCES);
            assertThat(addition.attention().orElseThrow().conditions())
                    .extracting(InductionPage.AttentionCondition::name)
                    .containsExactly("target", "without step 1", "without step 2");
            List<Integer> unique =
                    census.sites().values().stream().map(SiteCensus::unique).toList();
            assertThat(data.examples().getFirst().importances().values())
                    .extracting(List::size)
                    .isEqualTo(unique);
            assertThat(data.marks().orElseThrow().sites().values())
                    .extracting(site -> site.unique().size())
                    .isEqualTo(unique);
            assertThat(data.sites()).extracting(site -> site.unique().size()).isEqualTo(unique);
            assertThat(data.sites().stream().flatMap(site -> site.unique().stream()))
                    .allSatisfy(each ->
                            assertThat(length(each.reads()) * length(each.writes()))
                                    .isCloseTo(each.norm(), Offset.offset(1e-9)));
            assertThat(data.provenance()).containsEntry("subject.seed", "0");
            assertThat(data.commands()).contains("bin/cleave decompose 'it'\\''s.yaml'");
            Path page = Report.write(run, census, List.of(addition));
            assertThat(page).isEqualTo(run.directory().reportFile());
            assertThat(Files.readString(page)).contains(Markup.text(circuit.verdict().words()));
        }
    }

    private static double length(List<Double> vector) {
        return Math.sqrt(vector.stream().mapToDouble(value -> value * value).sum());
    }

    @Test
    void leavesOutWhatDoesNotApply() throws IOException {
        Path path = run("sites[0].pattern=V1");
        try (LoadedRun run = LoadedRun.open(path)) {
            Census census = census(run);
            Path page = Report.write(run, census, List.of(InductionPage.of(run, census)));
            assertThat(Files.readString(page))
                    .contains("does not apply to this run")
                    .doesNotContain(">paper<");
        }
    }
}
