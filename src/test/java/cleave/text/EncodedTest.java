package cleave.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.text.Encoded.Selection;
import cleave.text.Tokenizer.Special;
import java.util.List;
import org.junit.jupiter.api.Test;

class EncodedTest {
    private static final R50k WHOLE = new R50k();

    private static List<Integer> positions(String text, String piece) {
        return WHOLE.encoded(text, Special.AS_TEXT).within(piece).positions();
    }

    /// "K", "obe", " Bryant", " plays".
    @Test
    void aPieceIsTheTokensThatItLiesIn() {
        String text = "Kobe Bryant plays";
        assertThat(positions(text, "Kobe Bryant")).containsExactly(0, 1, 2);
        assertThat(positions(text, " Bryant")).containsExactly(2);
        assertThat(positions(text, "Bryant")).containsExactly(2);
        assertThat(positions(text, "K")).containsExactly(0);
    }

    @Test
    void tokensThatStandForMoreThanThePieceAreCut() {
        Encoded encoded = WHOLE.encoded("Kobe Bryant plays", Special.AS_TEXT);
        assertThat(encoded.within("Bryant")).isEqualTo(new Selection(List.of(2), List.of()));
        assertThat(encoded.within("be")).isEqualTo(new Selection(List.of(1), List.of(1)));
        assertThat(encoded.within("be Bry")).isEqualTo(new Selection(List.of(1, 2), List.of(1, 2)));
    }

    /// The first emoji is the bytes f0 9f / 98 / 80 in three tokens, which all stand for it.
    @Test
    void aTokenOfPartOfACharacterStandsForAllOfIt() {
        Encoded encoded = WHOLE.encoded("a😀b", Special.AS_TEXT);
        int count = encoded.tokens().size();
        assertThat(count).isGreaterThan(3);
        assertThat(encoded.spans().getFirst()).isEqualTo(new Span(0, 1));
        assertThat(encoded.spans().subList(1, count - 1)).containsOnly(new Span(1, 3));
        assertThat(encoded.spans().getLast()).isEqualTo(new Span(3, 4));
    }

    @Test
    void specialTokensStandForTheirText() {
        Encoded encoded = WHOLE.encoded("a<|endoftext|>b", Special.AS_TOKENS);
        assertThat(encoded.tokens()).containsExactly(64, 50256, 65);
        assertThat(encoded.spans())
                .containsExactly(new Span(0, 1), new Span(1, 14), new Span(14, 15));
        assertThat(WHOLE.encoded("", Special.AS_TEXT).tokens()).isEmpty();
    }

    @Test
    void aPieceThatIsNotThereIsNamed() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> positions("Kobe", "Tiger"))
                .withMessage("prompt must hold \"Tiger\", got \"Kobe\"");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> positions("Kobe", ""))
                .withMessage("prompt must hold \"\", got \"Kobe\"");
        Encoded dropped = new Encoded("a b", List.of(1), 0, List.of(new Span(0, 1)));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> dropped.within("b"))
                .withMessage(
                        "piece of the prompt must have a token, got \"b\", for which there is none");
    }

    @Test
    void halfACharacterIsRefused() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> WHOLE.encode("ab\ud83d"))
                .withMessage("text must be Unicode, got half a character, \\ud83d, after 2 others");
    }
}
