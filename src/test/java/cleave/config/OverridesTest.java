package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.YamlTree.Node;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OverridesTest {
    @Test
    void changesScalarsListsMappingsAndItems() {
        Sample sample =
                read(
                        "steps=7",
                        "name=other",
                        "method.betas=[0.5, 0.6]",
                        "losses[0].coefficient={kind: linear, from: 1.0, to: 0.4}",
                        "losses[1].coefficient.to=0.2",
                        "subcomponents.\"h.*.attn\"=9");

        assertThat(sample.steps()).isEqualTo(7);
        assertThat(sample.name()).isEqualTo("other");
        assertThat(sample.method().betas()).containsExactly(0.5, 0.6);
        assertThat(sample.losses())
                .containsExactly(
                        new Sample.Loss.Faithfulness(new Sample.Schedule.Linear(1.0, 0.4)),
                        new Sample.Loss.ImportanceMinimality(
                                new Sample.Schedule.Linear(1.0, 0.2), 2, Optional.empty()));
        assertThat(sample.subcomponents()).containsEntry("h.*.attn", 9);
    }

    @Test
    void setsAnAbsentOptionalKey() {
        assertThat(read("device=cpu").device()).contains(Sample.Device.CPU);
    }

    @Test
    void letsTheLaterSettingCount() {
        assertThat(read("steps=7", "steps=8").steps()).isEqualTo(8);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "steos=3 | steos is not a known key HINT did you mean steps?",
                "method.lerning_rate=3 | method.lerning_rate is not a known key HINT did you mean learning_rate?",
                "metod.betas=[0.5] | metod is not a known key HINT did you mean method?",
                "steps=abc | steps must be a whole number, got \"abc\"",
                "steps= | steps must be a whole number, got nothing",
                "losses[1].coefficient=-1.0 | losses[1].coefficient must be >= 0, got -1.0",
                "losses[0].coefficient={kind: linear, from: -1} | losses[0].coefficient.from must be >= 0, got -1\\n--set losses[0].coefficient.to is missing (a number >= 0)",
                "method.betas[1]=0.1 | method.betas[1] must be >= betas[0], got 0.1 HINT swap them",
                "losses[2].p=1 | losses[2].p leads nowhere: losses has 2 items, the first is [0]",
                "losses.p=1 | losses.p leads nowhere: losses is a list",
                "steps.x=1 | steps.x leads nowhere: steps is 300",
                "[0]=1 | [0] leads nowhere: the top is a mapping",
                "steps | must have the form key.path=value, got \"steps\"",
                "a..b=1 | must have the form key.path=value, got \"a..b=1\"",
                ".a=1 | must have the form key.path=value, got \".a=1\"",
                "=1 | must have the form key.path=value, got \"=1\"",
                "method.betas=[1, 2 | method.betas is not YAML: while parsing a flow sequence, expected ',' or ']', but got <stream end>",
                "subcomponents={Q0: 1, Q0: 2} | subcomponents.Q0 is given twice",
            })
    void obeysTheRulesOfTheFile(String setting, String expected) {
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> read(setting))
                .withMessage(
                        "--set " + expected.replace(" HINT ", "\n  hint: ").replace("\\n", "\n"));
    }

    @Test
    void isReportedTogetherWithTheFileAndAfterIt() {
        String text = Sample.TEXT.replace("seed: 5000000000", "seed: 1.5");

        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() ->
                        Binder.read(
                                "run.yaml",
                                text,
                                List.of("steps=0", "losses[7].p=1"),
                                Sample.class))
                .withMessage(
                        """
                        run.yaml:2 seed must be a whole number, got 1.5
                        --set losses[7].p leads nowhere: losses has 2 items, the first is [0]
                        --set steps must be >= 1, got 0\
                        """);
    }

    @Test
    void leavesTheOriginalTreeAsItIs() {
        Node before = YamlTree.parse("f", "a: {b: 1}");

        Node after = Overrides.apply(before, List.of("a.b=2"));

        assertThat(before).isEqualTo(YamlTree.parse("f", "a: {b: 1}"));
        assertThat(Diff.changedKeys(before, after)).hasToString("[a.b: 1 -> 2]");
    }

    private static Sample read(String... settings) {
        return Binder.read("run.yaml", Sample.TEXT, Arrays.asList(settings), Sample.class);
    }
}
