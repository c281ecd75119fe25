package cleave.study.facts;

import static java.util.stream.Collectors.counting;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.study.facts.FactTable.Sport;
import cleave.study.facts.Statement.About;
import cleave.text.R50k;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StatementTest {
    private static final FactTable TABLE = FactTable.shipped();
    private static final List<Statement> STATEMENTS = Statement.of(TABLE);
    private static final R50k TOKENS = new R50k();

    @Test
    void thereAreEnoughAthletesAsManyOfEachSport() {
        assertThat(TABLE.sports()).hasSizeGreaterThanOrEqualTo(6);
        assertThat(TABLE.sports().stream().map(Sport::sport)).contains("golf", "basketball");
        assertThat(TABLE.sports()).allSatisfy(sport -> assertThat(sport.athletes()).hasSize(9));
        assertThat(STATEMENTS.stream().map(Statement::subject))
                .contains("Kobe Bryant", "Tiger Woods");
    }

    @Test
    void aSentenceIsPromptAnswerAndRest() {
        Statement first = STATEMENTS.getFirst();
        assertThat(first.prompt()).isEqualTo("Kobe Bryant plays the sport of");
        assertThat(first.answer()).isEqualTo(" basketball");
        assertThat(first.text()).isEqualTo("Kobe Bryant plays the sport of basketball.");
        assertThat(STATEMENTS.stream().map(Statement::text))
                .contains(
                        "The most famous basketball player nicknamed the Black Mamba is Kobe Bryant.",
                        "Everybody knows the golfer from Cypress, Tiger Woods.",
                        "The capital of France is Paris.",
                        "The number after nineteen is twenty.")
                .noneMatch(text -> text.contains("{") || text.contains("}"))
                .allMatch(text -> text.endsWith("."))
                .doesNotHaveDuplicates();
    }

    @Test
    void aPromptHasOneAnswer() {
        Map<String, Set<String>> answers =
                STATEMENTS.stream()
                        .collect(
                                groupingBy(
                                        Statement::prompt,
                                        java.util.stream.Collectors.mapping(
                                                Statement::answer, toSet())));
        assertThat(answers.values()).allSatisfy(each -> assertThat(each).hasSize(1));
    }

    @Test
    void aSportIsOneToken() {
        assertThat(TABLE.sports())
                .allSatisfy(sport -> assertThat(TOKENS.encode(" " + sport.sport())).hasSize(1));
    }

    @Test
    void namesAreSeveralTokens() {
        assertThat(TABLE.sports().stream().flatMap(sport -> sport.athletes().stream()))
                .allSatisfy(
                        athlete -> assertThat(TOKENS.encode(athlete.name())).hasSizeGreaterThan(1));
    }

    @Test
    void anAnswerIsCutFromItsPromptAsAWhole() {
        for (Statement statement : STATEMENTS) {
            int[] joined =
                    IntStream.of(
                                    TOKENS.encode(statement.prompt()).length,
                                    TOKENS.encode(statement.answer()).length,
                                    TOKENS.encode(statement.rest()).length)
                            .toArray();
            int[] whole = TOKENS.encode(statement.text());
            assertThat(Arrays.stream(joined).sum()).as(statement.text()).isEqualTo(whole.length);
            assertThat(Arrays.copyOf(whole, joined[0]))
                    .as(statement.text())
                    .isEqualTo(TOKENS.encode(statement.prompt()));
        }
    }

    @Test
    void theAnswerIsNotInThePrompt() {
        assertThat(STATEMENTS.stream().filter(each -> each.about() != About.KNOWLEDGE))
                .allSatisfy(each -> {
                    Set<String> words = new HashSet<>(List.of(each.prompt().split("\\W+", -1)));
                    assertThat(words)
                            .as(each.text())
                            .doesNotContainAnyElementsOf(
                                    List.of(each.answer().strip().split("\\W+", -1)));
                });
    }

    @Test
    void aQuarterOfTheAthletesPhrasingsIsHeldOutAndEveryPhrasingIsTrainedOnOtherFacts() {
        Map<String, Long> heldOut =
                STATEMENTS.stream()
                        .filter(Statement::heldOut)
                        .collect(groupingBy(Statement::fact, counting()));
        assertThat(STATEMENTS)
                .allSatisfy(each ->
                        assertThat(heldOut.get(each.fact()))
                                .isEqualTo(each.about() == About.KNOWLEDGE ? 1 : 2));
        for (About about : About.values()) {
            int phrasings = about == About.KNOWLEDGE ? 6 : 8;
            Map<Integer, Long> trained =
                    STATEMENTS.stream()
                            .filter(each -> each.about() == about && !each.heldOut())
                            .collect(groupingBy(Statement::phrasing, counting()));
            assertThat(trained).hasSize(phrasings);
            assertThat(trained.values()).allMatch(count -> count > 30);
        }
    }

    @Test
    void whatIsHeldOutDependsOnTheFactAlone() {
        FactTable golfers =
                new FactTable(
                        TABLE.sports().subList(1, 2),
                        TABLE.forward(),
                        TABLE.attributes(),
                        TABLE.reverse(),
                        TABLE.knowledge().subList(4, 5));
        assertThat(STATEMENTS).containsAll(Statement.of(golfers));
    }

    @Test
    void aTableWithMistakesIsRefusedWithAllOfThem() {
        String yaml =
                """
                sports:
                  - sport: golf
                    player: golfer
                    athletes:
                      - {name: A B, home: X}
                      - {name: A C, home: X}
                forward: ["{name} plays"]
                attributes: {home: "from {home}", nickname: "nicknamed {nickname}"}
                reverse: ["the {player} {attribute} ({name})"]
                knowledge: [{topic: t, phrasings: ["{subject}: {answer} {answer}"], facts: {a: b}}]
                """;
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> FactTable.read("table", yaml))
                .withMessageContaining(
                        "sports[0].athletes[1].home must name one athlete of the sport, got X of A B and A C")
                .withMessageContaining("forward must hold {sport} once, got {name} plays")
                .withMessageContaining("reverse must hold the answer {name} after a space")
                .withMessageContaining("knowledge[0].phrasings must hold {answer} once");
    }
}
