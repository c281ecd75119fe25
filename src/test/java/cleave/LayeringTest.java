package cleave;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import cleave.tensor.Scopes;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LayeringTest {
    /// Each package may use those before it.
    static final List<String> PACKAGES =
            List.of(
                    "cleave.config",
                    "cleave.schedule",
                    "cleave.tensor",
                    "cleave.ranks",
                    "cleave.engine",
                    "cleave.model",
                    "cleave.subcomponent",
                    "cleave.importance",
                    "cleave.decomposition",
                    "cleave.mask",
                    "cleave.attribution",
                    "cleave.loss",
                    "cleave.training",
                    "cleave.reference",
                    "cleave.text",
                    "cleave.data",
                    "cleave.hub",
                    "cleave.run",
                    "cleave.analysis",
                    "cleave.verdict",
                    "cleave.harvest",
                    "cleave.explore",
                    "cleave.report",
                    "cleave.bench",
                    "cleave.sweep",
                    "cleave.command",
                    "cleave.study",
                    "cleave.study.facts",
                    "cleave.study.sports",
                    "cleave.study.toys",
                    "cleave.study.induction",
                    "cleave.cli");

    /// Those that take numbers and give numbers.
    private static final String[] MATHS = {
        "cleave.schedule",
        "cleave.engine",
        "cleave.model",
        "cleave.subcomponent",
        "cleave.importance",
        "cleave.decomposition",
        "cleave.mask",
        "cleave.attribution",
        "cleave.loss",
        "cleave.training",
        "cleave.reference"
    };

    static final JavaClasses CLASSES =
            new ClassFileImporter()
                    .withImportOption(new ImportOption.DoNotIncludeTests())
                    .importPackages("cleave");

    @Test
    void everyClassIsInAListedPackage() {
        check(classes().should().resideInAnyPackage(PACKAGES.toArray(String[]::new)));
    }

    @ParameterizedTest
    @MethodSource("packages")
    void aPackageUsesOnlyThoseBeforeIt(String name) {
        List<String> later = PACKAGES.subList(PACKAGES.indexOf(name) + 1, PACKAGES.size());
        check(
                noClasses()
                        .that()
                        .resideInAPackage(name)
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(later.toArray(String[]::new)));
    }

    private static Stream<String> packages() {
        return PACKAGES.stream();
    }

    @Test
    void packagesFormNoCycle() {
        check(slices().matching("cleave.(**)").should().beFreeOfCycles());
    }

    /// Studies are found as services, so that nothing has to name one.
    @Test
    void nothingOutsideTheStudiesKnowsOne() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage("cleave.study.*..")
                        .should()
                        .dependOnClassesThat()
                        .resideInAPackage("cleave.study.*.."));
    }

    /// A study is no part of another.
    @ParameterizedTest
    @MethodSource("studies")
    void aStudyKnowsNoOther(String study) {
        check(
                noClasses()
                        .that()
                        .resideInAPackage(study)
                        .should()
                        .dependOnClassesThat(
                                resideInAPackage("cleave.study.*..")
                                        .and(not(resideInAPackage(study)))));
    }

    private static Stream<String> studies() {
        return PACKAGES.stream().filter(name -> name.startsWith("cleave.study."));
    }

    @Test
    void mathsUsesNoFilesParsersOrLogs() {
        check(
                noClasses()
                        .that()
                        .resideInAnyPackage(MATHS)
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage(
                                "java.io..",
                                "java.nio.file..",
                                "java.util.logging..",
                                "org.slf4j..",
                                "tools.jackson..",
                                "com.fasterxml..",
                                "picocli.."));
    }

    @Test
    void mathsUsesNoStandardStreamsOrClock() {
        check(
                noClasses()
                        .that()
                        .resideInAnyPackage(MATHS)
                        .should()
                        .accessField(System.class, "out")
                        .orShould()
                        .accessField(System.class, "err")
                        .orShould()
                        .callMethod(System.class, "nanoTime")
                        .orShould()
                        .callMethod(System.class, "currentTimeMillis"));
    }

    @Test
    void mathsDrawsNothingFromJavaGenerators() {
        check(
                noClasses()
                        .that()
                        .resideInAnyPackage(MATHS)
                        .should()
                        .dependOnClassesThat()
                        .belongToAnyOf(Random.class, ThreadLocalRandom.class)
                        .orShould()
                        .callMethod(Math.class, "random"));
    }

    @Test
    void onlyTensorsAndEnginesKnowTheNativeLibrary() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages("cleave.tensor", "cleave.engine")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("org.bytedeco.."));
    }

    /// The bindings can also fetch a tokenizer; what surrounds them is not on the class path.
    @Test
    void onlyTextKnowsTheTokenizerLibraryAndNothingOfItThatFetches() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackage("cleave.text")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("ai.djl.."));
        check(
                noClasses()
                        .should()
                        .callMethod(
                                TokenizersLibrary.class,
                                "createTokenizer",
                                String.class,
                                String.class)
                        .orShould()
                        .dependOnClassesThat(
                                resideInAPackage("ai.djl..")
                                        .and(not(resideInAPackage("ai.djl.huggingface..jni")))));
        check(
                noClasses()
                        .that()
                        .resideInAPackage("cleave.text")
                        .should()
                        .dependOnClassesThat()
                        .resideInAnyPackage("java.net.http.."));
        assertThatExceptionOfType(ClassNotFoundException.class)
                .isThrownBy(() -> Class.forName("ai.djl.util.Ec2Utils"));
    }

    @Test
    void onlyOwnersOpenScopes() {
        check(
                noClasses()
                        .that()
                        .resideOutsideOfPackages(
                                "cleave.tensor",
                                "cleave.engine",
                                "cleave.training",
                                "cleave.analysis")
                        .should()
                        .dependOnClassesThat()
                        .belongToAnyOf(Scopes.Scope.class));
    }

    @Test
    void namesSayWhatAClassIs() {
        check(
                noClasses()
                        .should()
                        .haveNameMatching(".*[.$](Base|Abstract)[A-Z]\\w*")
                        .orShould()
                        .haveNameMatching(".*[.$]\\w*(Util|Helper|Manager)\\w*"));
    }

    /// A rule holds for packages that are still empty, too.
    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(CLASSES);
    }
}
