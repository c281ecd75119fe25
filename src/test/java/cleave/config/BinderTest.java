package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BinderTest {
    @Test
    void bindsEveryKindOfComponent() {
        assertThat(bound(Sample.TEXT)).isEqualTo(Sample.VALUE);
    }

    @Test
    void bindsOptionalsEnumsAndNestedSchedules() {
        Sample sample =
                bound(
                        Sample.TEXT
                                .replace("causal: true", "causal: false\ndevice: cuda_graph")
                                .replace(
                                        "coefficient: 1000",
                                        "coefficient: {kind: warmup, steps: 5, then: 2}")
                                .replace("p: 2", "p: 0.5\n    epsilon: 1.0E-12"));

        assertThat(sample.causal()).isFalse();
        assertThat(sample.device()).contains(Sample.Device.CUDA_GRAPH);
        assertThat(sample.losses())
                .containsExactly(
                        new Sample.Loss.Faithfulness(
                                new Sample.Schedule.Warmup(5, new Sample.Schedule.Constant(2))),
                        new Sample.Loss.ImportanceMinimality(
                                new Sample.Schedule.Linear(1.0, 0.4), 0.5, Optional.of(1e-12)));
    }

    @Test
    void namesTheNearestKeyOfAnUnknownOneAndDoesNotCallThatMissing() {
        assertThat(problems("learning_rate", "lerning_rate"))
                .isEqualTo(
                        """
                        run.yaml:6 method.lerning_rate is not a known key
                          hint: did you mean learning_rate?\
                        """);
    }

    @Test
    void givesNoHintForAnUnknownKeyThatIsNearNothing() {
        assertThat(problems("causal: true", "causal: true\nbanana: 1"))
                .isEqualTo("run.yaml:5 banana is not a known key");
    }

    @Test
    void refusesAKeyOfAnotherKind() {
        assertThat(problems("coefficient: 1000", "coefficient: 1000\n    epsilon: 1"))
                .isEqualTo("run.yaml:11 losses[0].epsilon is not a known key");
    }

    @Test
    void namesAMissingKeyAndWhatItWouldBe() {
        assertThat(problems("  learning_rate: 1e-3\n", ""))
                .isEqualTo("run.yaml:5 method.learning_rate is missing (a number > 0)");
        assertThat(problems("    p: 2\n", ""))
                .isEqualTo("run.yaml:11 losses[1].p is missing (a number > 0 and <= 2)");
        assertThat(problems("causal: true\n", ""))
                .isEqualTo("run.yaml:1 causal is missing (true or false)");
    }

    /// One value of the sample replaced, and the whole report.
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "steps: 300 | steps: abc | 1 steps must be a whole number, got \"abc\"",
                "steps: 300 | steps: 1.5 | 1 steps must be a whole number, got 1.5",
                "steps: 300 | steps: 1e3 | 1 steps must be a whole number, got 1e3",
                "steps: 300 | steps: \"3\" | 1 steps must be a whole number, got \"3\" HINT remove the quotes",
                "steps: 300 | steps: 3_000 | 1 steps must be a whole number, got \"3_000\" HINT write 3000",
                "steps: 300 | steps: 0x1F | 1 steps must be a whole number, got \"0x1F\"",
                "steps: 300 | steps: [3] | 1 steps must be a whole number, got a list",
                "steps: 300 | steps: | 1 steps must be a whole number, got nothing",
                "steps: 300 | steps: 0 | 1 steps must be >= 1, got 0",
                "steps: 300 | steps: 3000000000 | 1 steps must be a whole number from -2147483648 to 2147483647, got 3000000000",
                "seed: 5000000000 | seed: 9223372036854775808 | 2 seed must be a whole number from -9223372036854775808 to 9223372036854775807, got 9223372036854775808",
                "name: induction | name: 5 | 3 name must be text, got 5 HINT write \"5\" with the quotes",
                "name: induction | name: ~ | 3 name must be text, got nothing",
                "causal: true | causal: yes | 4 causal must be true or false, got \"yes\" HINT write true",
                "causal: true | causal: Off | 4 causal must be true or false, got \"Off\" HINT write false",
                "causal: true | causal: 'true' | 4 causal must be true or false, got \"true\" HINT remove the quotes",
                "causal: true | causal: 1 | 4 causal must be true or false, got 1",
                "causal: true | causal: true\\ndevice: cdu | 5 device must be one of cpu, cuda_graph, got \"cdu\" HINT did you mean cpu?",
                "causal: true | causal: true\\ndevice: | 5 device must be one of cpu, cuda_graph, got nothing",
                "rate: 1e-3 | rate: -1e-3 | 6 method.learning_rate must be > 0, got -1e-3",
                "rate: 1e-3 | rate: .nan | 6 method.learning_rate must be a finite number, got .nan",
                "rate: 1e-3 | rate: -.inf | 6 method.learning_rate must be a finite number, got -.inf",
                "rate: 1e-3 | rate: 1e999 | 6 method.learning_rate must be a finite number, got 1e999",
                "rate: 1e-3 | rate: NaN | 6 method.learning_rate must be a number, got \"NaN\"",
                "0.999] | 1.5] | 7 method.betas[1] must be between 0 and 1, got 1.5",
                "[0.9, 0.999] | 0.9 | 7 method.betas must be a list, got 0.9",
                "40 | 0 | 15 subcomponents.Q0 must be >= 1, got 0",
                "attn\": 8 | attn\": x | 16 subcomponents.\"h.*.attn\" must be a whole number, got \"x\"",
                "kind: faithfulness | kind: faithfullness | 9 losses[0].kind must be one of faithfulness, importance_minimality, got \"faithfullness\" HINT did you mean faithfulness?",
                "kind: faithfulness | kind: [] | 9 losses[0].kind must be one of faithfulness, importance_minimality, got a list",
                "coefficient: 1000 | coefficient: -1.0 | 10 losses[0].coefficient must be >= 0, got -1.0",
                "coefficient: 1000 | coefficient: high | 10 losses[0].coefficient must be a number or a mapping with kind, got \"high\"",
                "coefficient: 1000 | coefficient: {value: 1} | 10 losses[0].coefficient.kind is missing (one of constant, linear, warmup)",
                "to: 0.4 | to: -0.4 | 12 losses[1].coefficient.to must be >= 0, got -0.4",
                "to: 0.4 | to: 1.0 | 12 losses[1].coefficient: from must differ from to, got 1.0",
                "[0.9, 0.999] | [0.9] | 7 method.betas must have 2 numbers, got 1",
                "[0.9, 0.999] | [0.9, 0.8] | 7 method.betas[1] must be >= betas[0], got 0.8 HINT swap them",
            })
    void reports(String from, String to, String expected) {
        String report = problems(from, to.replace("\\n", "\n"));

        assertThat(report).isEqualTo("run.yaml:" + expected.replace(" HINT ", "\n  hint: "));
    }

    @ParameterizedTest
    @ValueSource(strings = {"~", "null"})
    void whatMayBeAbsentCanBeLeftOutByName(String nothing) {
        String text = Sample.TEXT.replace("causal: true", "causal: true\ndevice: " + nothing);

        assertThat(Binder.read("run.yaml", text, List.of(), Sample.class).device()).isEmpty();
        assertThat(
                        Binder.read(
                                        "run.yaml",
                                        Sample.TEXT.replace(
                                                "causal: true", "causal: true\ndevice: cpu"),
                                        List.of("device=" + nothing),
                                        Sample.class)
                                .device())
                .isEmpty();
    }

    @Test
    void refusesAnEmptyList() {
        String text = Sample.TEXT.replaceAll("(?s)losses:.*sub", "losses: []\nsub");

        assertThat(report(text)).isEqualTo("run.yaml:8 losses must not be empty");
    }

    @Test
    void refusesAnEmptyFile() {
        assertThat(report("# nothing\n")).isEqualTo("run.yaml:1 must be a mapping, got nothing");
    }

    @Test
    void reportsEverythingAtOnceInTheOrderOfTheLines() {
        String text =
                """
                step: 300
                seed: x
                method: fast
                losses:
                  - kind: faithfulnes
                    coefficient: -1
                  - coefficient: 2
                  - kind: importance_minimality
                    coefficient: {kind: linear, from: -1, to: -1}
                    p: 3
                    q: 4
                subcomponents: {Q0: 0, Q0: 1}
                """;

        assertThat(report(text))
                .isEqualTo(
                        """
                        run.yaml:1 step is not a known key
                          hint: did you mean steps?
                        run.yaml:1 name is missing (text)
                        run.yaml:1 causal is missing (true or false)
                        run.yaml:2 seed must be a whole number, got "x"
                        run.yaml:3 method must be a mapping, got "fast"
                        run.yaml:5 losses[0].kind must be one of faithfulness, importance_minimality,\
                         got "faithfulnes"
                          hint: did you mean faithfulness?
                        run.yaml:7 losses[1].kind is missing (one of faithfulness, importance_minimality)
                        run.yaml:9 losses[2].coefficient.from must be >= 0, got -1
                        run.yaml:9 losses[2].coefficient.to must be >= 0, got -1
                        run.yaml:10 losses[2].p must be > 0 and <= 2, got 3
                        run.yaml:11 losses[2].q is not a known key
                        run.yaml:12 subcomponents.Q0 is given twice, first on line 12
                        run.yaml:12 subcomponents.Q0 must be >= 1, got 0\
                        """);
    }

    @Test
    void checksAcrossKeysEvenWhenOtherKeysAreWrong() {
        String text = Sample.TEXT.replace("300", "-3").replace("[0.9, 0.999]", "[0.9]");

        assertThat(report(text))
                .isEqualTo(
                        """
                        run.yaml:1 steps must be >= 1, got -3
                        run.yaml:7 method.betas must have 2 numbers, got 1\
                        """);
    }

    @Test
    void carriesTheProblemsOneByOne() {
        InvalidConfig invalid = invalid("steps: 1\nname: 3\n");

        assertThat(invalid.problems())
                .contains(
                        new Problem(
                                "run.yaml:2",
                                "name must be text, got 3",
                                Optional.of("write \"3\" with the quotes")));
    }

    @Test
    void reportsOnTheNearestLineWhenACheckedKeyIsAbsent() {
        record Inner(Optional<Integer> batch) implements Checked {
            @Override
            public void check(Problems problems) {
                problems.add("batch", "must be given");
                problems.add("", "must be better");
            }
        }
        record Outer(int a, Inner inner) {}

        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> Binder.read("f", "a: 1\ninner: {}\n", List.of(), Outer.class))
                .withMessage("f:2 inner.batch must be given\nf:2 inner must be better");
    }

    record Fraction(int over, int under) {
        @FromScalar
        static Fraction parsed(String text) {
            List<Integer> parts = Arrays.stream(text.split("/", -1)).map(Integer::valueOf).toList();
            if (parts.size() != 2) {
                throw new IllegalArgumentException("must have the form a/b, got " + text);
            }
            return new Fraction(parts.get(0), parts.get(1));
        }
    }

    record Fractions(List<Fraction> all) {}

    @Test
    void readsARecordFromTextOrFromAMapping() {
        assertThat(Binder.read("f", "all: [1/2, {over: 3, under: 4}]", List.of(), Fractions.class))
                .isEqualTo(new Fractions(List.of(new Fraction(1, 2), new Fraction(3, 4))));
        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> Binder.read("f", "all: [1/2/3, 7]", List.of(), Fractions.class))
                .withMessage(
                        """
                        f:1 all[0]: must have the form a/b, got 1/2/3
                        f:1 all[1] must be text or a mapping, got 7
                          hint: write "7" with the quotes\
                        """);
    }

    record Share(double value) {
        Share {
            if (value > 1) {
                throw new IllegalArgumentException("must be a share, got " + value);
            }
        }

        @FromScalar
        static Share of(double value) {
            return new Share(value);
        }
    }

    @Test
    void doesNotRepeatAMistakeByConstructing() {
        record Whole(@AtMost(1) Share share, Share other) {}

        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> Binder.read("f", "share: 2\nother: 3", List.of(), Whole.class))
                .withMessage("f:1 share must be <= 1, got 2\nf:2 other: must be a share, got 3.0");
    }

    @Test
    void refusesBlankTextAndEmptyMapsButLooksNotInside() {
        record Names(
                @NotEmpty String name,
                @NotEmpty Map<String, Long> map,
                @NotEmpty List<String> list) {}

        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() ->
                        Binder.read("f", "name: ' '\nmap: {}\nlist: ['']", List.of(), Names.class))
                .withMessage("f:1 name must not be empty\nf:2 map must not be empty");
    }

    @Test
    void callsATypeItCannotBindABug() {
        record Wrong(OptionalInt value) {}

        assertThatIllegalStateException()
                .isThrownBy(() -> Binder.read("f", "value: 1", List.of(), Wrong.class))
                .withMessage("a configuration cannot hold java.util.OptionalInt");
    }

    @Test
    void writesWhatItReadsBack() {
        String written = YamlTree.write(Binder.toTree(Sample.VALUE));

        assertThat(bound(written)).isEqualTo(Sample.VALUE);
        assertThat(
                        written.lines()
                                .filter(line -> !line.contains("Q0"))
                                .filter(line -> !line.contains("h.*"))
                                .collect(Collectors.joining("\n")))
                .isEqualTo(
                        """
                        steps: 300
                        seed: 5000000000
                        name: induction
                        causal: true
                        method:
                          learning_rate: 0.001
                          betas: [0.9, 0.999]
                        losses:
                          - kind: faithfulness
                            coefficient: 1000.0
                          - kind: importance_minimality
                            coefficient:
                              kind: linear
                              from: 1.0
                              to: 0.4
                            p: 2.0
                        subcomponents:\
                        """);
    }

    private static Sample bound(String text) {
        return Binder.read("run.yaml", text, List.of(), Sample.class);
    }

    private static String problems(String from, String to) {
        assertThat(Sample.TEXT).contains(from);
        return report(Sample.TEXT.replace(from, to));
    }

    private static String report(String text) {
        return String.valueOf(invalid(text).getMessage());
    }

    private static InvalidConfig invalid(String text) {
        return catchThrowableOfType(InvalidConfig.class, () -> bound(text));
    }
}
