package cleave.study.facts;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.study.facts.Statement.About;
import java.util.List;
import org.junit.jupiter.api.Test;

class NeighboursTest {
    private static final Statement ANN_0 = forward("golf", "Ann", 0, "Ann plays");
    private static final Statement ANN_1 = forward("golf", "Ann", 1, "The sport of Ann is");
    private static final Statement BOB_0 = forward("golf", "Bob", 0, "Bob plays");
    private static final Statement BOB_1 = forward("golf", "Bob", 1, "The sport of Bob is");
    private static final Statement CID_0 = forward("tennis", "Cid", 0, "Cid plays");
    private static final Statement CID_1 = forward("tennis", "Cid", 1, "The sport of Cid is");
    private static final Statement OF_ANN = reverse("golf", "Ann", 0);
    private static final Statement OF_ANN_TOO = reverse("golf", "Ann", 1);
    private static final Statement OF_BOB = reverse("golf", "Bob", 0);
    private static final Statement TRAINED = knowledge(0, false);
    private static final Statement HELD_OUT = knowledge(1, true);
    private static final List<Statement> ALL =
            List.of(
                    ANN_0,
                    ANN_1,
                    OF_ANN,
                    OF_ANN_TOO,
                    BOB_0,
                    BOB_1,
                    OF_BOB,
                    CID_0,
                    CID_1,
                    TRAINED,
                    HELD_OUT);

    private static Statement forward(String sport, String name, int phrasing, String prompt) {
        return new Statement(
                About.FORWARD, sport, name, name, phrasing, prompt, " " + sport, ".", false);
    }

    private static Statement reverse(String sport, String name, int phrasing) {
        return new Statement(
                About.REVERSE, sport, "one", name, phrasing, "Who?", " " + name, ".", true);
    }

    private static Statement knowledge(int phrasing, boolean heldOut) {
        return new Statement(
                About.KNOWLEDGE,
                "colors",
                "sky",
                "sky",
                phrasing,
                "The sky is",
                " blue",
                ".",
                heldOut);
    }

    @Test
    void whatIsAskedBesideAFact() {
        Neighbours ann = Neighbours.of(ALL, ANN_1);

        assertThat(ann.asked()).isEqualTo(ANN_1);
        assertThat(ann.paraphrases()).containsExactly(ANN_0);
        assertThat(ann.sameSport()).containsExactly(BOB_1);
        assertThat(ann.otherSports()).containsExactly(CID_1);
        assertThat(ann.reverse()).containsExactly(OF_ANN, OF_ANN_TOO);
        assertThat(ann.knowledge()).containsExactly(HELD_OUT);

        Neighbours cid = Neighbours.of(ALL, CID_0);
        assertThat(cid.sameSport()).isEmpty();
        assertThat(cid.otherSports()).containsExactly(ANN_0, BOB_0);
        assertThat(cid.reverse()).isEmpty();
    }

    @Test
    void aPromptIsItsOwnStatementOrElseTheFirstOfTheAthleteItNames() {
        assertThat(Neighbours.around(ALL, "The sport of Bob is", " golf"))
                .hasValueSatisfying(found -> assertThat(found.asked()).isEqualTo(BOB_1));
        assertThat(Neighbours.around(ALL, "Nobody but Bob plays", " golf"))
                .hasValueSatisfying(found -> assertThat(found.asked()).isEqualTo(BOB_0));
    }

    @Test
    void anotherSportOrNobodysNameIsNoFact() {
        assertThat(Neighbours.around(ALL, "Bob plays", " tennis")).isEmpty();
        assertThat(Neighbours.around(ALL, "Bob plays", "golf")).isEmpty();
        assertThat(Neighbours.around(ALL, "Eve plays", " golf")).isEmpty();
        assertThat(Neighbours.around(ALL, "The sky is", " blue")).isEmpty();
        assertThat(Neighbours.around(List.of(), "Bob plays", " golf")).isEmpty();
    }

    /// Nine athletes each of eight sports; a home and a nickname, eight phrasings each.
    @Test
    void theShippedTablesNumbers() {
        List<Statement> all = Statement.of(FactTable.shipped());
        Neighbours kobe = Neighbours.of(all, all.getFirst());
        assertThat(kobe.asked().subject()).isEqualTo("Kobe Bryant");
        assertThat(kobe.paraphrases()).hasSize(7);
        assertThat(kobe.sameSport()).hasSize(8);
        assertThat(kobe.otherSports()).hasSize(63);
        assertThat(kobe.reverse()).hasSize(16);
        assertThat(kobe.knowledge()).hasSize(103);
    }
}
