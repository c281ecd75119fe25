package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Names on disk, names of older files, and defaults.
class NamesTest {
    enum Device {
        @Name("processor")
        @Formerly({"cpu", "host"})
        CPU,
        GPU
    }

    sealed interface Term {
        @Name("weights")
        @Formerly("faithful")
        record Faithfulness(@AtLeast(0) @Default("1.5") double coefficient) implements Term {}

        record Usage(double coefficient) implements Term {}
    }

    record Machine(
            @AtLeast(1) @Default("2") int workers, @Default("16") @Formerly("chunk") int slice) {}

    record File(
            @Name("lr") @Formerly({"learning_rate", "rate"}) double learningRate,
            @Default("processor") Device device,
            @Default("[{kind: weights}]") List<Term> terms,
            @Default("{workers: 3}") Machine machine,
            Optional<Machine> spare) {}

    private static final String COMPLETE =
            """
            lr: 0.1
            device: processor
            terms:
              - kind: weights
                coefficient: 1.5
            machine:
              workers: 3
              slice: 16
            """;

    private final List<Problem> notes = new ArrayList<>();

    @Test
    void aShortFileHasEveryDefaultAndIsWrittenInFull() {
        File file = read("lr: 0.1");

        assertThat(file)
                .isEqualTo(
                        new File(
                                0.1,
                                Device.CPU,
                                List.of(new Term.Faithfulness(1.5)),
                                new Machine(3, 16),
                                Optional.empty()));
        assertThat(YamlTree.write(Binder.toTree(file))).isEqualTo(COMPLETE);
        assertThat(read(COMPLETE)).isEqualTo(file);
        assertThat(notes).isEmpty();
    }

    @Test
    void aTildeStandsForTheDefault() {
        assertThat(read("lr: 0.1\nmachine: ~")).isEqualTo(read("lr: 0.1"));
        assertThat(read("lr: 0.1\ndevice: gpu", "device=~")).isEqualTo(read("lr: 0.1"));
        assertThat(report("lr: 0.1\nmachine:"))
                .isEqualTo("f:2 machine must be a mapping, got nothing");
    }

    @Test
    void aKeyThatIsGivenHasTheDefaultsOfItsRecordAndNotItsOwn() {
        assertThat(read("lr: 0.1\nmachine: {slice: 5}").machine()).isEqualTo(new Machine(2, 5));
    }

    @Test
    void aSettingWithinAnAbsentKeyChangesItsDefault() {
        assertThat(read("lr: 0.1", "machine.slice=5").machine()).isEqualTo(new Machine(3, 5));
        assertThat(read("lr: 0.1", "terms[0].coefficient=7").terms())
                .containsExactly(new Term.Faithfulness(7));
        assertThat(read("lr: 0.1", "spare.slice=5").spare()).contains(new Machine(2, 5));
    }

    @Test
    void olderNamesAreReadAndNotedWithTheNamesOfToday() {
        File file =
                read(
                        """
                        learning_rate: 0.1
                        device: host
                        terms: [{kind: faithful, coefficient: 1.5}]
                        machine: {workers: 3, chunk: 16}
                        """);

        assertThat(file).isEqualTo(read(COMPLETE));
        assertThat(notes)
                .map(Problem::toString)
                .containsExactly(
                        "f:1 learning_rate is called lr now",
                        "f:2 device host is called processor now",
                        "f:3 terms[0].kind faithful is called weights now",
                        "f:4 machine.chunk is called slice now");
    }

    @Test
    void aKeyUnderTwoOfItsNamesIsRefusedWithBoth() {
        assertThat(report("rate: 0.1\nlr: 0.1\nmachine: {chunk: 1, slice: 1}"))
                .isEqualTo(
                        """
                        f:1 rate must not be given beside lr, another name of the same key
                        f:3 machine.chunk must not be given beside slice, another name of the same key\
                        """);
        assertThat(report("rate: 0.1\nlr: 0.1", "lr=3"))
                .isEqualTo("f:1 rate must not be given beside lr, another name of the same key");
    }

    @Test
    void aSettingReplacesAKeyUnderWhateverNameItHas() {
        assertThat(read("rate: 0.1", "lr=3").learningRate()).isEqualTo(3);
        assertThat(read("lr: 0.1", "rate=3").learningRate()).isEqualTo(3);
        assertThat(read("lr: 0.1\nmachine: {chunk: 9}", "machine.slice=4").machine())
                .isEqualTo(new Machine(2, 4));
        assertThat(read("lr: 0.1\nterms: [{kind: faithful}]", "terms[0].coefficient=4").terms())
                .containsExactly(new Term.Faithfulness(4));
    }

    @Test
    void aMisspeltNameMeansTheOneOfTodayEvenWhenNearAnOlderOne() {
        assertThat(report("learning_rat: 0.1\ndevice: hots\nterms: [{kind: faithfull}]"))
                .isEqualTo(
                        """
                        f:1 learning_rat is not a known key
                          hint: did you mean lr?
                        f:2 device must be one of processor, gpu, got "hots"
                          hint: did you mean processor?
                        f:3 terms[0].kind must be one of weights, usage, got "faithfull"
                          hint: did you mean weights?\
                        """);
    }

    @Test
    void theJavaNameIsNotAKeyWhereAnotherIsGiven() {
        record Only(@Name("lr") double learningRate) {}

        assertThatExceptionOfType(InvalidConfig.class)
                .isThrownBy(() -> Binder.read("f", "learning_rate: 1", List.of(), Only.class))
                .withMessage("f:1 learning_rate is not a known key\nf:1 lr is missing (a number)");
    }

    @Test
    void anOlderFileIsNoChange() {
        File file = read("lr: 0.1");
        YamlTree.Node old =
                YamlTree.parse("old", "rate: 0.1\nterms: [{kind: faithful}]\nspare: {slice: 1}");

        assertThat(Diff.changedKeys(old, file))
                .map(Diff.Change::toString)
                .containsExactly("spare: {workers: 2, slice: 1} -> absent");
    }

    @Test
    void keysHaveTheirNamesOnDiskAndTheirDefaults() {
        assertThat(Keys.of(File.class))
                .filteredOn(key -> key.kinds().isEmpty())
                .map(key -> key.path() + " " + key.standard().orElse("-") + " " + key.optional())
                .containsExactly(
                        "lr - false",
                        "device processor true",
                        "terms [{kind: weights}] true",
                        "machine {workers: 3} true",
                        "machine.workers 2 true",
                        "machine.slice 16 true",
                        "spare - true",
                        "spare.workers 2 true",
                        "spare.slice 16 true");
        assertThat(Keys.of(File.class))
                .filteredOn(key -> key.path().equals("terms[].kind"))
                .map(Keys.Key::kinds)
                .containsExactly(List.of("terms[].kind: weights"), List.of("terms[].kind: usage"));
    }

    @Test
    void aDefaultThatDoesNotBindIsOurMistake() {
        record Low(@AtLeast(1) @Default("0") int steps) {}
        record Wrong(@Default("{kind: faithful, weight: 1}") Term term) {}

        assertThatIllegalStateException()
                .isThrownBy(() -> Binder.read("f", "{}", List.of(), Low.class))
                .withMessage(
                        "the default of a key must bind, got default of steps:1 steps must be >= 1, got 0");
        assertThatIllegalStateException()
                .isThrownBy(() -> Keys.of(Wrong.class))
                .withMessageContaining("term.weight is not a known key");
    }

    @Test
    void twoComponentsOfOneNameAreOurMistake() {
        record Twice(@Name("a") int first, @Formerly("a") int second) {}
        record Both(@Default("1") Optional<Integer> value) {}

        assertThatIllegalStateException()
                .isThrownBy(() -> Binder.read("f", "a: 1", List.of(), Twice.class))
                .withMessageEndingWith("must differ, got two a");
        assertThatIllegalStateException()
                .isThrownBy(() -> Binder.read("f", "value: 1", List.of(), Both.class))
                .withMessageStartingWith("an Optional must have no default");
    }

    private File read(String text, String... settings) {
        return Binder.read("f", text, List.of(settings), File.class, Kinds.core(), notes::add);
    }

    private String report(String text, String... settings) {
        try {
            return "no problem: " + read(text, settings);
        } catch (InvalidConfig invalid) {
            return String.valueOf(invalid.getMessage());
        }
    }
}
