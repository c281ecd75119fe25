package cleave.study.facts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.AnswerEffect;
import cleave.analysis.Change;
import cleave.analysis.Concept;
import cleave.analysis.Concept.Active;
import cleave.analysis.Concept.Kind;
import cleave.analysis.HandmadeSports;
import cleave.analysis.HandmadeSports.Off;
import cleave.analysis.HandmadeSports.Part;
import cleave.analysis.QuestionGroup;
import cleave.analysis.SubcomponentId;
import cleave.analysis.TextRun;
import cleave.config.UserError;
import cleave.model.Sentence;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.study.facts.FactEffects.FactEffect;
import cleave.study.facts.Statement.About;
import cleave.tensor.Scopes;
import cleave.text.R50k;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Facts of a target whose logits are worked out by `HandmadeSports`.
class FactEffectsTest {
    private static final Offset<Double> ROUNDING = within(1e-5);

    /// Part 0 is golf of Ann and Bob, 1 tennis of Cid, 2 the reverse question, 3 a little tennis
    /// after everything and active only at the word itself, 4 golf of Dan, 5 the end of the text
    /// after everything and never active.
    private static final Part[] PARTS = {
        part(List.of(HandmadeSports.ANN, HandmadeSports.BOB), HandmadeSports.GOLF, 1),
        part(List.of(HandmadeSports.CID), HandmadeSports.TENNIS, 3),
        part(List.of(HandmadeSports.GOLF), HandmadeSports.ANN, 3),
        new Part(
                List.of(HandmadeSports.PLAYS),
                HandmadeSports.TENNIS,
                0.2,
                List.of(HandmadeSports.TENNIS)),
        part(List.of(HandmadeSports.DAN), HandmadeSports.GOLF, 3),
        new Part(List.of(HandmadeSports.PLAYS), HandmadeSports.END, 0.8, List.of()),
    };

    private static final Statement ANN =
            statement(About.FORWARD, "golf", "Ann", 0, "Ann plays", " golf");
    private static final Statement CID =
            statement(About.FORWARD, "tennis", "Cid", 0, "Cid plays", " tennis");
    private static final List<Statement> ALL =
            List.of(
                    ANN,
                    statement(About.FORWARD, "golf", "Ann", 1, "Ann Ann plays", " golf"),
                    statement(About.FORWARD, "golf", "Bob", 0, "Bob plays", " golf"),
                    statement(About.FORWARD, "golf", "Dan", 0, "Dan plays", " golf"),
                    CID,
                    statement(About.FORWARD, "tennis", "Cid", 1, "plays Cid plays", " tennis"),
                    statement(About.FORWARD, "tennis", "Eve", 0, "tennis plays", " tennis"),
                    statement(About.REVERSE, "golf", "Ann", 0, "golf plays", " Ann"),
                    statement(
                            About.REVERSE, "golf", "Ann", 1, "Bob Bob Bob Bob golf plays", " Ann"),
                    statement(About.REVERSE, "tennis", "Cid", 0, "Dan plays", " Cid"),
                    new Statement(
                            About.KNOWLEDGE, "t", "t", "t", 0, "Bob plays", " tennis", "", true));

    private static Part part(List<Integer> reads, int writes, double strength) {
        return new Part(reads, writes, strength, reads);
    }

    private static Statement statement(
            About about, String topic, String subject, int phrasing, String prompt, String answer) {
        return new Statement(about, topic, subject, subject, phrasing, prompt, answer, "", false);
    }

    private static void with(Consumer<HandmadeSports> test) {
        Scopes.run(() -> {
            try (HandmadeSports made = new HandmadeSports(PARTS)) {
                test.accept(made);
            }
        });
    }

    /// Other prompts, on which part 3 alone is active.
    private static TextTask others() {
        return new TextTask(
                "others",
                List.of(
                        Sentence.of(
                                List.of(HandmadeSports.TENNIS, HandmadeSports.PLAYS),
                                Sentence.UNKNOWN)),
                2,
                LossesAt.LAST,
                0);
    }

    private static FactEffects effects(HandmadeSports made, Change.At at, Statement... asked) {
        List<Neighbours> facts = new ArrayList<>();
        List.of(asked).forEach(each -> facts.add(Neighbours.of(ALL, each)));
        List<FactEffect> heard = new ArrayList<>();
        FactEffects effects =
                FactEffects.of(
                        made.decomposition(),
                        facts,
                        made,
                        others(),
                        new Concept.Settings(0.5, 4, at, List.of(), 1, 2),
                        true,
                        heard::add);
        assertThat(heard).isEqualTo(effects.facts());
        return effects;
    }

    private static double golf(HandmadeSports made, Off off, int... tokens) {
        return made.probabilities(off, tokens)[HandmadeSports.GOLF];
    }

    /// Without part 0:
    ///
    /// - "Ann plays" and its paraphrase turn from golf (logit 5) to the end of the text (4)
    /// - of the sport's others Bob turns too and Dan does not; Cid and Eve of the other sport do
    ///   not: specificity 3 / 4
    /// - "golf plays" is answered by part 2 alone; after four times Bob golf (4 x 10 / 6) is above
    ///   Ann (30 / 6), and no more without part 0: a half
    /// - the other text has three positions, "Bob", "Bob plays" and the sport after it
    ///
    /// Of norms 1.41 (part 0), 3, 3, 0.2, 3 and 0.8, part 3 is the only one active elsewhere, and
    /// part 5 the only inactive one within a factor of 2. The largest singular direction of W is
    /// what writes golf: parts 0 and 4 together, of size sqrt(1 + 1 + 9).
    @Test
    void aFactsFiguresAreThoseWorkedOutByHand() {
        with(made -> {
            FactEffect ann = effects(made, Change.At.EVERYWHERE, ANN).facts().getFirst();
            int[] prompt = {HandmadeSports.ANN, HandmadeSports.PLAYS};
            Off own = Off.everywhere(0);
            double before = golf(made, Off.NONE, prompt);
            // e^5 against e^1, e^4 and five tokens at 0.
            assertThat(before)
                    .isCloseTo(
                            Math.exp(5) / (Math.exp(5) + Math.exp(1) + Math.exp(4) + 5),
                            within(1e-12));
            double after = golf(made, own, prompt);

            assertThat(ann.athlete()).isEqualTo("Ann");
            assertThat(ann.sport()).isEqualTo("golf");
            assertThat(ann.active()).isEqualTo(1);
            assertThat(ann.chosen()).isEqualTo(1);
            assertThat(ann.before()).isCloseTo(before, ROUNDING);
            assertThat(ann.after()).isCloseTo(after, ROUNDING);
            assertThat(ann.fall()).isCloseTo(before / after, within(1e-3));
            assertThat(ann.paraphrases()).isZero();
            assertThat(ann.sameSport()).isEqualTo(0.5);
            assertThat(ann.otherSports()).isEqualTo(1);
            assertThat(ann.specificity()).isEqualTo(0.75);
            assertThat(ann.reverse()).isEqualTo(0.5);
            assertThat(ann.sideEffect())
                    .isCloseTo(
                            (made.kl(own, HandmadeSports.BOB)
                                            + made.kl(own, HandmadeSports.BOB, HandmadeSports.PLAYS)
                                            + made.kl(
                                                    own,
                                                    HandmadeSports.BOB,
                                                    HandmadeSports.PLAYS,
                                                    HandmadeSports.TENNIS))
                                    / 3,
                            ROUNDING);
            assertThat(ann.elsewhere())
                    .isCloseTo(
                            Math.abs(golf(made, Off.everywhere(3), prompt) / before - 1), ROUNDING);
            assertThat(ann.inactive())
                    .isCloseTo(
                            Math.abs(golf(made, Off.everywhere(5), prompt) / before - 1), ROUNDING);
            assertThat(ann.singular()).isCloseTo(1 - after / before, ROUNDING);
        });
    }

    /// Part 1 is read by Cid alone. What may stand in its place at "Cid plays" (parts 2 and 4, of
    /// its norm) and the singular direction of golf do nothing there, part 3 a little.
    @Test
    void theSummaryIsOverAllFacts() {
        with(made -> {
            FactEffects effects = effects(made, Change.At.EVERYWHERE, ANN, CID);
            FactEffect ann = effects.facts().getFirst();
            FactEffect cid = effects.facts().getLast();
            assertThat(cid.sport()).isEqualTo("tennis");
            assertThat(cid.specificity()).isEqualTo(1);
            assertThat(cid.sideEffect()).isCloseTo(0, ROUNDING);
            assertThat(cid.inactive()).isCloseTo(0, ROUNDING);
            assertThat(cid.singular()).isCloseTo(0, ROUNDING);
            assertThat(cid.elsewhere()).isPositive();

            FactEffects.Summary summary = effects.summary();
            assertThat(summary.facts()).isEqualTo(2);
            // Between two numbers a and b along a line: the middle, and a quarter from either.
            assertThat(summary.specificity().median()).isEqualTo(0.875);
            assertThat(summary.specificity().lower()).isEqualTo(0.8125);
            assertThat(summary.specificity().upper()).isEqualTo(0.9375);
            assertThat(summary.wholly()).isEqualTo(0.5);
            assertThat(summary.reverse().median()).isEqualTo(0.75);
            assertThat(summary.reverseWholly()).isEqualTo(0.5);
            assertThat(summary.fall().median())
                    .isCloseTo((ann.fall() + cid.fall()) / 2, within(1e-9));
            assertThat(summary.chosen().upper()).isEqualTo(1);
        });
    }

    /// Part 0 reads Ann and Bob, but is active at Ann alone: where masks change only at active
    /// positions, what Bob says stays.
    @Test
    void atActivePositionsTheRestOfASubcomponentStays() {
        Part[] parts = PARTS.clone();
        parts[0] =
                new Part(
                        PARTS[0].reads(),
                        HandmadeSports.GOLF,
                        1,
                        List.of(HandmadeSports.ANN, HandmadeSports.DAN));
        Scopes.run(() -> {
            try (HandmadeSports made = new HandmadeSports(parts)) {
                int[] prompt = {HandmadeSports.ANN, HandmadeSports.BOB, HandmadeSports.PLAYS};
                Off active = Off.active(0, made.parts());
                Off everywhere = Off.everywhere(0);
                double before = golf(made, Off.NONE, prompt);
                QuestionGroup bob =
                        new QuestionGroup(
                                "Bob",
                                List.of(
                                        sentence(
                                                HandmadeSports.BOB,
                                                HandmadeSports.PLAYS,
                                                HandmadeSports.GOLF)),
                                LossesAt.ANSWER);
                for (Change.At at : Change.At.values()) {
                    Off off = at == Change.At.ACTIVE ? active : everywhere;
                    Concept concept =
                            Concept.of(
                                    made.decomposition(),
                                    sentence(
                                            HandmadeSports.ANN,
                                            HandmadeSports.BOB,
                                            HandmadeSports.PLAYS,
                                            HandmadeSports.GOLF),
                                    List.of(bob),
                                    List.of(bob),
                                    others(),
                                    new Concept.Settings(0.5, 4, at, List.of(), 1, 2));
                    assertThat(concept.active()).hasSize(1);
                    Active one = concept.active().getFirst();
                    assertThat(one.subcomponent())
                            .isEqualTo(new SubcomponentId(HandmadeSports.SITE, 0));
                    assertThat(one.positions()).containsExactly(0);
                    assertThat(one.effect())
                            .isCloseTo(Math.log(golf(made, off, prompt) / before), ROUNDING);
                    assertThat(concept.before()).isCloseTo(before, ROUNDING);
                    // All three ways are said, whichever was asked for.
                    assertThat(concept.after().active())
                            .isCloseTo(golf(made, active, prompt), ROUNDING);
                    assertThat(concept.after().everywhere())
                            .isCloseTo(golf(made, everywhere, prompt), ROUNDING);
                    assertThat(concept.after().edited())
                            .isCloseTo(golf(made, everywhere, prompt), ROUNDING);
                    assertThat(concept.effects().getFirst().after())
                            .isCloseTo(golf(made, off, prompt), ROUNDING);
                    // At Bob it is not active, so that only the change everywhere is seen.
                    AnswerEffect other = concept.effects().get(1);
                    double untouched =
                            golf(made, Off.NONE, HandmadeSports.BOB, HandmadeSports.PLAYS);
                    assertThat(other.before()).isCloseTo(untouched, ROUNDING);
                    assertThat(other.after())
                            .isCloseTo(
                                    at == Change.At.ACTIVE
                                            ? untouched
                                            : golf(
                                                    made,
                                                    everywhere,
                                                    HandmadeSports.BOB,
                                                    HandmadeSports.PLAYS),
                                    ROUNDING);
                    // Part 3 in its place is active at no token of these; inactive ones are
                    // suppressed everywhere.
                    for (Concept.Control control : concept.controls()) {
                        double there = control.effects().getFirst().after();
                        switch (control.kind()) {
                            case ACTIVE_ELSEWHERE ->
                                    assertThat(there)
                                            .isCloseTo(
                                                    at == Change.At.ACTIVE
                                                            ? before
                                                            : golf(made, Off.everywhere(3), prompt),
                                                    ROUNDING);
                            case INACTIVE ->
                                    assertThat(there)
                                            .isCloseTo(
                                                    golf(made, Off.everywhere(5), prompt),
                                                    ROUNDING);
                            case SINGULAR ->
                                    assertThat(there)
                                            .isCloseTo(golf(made, everywhere, prompt), ROUNDING);
                        }
                        assertThat(control.count()).isEqualTo(1);
                    }
                    assertThat(concept.controls().stream().map(Concept.Control::kind))
                            .containsOnlyOnce(Kind.SINGULAR)
                            .hasSize(2 * Concept.DRAWS + 1);
                }
            }
        });
    }

    /// The tokens before the last, and that as the answer.
    private static Sentence sentence(Integer... tokens) {
        return new Sentence(List.of(tokens), Sentence.UNKNOWN, tokens.length - 1, tokens.length);
    }

    /// GPT-2 cuts "K", "obe", " Bryant", " plays"; a piece may begin within a token.
    @Test
    void positionsAreThoseOfTheTokensThatAPieceLiesIn() {
        R50k tokens = new R50k();
        String text = "Kobe Bryant plays";
        assertThat(TextRun.positions(tokens, text, "Kobe Bryant")).containsExactly(0, 1, 2);
        assertThat(TextRun.positions(tokens, text, "Bryant")).containsExactly(2);
        assertThat(TextRun.positions(tokens, text, "be B")).containsExactly(1, 2);
        assertThat(TextRun.positions(tokens, text, "K")).containsExactly(0);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> TextRun.positions(tokens, text, "golf"))
                .withMessage("prompt must hold \"golf\", got \"Kobe Bryant plays\"");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> TextRun.positions(tokens, text, ""))
                .withMessage("prompt must hold \"\", got \"Kobe Bryant plays\"");
    }

    @Test
    void noFactIsRefused() {
        with(made ->
                assertThatExceptionOfType(UserError.class)
                        .isThrownBy(() -> effects(made, Change.At.EVERYWHERE))
                        .withMessage("facts must be at least one, got none"));
    }
}
