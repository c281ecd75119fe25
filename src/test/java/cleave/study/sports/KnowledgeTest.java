package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.analysis.Inquiry.Reply;
import cleave.config.UserError;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;

class KnowledgeTest {
    private final SequencedMap<Question, Reply> replies = new LinkedHashMap<>();

    private void reply(String subject, String topic, int phrasing, double probability, int rank) {
        replies.put(
                new Question(subject, topic, phrasing, subject + " " + phrasing, " " + topic),
                new Reply(Math.log(probability), rank, List.of(0L), List.of()));
    }

    private Knowledge knowledge(int phrasings) {
        return new Knowledge(
                new Catalogue(
                        List.copyOf(replies.keySet()),
                        java.util.Collections.nCopies(phrasings, "asked {name}"),
                        List.of("Anna", "Ben"),
                        Optional.empty()),
                replies);
    }

    /// In the second phrasing both are on top; in the first one the less probable answer is more
    /// probable but not on top.
    @Test
    void thePhrasingIsOneInWhichAllAreOnTop() {
        reply("Anna", "red", 0, 0.5, 1);
        reply("Ben", "blue", 0, 0.4, 2);
        reply("Anna", "red", 1, 0.3, 1);
        reply("Ben", "blue", 1, 0.2, 1);
        reply("Anna", "red", 2, 0.25, 1);
        reply("Ben", "blue", 2, 0.22, 1);

        assertThat(knowledge(3).best(List.of("Anna", "Ben"))).isEqualTo(2);
    }

    @Test
    void whereNoneIsOnTopTheLeastProbableAnswerDecides() {
        reply("Anna", "red", 0, 0.09, 4);
        reply("Ben", "blue", 0, 0.02, 9);
        reply("Anna", "red", 1, 0.04, 7);
        reply("Ben", "blue", 1, 0.03, 6);

        assertThat(knowledge(2).best(List.of("Anna", "Ben"))).isEqualTo(1);
    }

    @Test
    void aPhrasingThatNotAllHaveIsPassedOver() {
        reply("Anna", "red", 0, 0.9, 1);
        reply("Anna", "red", 1, 0.1, 3);
        reply("Ben", "blue", 1, 0.1, 3);

        assertThat(knowledge(2).best(List.of("Anna", "Ben"))).isEqualTo(1);
        assertThatThrownBy(() -> knowledge(2).best(List.of("Anna", "Carl")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("subjects must have a phrasing in common, got none");
    }

    @Test
    void theTableCountsWhatIsOnTopAndSaysTheRankOfTheRest() {
        reply("Anna", "red", 0, 0.5, 1);
        reply("Ben", "blue", 0, 0.25, 3);
        reply("Carl", "red", 0, 0.5, 1);
        Knowledge knowledge = knowledge(1);

        assertThat(knowledge.onTop(0)).isEqualTo(2);
        assertThat(knowledge.reply("Dora", 0)).isEmpty();
        assertThat(knowledge.text(List.of("Anna", "Ben", "Dora")))
                .contains("0 asked {name}", "2 of 3", "50.00 %", "25.00 % (rank 3)");
    }

    @Test
    void theTableFitsATerminal() {
        SportsTable table = SportsTable.shipped();
        Catalogue athletes = Catalogue.athletes(table);
        for (Question each : athletes.questions()) {
            replies.put(each, new Reply(Math.log(0.1), 12345, List.of(0L), List.of()));
        }

        assertThat(new Knowledge(athletes, replies).text(athletes.usual()).lines())
                .allMatch(line -> line.length() <= 100);
    }
}
